"""The checker counts objects and finds planted faults."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from pixelopolis.model_io.voc.annotation import Annotation, Box, LabeledObject, write_annotation
from pixelopolis.model_io.voc.check import check_dataset, write_pictures
from pixelopolis.model_io.voc.dataset import VocDataset

GOOD = LabeledObject("Go", Box(20, 30, 40, 50))


def write(folder: Path, name: str, objects: Iterable[LabeledObject], width_px: int = 240) -> None:
    for part in ("Annotations", "JPEGImages"):
        (folder / part).mkdir(exist_ok=True)
    image = np.random.default_rng(1).integers(0, 255, (160, 240, 3), dtype=np.uint8)
    assert cv2.imwrite(str(folder / "JPEGImages" / f"{name}.jpg"), image)
    annotation = Annotation(f"{name}.jpg", width_px, 160, tuple(objects))
    write_annotation(folder / "Annotations" / f"{name}.xml", annotation)


def found(folder: Path) -> list[tuple[str, str, int | None]]:
    return [(f.kind, f.name, f.number) for f in check_dataset(VocDataset(folder)).findings]


def test_a_sound_folder_is_counted(tmp_path: Path) -> None:
    small = LabeledObject("Car", Box(0, 0, 3, 3), difficult=True, truncated=True)
    write(tmp_path, "a", [GOOD, small])
    write(tmp_path, "b", [])
    done: list[int] = []
    report = check_dataset(VocDataset(tmp_path), progress=done.append)
    assert done == [1, 1]
    assert not report.findings
    document = report.document()
    assert (document["images"], document["empty_images"], document["objects"]) == (2, 1, 2)
    assert document["classes"]["Go"]["heights_px"]["20"] == 1
    assert document["classes"]["Car"] == {
        "objects": 1,
        "difficult": 1,
        "truncated": 1,
        "heights_px": {"0": 1, "8": 0, "12": 0, "20": 0, "40": 0},
    }


def test_sizes_are_counted_at_the_detectors_input(tmp_path: Path) -> None:
    write(tmp_path, "a", [])
    photo = Annotation("a.jpg", 2400, 3200, (LabeledObject("Go", Box(0, 0, 150, 150)),))
    write_annotation(tmp_path / "Annotations" / "a.xml", photo)
    assert check_dataset(VocDataset(tmp_path)).heights["Go", 12] == 1


def test_every_planted_fault_is_found(tmp_path: Path) -> None:
    planted = {
        "unicorn": [GOOD, LabeledObject("Unicorn", Box(0, 0, 20, 20))],
        "flat": [LabeledObject("Go", Box(20, 20, 20, 30))],
        "off": [LabeledObject("Go", Box(230, 20, 250, 40))],
        "tiny": [LabeledObject("Go", Box(20, 20, 23, 40))],
        "twice": [GOOD, LabeledObject("Hand", Box(20, 30, 40, 50)), GOOD],
    }
    for name, objects in planted.items():
        write(tmp_path, name, objects)
    write(tmp_path, "stretched", [GOOD], width_px=300)
    write(tmp_path, "torn", [])
    (tmp_path / "Annotations" / "torn.xml").write_text("<annotation>")
    write(tmp_path, "blind", [GOOD])
    (tmp_path / "JPEGImages" / "blind.jpg").unlink()
    write(tmp_path, "bare", [])
    (tmp_path / "Annotations" / "bare.xml").unlink()
    assert sorted(found(tmp_path)) == sorted(
        [
            ("unknown class", "unicorn", 1),
            ("no area", "flat", 0),
            ("outside the picture", "off", 0),
            ("tiny", "tiny", 0),
            ("duplicate", "twice", 2),
            ("wrong picture size", "stretched", None),
            ("unreadable annotation", "torn", None),
            ("missing picture", "blind", None),
            ("picture without annotation", "bare", None),
        ]
    )


def test_splits_must_not_overlap_nor_name_what_is_not_there(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, [GOOD])
    dataset = VocDataset(tmp_path)
    dataset.write_split("train", ["a", "b"])
    dataset.write_split("test", ["b", "c"])
    assert sorted(found(tmp_path)) == [
        ("in two splits", "b", None),
        ("missing annotation", "c", None),
    ]


def test_suspicious_pictures_come_first_and_a_fault_is_an_exit_code(tmp_path: Path) -> None:
    data, sheets = tmp_path / "data", tmp_path / "sheets"
    data.mkdir()
    for number in range(20):
        write(data, f"good{number:02d}", [GOOD])
    write(data, "zebra", [LabeledObject("Unicorn", Box(0, 0, 20, 20))])
    dataset = VocDataset(data)
    report = check_dataset(dataset)
    paths = write_pictures(dataset, report, sheets, dataset.names(), most=18)
    assert [path.name for path in paths] == ["sheet_00.png", "sheet_01.png"]
    first = cv2.imread(str(paths[0]))
    assert first is not None
    corner = first[:60, :60].astype(int)
    red = (corner[..., 2] > 200) & (corner[..., :2].max(axis=2) < 80)
    assert red.sum() > 20, "the unicorn's box is marked in the first picture"
    result = CliRunner().invoke(app, ["data", "check", str(data), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["findings_by_kind"] == {"unknown class": 1}
    result = CliRunner().invoke(app, ["data", "check", str(data)])
    assert "Unicorn" in result.output


def test_a_folder_without_annotations_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert result.exit_code != 0
