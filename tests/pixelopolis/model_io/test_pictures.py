"""Images are read whole or refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.errors import DatasetError
from pixelopolis.model_io.pictures import read_each, read_picture, read_pixels
from tests.support.voc_folders import jpeg

WHOLE = jpeg()
IMAGE = cv2.imdecode(np.frombuffer(WHOLE, np.uint8), cv2.IMREAD_COLOR)


def encoded(suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, IMAGE, options)[1].tobytes()


FORMATS = {
    "baseline.jpg": WHOLE,
    "progressive.jpg": encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts.jpg": encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 4),
    "picture.png": encoded(".png"),
    "picture.bmp": encoded(".bmp"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_picture_has_the_pixels_that_opencv_reads(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(FORMATS[name])
    expected = cv2.imread(str(tmp_path / name), cv2.IMREAD_COLOR)
    assert expected is not None
    np.testing.assert_array_equal(read_picture(tmp_path / name), expected[..., ::-1])


def test_gray_and_turned_pictures_and_deep_ones_are_read(tmp_path: Path) -> None:
    path = tmp_path / "grey.jpg"
    assert cv2.imwrite(str(path), IMAGE[..., 0])
    assert read_picture(path).shape == IMAGE.shape
    turned = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(turned) + 2).to_bytes(2, "big") + turned
    path.write_bytes(WHOLE[:2] + segment + WHOLE[2:])
    assert read_picture(path).shape == (240, 160, 3)
    deep = tmp_path / "deep.png"
    assert cv2.imwrite(str(deep), IMAGE.astype(np.uint16) * 257)
    assert read_pixels(deep, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH).dtype == np.uint16


@pytest.mark.parametrize("name", FORMATS)
@given(part=st.floats(0.0, 1.0, exclude_max=True))
def test_a_file_that_ends_early_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, part: float
) -> None:
    path = tmp_path_factory.getbasetemp() / f"cut-{name}"
    path.write_bytes(FORMATS[name][: int(part * len(FORMATS[name]))])
    with pytest.raises(DatasetError, match=f"cut-{name}"):
        read_picture(path)


@pytest.mark.parametrize("name", ["baseline.jpg", "progressive.jpg", "restarts.jpg"])
def test_damage_inside_a_jpeg_is_refused_also_when_its_end_is_there(
    tmp_path: Path, name: str
) -> None:
    data = FORMATS[name]
    middle = len(data) // 2
    for damaged in (
        data[:middle] + b"\xff\xd9",
        data[:middle] + bytes(60) + data[middle + 60 :],
        data[:middle] + data[middle + 2000 :],
    ):
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(DatasetError, match="is damaged"):
            read_picture(tmp_path / name)


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def odd_files() -> dict[str, bytes]:
    """Return complete images that libjpeg warns of."""
    start = WHOLE.index(b"\xff\xda")
    end = start + 2 + int.from_bytes(WHOLE[start + 2 : start + 4], "big")
    assert WHOLE[end - 3 : end] == b"\x00\x3f\x00"
    assert WHOLE[6:12] == b"JFIF\0\x01"
    return {
        "telephone": replaced(WHOLE, end - 2, b"\0"),  # some write 0 for the end of the spectrum
        "version": replaced(WHOLE, 11, b"\x09"),
        "both": replaced(replaced(WHOLE, end - 2, b"\0"), 11, b"\x09"),
        "progressive": replaced(FORMATS["progressive.jpg"], 11, b"\x09"),
    }


@pytest.mark.parametrize("name", odd_files())
def test_a_warning_that_loses_nothing_is_no_damage_and_hides_none(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "odd.jpg"
    whole = odd_files()[name]
    path.write_bytes(whole)
    expected = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read_picture(path), expected[..., ::-1])
    middle = len(whole) // 2
    for damaged in (
        replaced(whole, middle, bytes(400)),
        whole[:middle],
        whole[:middle] + b"\xff\xd9",
        whole[:middle] + whole[middle + 2000 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match="is damaged"):
            read_picture(path)


def test_no_picture_and_no_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("a text")
    for name in ("text.jpg", "missing.jpg", "."):
        with pytest.raises(DatasetError, match=str(tmp_path)):
            read_picture(tmp_path / name)


def test_many_are_read_in_order_and_all_faults_told_at_the_end() -> None:
    def read(number: int) -> int:
        if number % 3 == 2:
            raise DatasetError(f"{number} is torn.", "Mend it.")
        return -number

    told: list[tuple[int, int]] = []
    items = range(2)
    assert list(read_each(items, read, lambda *done: told.append(done))) == [0, -1]
    assert told == [(2, 2)]
    with pytest.raises(DatasetError, match=r"^\[PX202\] 2 is torn. Mend it.$"):
        list(read_each(range(4), read))
    with pytest.raises(DatasetError, match=r"^\[PX202\] 2 of 7 pictures .* 2 is torn. 5 is torn."):
        list(read_each(range(7), read))
