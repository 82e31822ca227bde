"""`pixelopolis evaluate photographs` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pixelopolis.cli.main import app
from pixelopolis.errors import DatasetError
from tests.support.painted_roads import FISHEYE, on_road, write_tub

CAMERA = (
    *("--lens", "equidistant", "--focal-px", f"{FISHEYE.focal_px:g}"),
    *("--pitch-deg", "20", "--height-m", f"{FISHEYE.height_m:g}"),
)


def test_a_recording_that_cannot_be_used_ends_nothing(tmp_path: Path) -> None:
    for name in ("good", "damaged", "deleted"):
        write_tub(tmp_path / name, [on_road(0.04 * number) for number in range(14)])
    for picture in (tmp_path / "damaged" / "images").iterdir():
        picture.write_bytes(picture.read_bytes()[:300])
    deleted = json.dumps({"deleted_indexes": list(range(14))})
    (tmp_path / "deleted" / "manifest.json").write_text(deleted)
    words = ["evaluate", "photographs", "--data", str(tmp_path), *CAMERA, "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [row["name"] for row in document["recordings"]] == [f"{tmp_path.name}/good"]
    assert len(document["left_out"]) == 2
    for name in ("damaged", "deleted"):
        assert any(str(tmp_path / name) in reason for reason in document["left_out"]), name
    assert document["all"]["pictures"] == 14

    result = CliRunner().invoke(app, [*words[:3], str(tmp_path / "deleted"), *CAMERA])
    assert isinstance(result.exception, DatasetError)
    assert "no row can be used" in str(result.exception)


@pytest.mark.parametrize("words", [(), ("--shows-ours",)])
def test_its_tables_fit_and_a_sighting_is_false_only_where_nothing_is_ours(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_tub(tmp_path / "tub", [on_road(0.04 * number) for number in range(14)])
    line = ["evaluate", "photographs", "--data", str(tmp_path / "tub"), *CAMERA, *words]
    shown = CliRunner().invoke(app, line)
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stderr.splitlines())) <= 80
    document = json.loads(CliRunner().invoke(app, [*line, "--json"]).stdout)
    assert (document["all"]["false_per_10000"] is None) == bool(words)
