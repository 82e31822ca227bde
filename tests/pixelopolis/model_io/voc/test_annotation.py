"""Annotations survive a round trip to disk, and faults are named."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.voc.annotation import (
    Annotation,
    Box,
    LabeledObject,
    read_annotation,
    write_annotation,
)
from pixelopolis.model_io.voc.dataset import VocDataset

WHOLE = st.integers(-5, 300).map(float)
OBJECTS = st.builds(
    LabeledObject,
    class_name=st.sampled_from(SIGN_CLASSES),
    box_px=st.builds(Box, WHOLE, WHOLE, WHOLE, WHOLE),
    difficult=st.booleans(),
    truncated=st.booleans(),
    visible=st.none() | st.integers(0, 1000).map(lambda n: n / 1000),
    view_angle_deg=st.none() | st.integers(0, 900).map(lambda n: n / 10),
)
ANNOTATIONS = st.builds(
    Annotation,
    file_name=st.just("one.jpg"),
    width_px=st.integers(1, 4000),
    height_px=st.integers(1, 4000),
    objects=st.lists(OBJECTS, max_size=5).map(tuple),
    source=st.dictionaries(
        st.sampled_from(("look", "city", "scene")), st.text("abc:17<&>é", min_size=1)
    ),
)

BY_HAND = """<annotation><filename>photo.png</filename><size><width>640</width>
<height>480</height></size><object><name>Go</name><bndbox><xmin>11</xmin><ymin>21.0</ymin>
<xmax>20</xmax><ymax>40</ymax></bndbox></object></annotation>"""


@given(annotation=ANNOTATIONS)
def test_an_annotation_comes_back_as_it_was(annotation: Annotation) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.xml"
        write_annotation(path, annotation)
        assert read_annotation(path) == annotation


def test_files_count_pixels_from_one_and_the_program_from_zero(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    seen = LabeledObject("Go", Box(0.0, 4.5, 10.0, 8.2))
    write_annotation(path, Annotation("one.jpg", 240, 160, (seen,)))
    text = path.read_text()
    assert "<xmin>1</xmin>" in text
    assert "<xmax>10</xmax>" in text
    assert read_annotation(path).objects[0].box_px == Box(0, 4, 10, 9)


def test_tags_that_labelimg_leaves_out_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "photo.xml").write_text(BY_HAND)
    (tmp_path / "photo.png").write_bytes(b"picture")
    dataset = VocDataset(tmp_path)
    assert dataset.names("train") == dataset.names() == ("photo",)
    read = dataset.annotation("photo")
    assert read.objects == (LabeledObject("Go", Box(10, 20, 20, 40)),)
    assert dataset.image_path("photo", read.file_name) == tmp_path / "photo.png"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("<xmin>11</xmin>", "", r"object\[0\].bndbox/xmin .* None"),
        ("<ymax>40<", "<ymax>forty<", "'forty'"),
        ("<name>Go</name>", "", "name is missing"),
        ("<width>640</width>", "", "size/width"),
        ("</annotation>", "", "no readable XML"),
        ("<xmax>20<", "<xmax>nan<", "xmax"),
    ],
)
def test_a_fault_names_file_and_field(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "photo.xml"
    path.write_text(BY_HAND.replace(old, new))
    with pytest.raises(DatasetError, match=named) as caught:
        read_annotation(path)
    assert str(path) in caught.value.message


def test_splits_are_listed_and_a_missing_one_is_named(tmp_path: Path) -> None:
    dataset = VocDataset(tmp_path)
    with pytest.raises(DatasetError, match="no annotations"):
        dataset.names()
    with pytest.raises(DatasetError, match="no split 'val'"):
        dataset.names("val")
    dataset.write_split("train", ["b", "a"])
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("c  1\n\nd -1\n")
    assert dataset.names("train") == ("b", "a")
    assert dataset.names("val") == ("c", "d")
    with pytest.raises(DatasetError, match="it has train, val"):
        dataset.names("test")
    with pytest.raises(DatasetError, match=r"b\.xml: missing picture"):
        dataset.image_path("b")


def test_overlap_of_boxes() -> None:
    assert Box(0, 0, 2, 2).iou(Box(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert Box(0, 0, 2, 2).iou(Box(2, 0, 3, 2)) == 0
    assert Box(1, 1, 1, 1).iou(Box(1, 1, 1, 1)) == 0
