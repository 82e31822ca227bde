"""Any content of an annotation file: accepted boxes are valid, and faults are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import PixelopolisError
from pixelopolis.model_io.voc.check import check_dataset
from pixelopolis.model_io.voc.dataset import VocDataset
from pixelopolis.model_io.voc.importer import import_dataset
from tests.support.voc_folders import HEIGHT_PX, WIDTH_PX, jpeg, write, xml
from training.detector.data import load

SOUND = xml("a.jpg").encode()
NUMBERS = st.one_of(
    st.integers(-5, WIDTH_PX + 5).map(str),
    st.floats().map(str),
    st.sampled_from(["", " ", "1e999", "-0", "0x10", "١٢", "1_0", "nan", "twelve"]),
)
NAMES = st.one_of(
    st.sampled_from(["a.jpg", "b.jpg", "..", "/", "a" * 300, "..\\a.jpg", "", "a.jpg/"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("C",), exclude_characters="<&")),
)
TAGS = st.sampled_from(["Left", "Unicorn", "", " Go "])


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Well-formed annotations with any values, missing, repeated or nested tags."""

    def tag(name: str, content: str) -> str:
        return draw(st.sampled_from([f"<{name}>{content}</{name}>"] * 6 + ["", f"<{name}/>"]))

    def item() -> str:
        box = "".join(tag(side, draw(NUMBERS)) for side in ("xmin", "ymin", "xmax", "ymax"))
        extra = "".join(
            tag(name, draw(NUMBERS))
            for name in ("difficult", "truncated", "visible", "view_angle_deg")
            if draw(st.booleans())
        )
        return tag("object", tag("name", draw(TAGS)) + tag("bndbox", box) + extra)

    width, height = draw(st.just((str(WIDTH_PX), str(HEIGHT_PX))) | st.tuples(NUMBERS, NUMBERS))
    size = tag("size", tag("width", width) + tag("height", height))
    items = "".join(item() for _ in range(draw(st.integers(0, 3))))
    return tag("annotation", tag("filename", draw(NAMES)) + size + items).encode()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with bytes removed, inserted or replaced."""
    data = bytearray(SOUND)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.integers(0, 12))
        data[at:end] = draw(st.binary(max_size=12) | st.sampled_from([b"-", b"9", b"<!", b"&lt;"]))
    return bytes(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = {"JPEGImages/a.jpg": jpeg(), "JPEGImages/b.jpg": jpeg(2)}
    return write(tmp_path_factory.mktemp("voc"), pictures)


@given(content=documents() | damaged() | st.binary(max_size=60))
def test_no_annotation_brings_an_unsound_box_into_training(folder: Path, content: bytes) -> None:
    dataset = VocDataset(write(folder, {"Annotations/a.xml": content}))
    report = check_dataset(dataset)  # raises nothing, whatever the content
    try:
        data = load(folder, dataset.names())
    except PixelopolisError:
        assert report.faults, "what training refuses, the check has told"
        return
    (objects,) = data.objects
    top, left, bottom, right = objects.boxes.T
    assert np.isfinite(objects.boxes).all()
    assert ((top < bottom) & (left < right)).all()
    assert ((top >= 0) & (left >= 0) & (bottom <= HEIGHT_PX) & (right <= WIDTH_PX)).all()
    assert ((objects.visible >= 0) & (objects.visible <= 1)).all()


@given(lines=st.binary(max_size=80), split=st.sampled_from(["train", "val"]))
def test_any_bytes_as_a_split_are_read_or_named(folder: Path, lines: bytes, split: str) -> None:
    write(folder, {"Annotations/a.xml": SOUND, f"ImageSets/Main/{split}.txt": lines})
    try:
        load(folder, VocDataset(folder).names(split))
    except PixelopolisError:
        return
    finally:
        (folder / "ImageSets" / "Main" / f"{split}.txt").unlink()


@given(lines=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=4))
def test_any_yolo_line_is_read_soundly_or_named(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    base = tmp_path_factory.mktemp("yolo")
    files = {
        "labels/a.txt": "\n".join(lines),
        "images/a.jpg": jpeg(),
        "classes.txt": "Left\n",
    }
    try:
        import_dataset(write(base / "in", files), base / "out")
    except PixelopolisError:
        assert not (base / "out").exists()
    else:
        VocDataset(base / "out").annotation("a")
