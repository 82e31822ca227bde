"""`evaluate original`: both models in both settings, and the page that it fills."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from car.perception.lane_network import SHIPPED_MODEL
from pixelopolis.cli.evaluate_original import KIND, frames_table, town_table
from pixelopolis.cli.main import app
from pixelopolis.experiments.pages import fill
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "explanation" / "original.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The original's layout, with our model under its name."""
    for name in ("models", "lane_dataset/labels", "lane_dataset/images/s"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy(SHIPPED_MODEL, tmp_path / "models" / "lane_detector.tflite")
    names = [f"s/1_{camera}.png" for camera in ("center", "left", "right")]
    for name in names:
        image = np.full((80, 60, 3), 200, dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / "lane_dataset" / "images" / name), image)
    labels = tmp_path / "lane_dataset" / "labels" / "a.csv"
    labels.write_text(",".join([*names, "-0.1"]), "utf-8")
    return tmp_path


def test_both_models_drive_the_same_and_look_at_the_same(folder: Path) -> None:
    page = folder / "page.md"
    page.write_text(PAGE.read_text("utf-8"), "utf-8")
    command = ["evaluate", "original", "--folder", str(folder), "--metres", "1", "--looks", "1"]
    result = CliRunner().invoke(app, [*command, "--docs", str(page), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    theirs, ours = document["town"]["original's"], document["town"]["ours"]
    assert theirs["routes"] == ours["routes"] == "straight on"
    # the same model under both names, so the same drive
    assert theirs["mean_abs_deviation_m"] == ours["mean_abs_deviation_m"]
    assert [row["road"] for row in ours["by_road"]] == [ours["by_look"][0]["road"]]
    assert document["frames"]["original's"] == document["frames"]["ours"]
    assert document["frames"]["ours"]["frames"] == 3
    text = page.read_text("utf-8")
    assert town_table(document["town"]) in text
    assert frames_table(document["frames"]) in text


def test_a_page_without_places_is_refused_before_the_work(folder: Path) -> None:
    page = folder / "page.md"
    page.write_text("# nothing\n", "utf-8")
    command = ["evaluate", "original", "--folder", str(folder), "--docs", str(page)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0
    assert "<!-- original:town -->" in str(result.exception)
    assert page.read_text("utf-8") == "# nothing\n"


def test_a_folder_without_the_model_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "original", "--folder", str(tmp_path)])
    assert result.exit_code != 0
    assert "lane_detector.tflite" in str(result.exception)


def test_the_shipped_page_has_its_places() -> None:
    assert fill(PAGE.read_text("utf-8"), {"town": "a", "frames": "b"}, KIND)
