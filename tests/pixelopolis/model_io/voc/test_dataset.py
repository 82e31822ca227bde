"""Folders made by people: read as intended, or refused by name."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError
from pixelopolis.model_io.voc.annotation import Box
from pixelopolis.model_io.voc.check import check_dataset
from pixelopolis.model_io.voc.dataset import VocDataset
from pixelopolis.model_io.voc.importer import import_dataset
from tests.support.voc_folders import jpeg, write, xml
from training.detector.data import load

A = {"Annotations/a.xml": xml("a.jpg"), "JPEGImages/a.jpg": jpeg()}
STREET = "Straße ä 1"
TRAIN = "ImageSets/Main/train.txt"

SOUND: dict[str, tuple[dict[str, str | bytes], str]] = {
    "endings of pictures in the list": ({**A, TRAIN: "a.jpg\n"}, "a"),
    "a byte order mark and Windows' line ends": ({**A, TRAIN: "\ufeffa\r\n"}, "a"),
    "folders in the list": ({**A, TRAIN: "data\\JPEGImages\\a.jpg\n"}, "a"),
    "a list of one class": ({**A, TRAIN: "a  1\n"}, "a"),
    "spaces and letters beyond ASCII": (
        {
            f"Annotations/{STREET}.xml": xml(f"{STREET}.jpg"),
            f"JPEGImages/{STREET}.jpg": jpeg(),
            TRAIN: f"{STREET}\n",
        },
        STREET,
    ),
    "letters and accents apart, as macOS writes them": (
        {
            f"Annotations/{unicodedata.normalize('NFD', STREET)}.xml": xml(""),
            f"JPEGImages/{unicodedata.normalize('NFD', STREET)}.jpg": jpeg(),
            TRAIN: f"{unicodedata.normalize('NFC', STREET)}.jpg\n",
        },
        unicodedata.normalize("NFD", STREET),
    ),
    "two folders with small letters": (
        {"annotations/a.xml": xml("a.jpg"), "images/a.jpg": jpeg()},
        "a",
    ),
    "a file name with a Windows folder": (
        {**A, "Annotations/a.xml": xml("C:\\photos\\a.jpg")},
        "a",
    ),
    "a file name that is no more": ({**A, "Annotations/a.xml": xml("DSC_0001.jpg")}, "a"),
    "a renamed annotation": ({"Annotations/b.xml": xml("a.jpg"), "JPEGImages/a.jpg": jpeg()}, "b"),
}

WRONG: dict[str, tuple[dict[str, str | bytes], str]] = {
    "names another picture": (
        {
            **A,
            "Annotations/a.xml": xml("b.jpg"),
            "Annotations/b.xml": xml("b.jpg"),
            "JPEGImages/b.jpg": jpeg(2),
        },
        "a",
    ),
    "two annotations of one picture": ({**A, "Annotations/b.xml": xml("a.jpg")}, "b"),
    "several pictures of one name": (
        {**A, "Annotations/a.xml": xml(""), "JPEGImages/a.png": jpeg(2)},
        "a",
    ),
    "missing picture": ({"Annotations/a.xml": xml("a.jpg"), "JPEGImages/b.txt": ""}, "a"),
    "damaged picture": ({**A, "JPEGImages/a.jpg": jpeg()[:900]}, "a"),
    "wrong picture size": (
        {**A, "JPEGImages/a.jpg": cv2.imencode(".jpg", np.zeros((240, 160, 3)))[1].tobytes()},
        "a",
    ),
    "no area": ({**A, "Annotations/a.xml": xml("a.jpg", (60, 60, 10, 10))}, "a"),
    "outside the picture": ({**A, "Annotations/a.xml": xml("a.jpg", (200, 100, 300, 200))}, "a"),
    "counted from 0": ({**A, "Annotations/a.xml": xml("a.jpg", (0, 0, 50, 50))}, "a"),
    "unreadable annotation": (
        {**A, "Annotations/a.xml": '<?xml version="1.0" encoding="gb2312"?><annotation/>'},
        "a",
    ),
}


@pytest.mark.parametrize("case", SOUND)
def test_what_is_meant_is_read(tmp_path: Path, case: str) -> None:
    files, name = SOUND[case]
    dataset = VocDataset(write(tmp_path, files))
    assert dataset.names("train") == (name,)
    data = load(tmp_path, dataset.names("train"))
    np.testing.assert_allclose(data.objects[0].boxes, [[9, 9, 60, 60]])
    assert not check_dataset(dataset).findings


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_found_by_the_check_and_refused_by_training(
    tmp_path: Path, kind: str
) -> None:
    files, name = WRONG[kind]
    dataset = VocDataset(write(tmp_path, files))
    assert [(f.kind, f.name) for f in check_dataset(dataset).faults] == [(kind, name)]
    with pytest.raises(DatasetError, match=rf"{name}\.(xml|jpg)"):
        load(tmp_path, dataset.names("train"))
    assert CliRunner().invoke(app, ["data", "check", str(tmp_path)]).exit_code == 1


def test_two_annotations_may_not_share_a_picture_of_another_name(tmp_path: Path) -> None:
    files = {f"Annotations/{name}.xml": xml("x.jpg") for name in "ab"}
    dataset = VocDataset(write(tmp_path, {**files, "JPEGImages/x.jpg": jpeg()}))
    kinds = [(f.kind, f.name) for f in check_dataset(dataset).faults]
    assert kinds == [("two annotations of one picture", "b")]
    with pytest.raises(DatasetError, match=r"'a' and 'b' of .* are of one picture, x\.jpg"):
        load(tmp_path, dataset.names())


def test_a_picture_that_no_annotation_means_is_found_beside_one_of_its_name(tmp_path: Path) -> None:
    dataset = VocDataset(write(tmp_path, {**A, "JPEGImages/a.png": jpeg(2)}))
    (finding,) = check_dataset(dataset).findings
    assert (finding.kind, finding.detail) == ("picture without annotation", "a.png")


def test_all_damaged_pictures_are_counted_in_one_message(tmp_path: Path) -> None:
    files = {f"Annotations/{n}.xml": xml(f"{n}.jpg") for n in range(9)}
    pictures = {f"JPEGImages/{n}.jpg": jpeg(n)[: 900 if n else None] for n in range(9)}
    dataset = VocDataset(write(tmp_path, {**files, **pictures}))
    with pytest.raises(DatasetError, match=r"8 of 9 pictures cannot be used.*1\.jpg.*5\.jpg"):
        load(tmp_path, dataset.names())


def test_a_list_in_another_encoding_is_named(tmp_path: Path) -> None:
    dataset = VocDataset(write(tmp_path, {**A, TRAIN: "Straße\n".encode("utf-16")}))
    with pytest.raises(DatasetError, match=r"train\.txt cannot be read.*UTF-8"):
        dataset.names("train")


def test_a_message_names_what_reads_yolo_and_pixels_from_0(tmp_path: Path) -> None:
    yolo = write(tmp_path / "yolo", {"labels/a.txt": "0 .5 .5 .1 .1\n", "images/a.jpg": jpeg()})
    with pytest.raises(DatasetError, match=r"YOLO.*pixelopolis data import .*yolo"):
        VocDataset(yolo).names("train")
    zero = {**A, "Annotations/a.xml": xml("a.jpg", (0, 0, 50, 50))}
    write(tmp_path / "zero", zero)
    with pytest.raises(DatasetError, match=r"counts pixels from 1.*data import .*--first-pixel 0"):
        VocDataset(tmp_path / "zero").annotation("a")


def imported(folder: Path, out: Path, *options: str) -> dict[str, object]:
    command = ["data", "import", str(folder), "--out", str(out), "--json", *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    document: dict[str, object] = json.loads(result.stdout)
    assert not check_dataset(VocDataset(out)).findings
    return document


def test_boxes_from_0_are_read_and_written_from_1(tmp_path: Path) -> None:
    zero = {**A, "Annotations/a.xml": xml("a.jpg", (0, 0, 239, 159)), TRAIN: "a\n"}
    out = tmp_path / "voc"
    imported(write(tmp_path / "zero", zero), out, "--first-pixel", "0")
    assert VocDataset(out).annotation("a").objects[0].box_px == Box(0, 0, 240, 160)
    assert VocDataset(out).names("train") == ("a",)
    assert (out / "JPEGImages" / "a.jpg").read_bytes() == A["JPEGImages/a.jpg"]


def test_yolo_labels_become_pascal_voc_with_their_splits(tmp_path: Path) -> None:
    yolo = write(
        tmp_path / "yolo",
        {
            "labels/train/a.txt": "0 0.5 0.5 0.5 0.25\n1 0.1 0.1 0.2 0.2001\n",
            "images/train/a.jpg": jpeg(),
            "labels/val/b.txt": "",
            "images/val/b.jpg": jpeg(2),
            "classes.txt": "Left\nGo\n",
        },
    )
    document = imported(yolo, tmp_path / "voc")
    assert document["splits"] == {"train": 1, "val": 1}
    dataset = VocDataset(tmp_path / "voc")
    first, second = dataset.annotation(dataset.names("train")[0]).objects
    assert (first.class_name, first.box_px) == ("Left", Box(60, 60, 180, 100))
    assert (second.class_name, second.box_px) == ("Go", Box(0, 0, 48, 33)), "cut at the border"


def test_two_pictures_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    files = {f"labels/{split}/a.txt": "" for split in ("train", "val")}
    pictures = {f"images/{split}/a.jpg": jpeg() for split in ("train", "val")}
    yolo = write(tmp_path / "yolo", {**files, **pictures, "classes.txt": "Left\n"})
    with pytest.raises(DatasetError, match=r"train/a\.txt and .*val/a\.txt are of pictures of one"):
        import_dataset(yolo, tmp_path / "new" / "voc")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("5 .5 .5 .1 .1", r"a\.txt:1: '5 .5"),
        ("-1 .5 .5 .1 .1", "not a line of YOLO"),
        ("0 .5 .5 .1", "not a line of YOLO"),
        ("0 .9 .5 .4 .1", "outside the picture"),
        ("0 .5 .5 nan .1", "no area"),
        ("0 .5 .5 0 .1", "no area"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing_behind(
    tmp_path: Path, line: str, named: str
) -> None:
    files = {"labels/a.txt": line, "images/a.jpg": jpeg(), "labels/classes.txt": "Left\n"}
    yolo = write(tmp_path / "yolo", files)
    result = CliRunner().invoke(app, ["data", "import", str(yolo), "--out", str(tmp_path / "voc")])
    assert isinstance(result.exception, DatasetError)
    with pytest.raises(DatasetError, match=named):
        raise result.exception
    assert [path.name for path in tmp_path.iterdir()] == ["yolo"]
