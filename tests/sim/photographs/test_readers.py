from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixelopolis.errors import DatasetError
from sim.photographs.film import develop
from sim.photographs.readers import find_recordings, read_recording
from sim.photographs.recording import at_most, cut_into_stretches
from tests.support.painted_roads import KNOWN, on_road, write_tub

POSES = [on_road(0.02 * number) for number in range(12)]


def rows_of(tub: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tub / "catalog_0.catalog").read_text().splitlines()]


def write_rows(tub: Path, rows: list[object]) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (tub / "catalog_0.catalog").write_text("\n".join(lines))


def test_a_tub_is_read_in_the_order_of_its_catalogs(tmp_path: Path) -> None:
    write_tub(tmp_path / "tub", POSES)
    rows = rows_of(tmp_path / "tub")
    write_rows(tmp_path / "tub", list(rows[:6]))
    text = "\n".join(json.dumps(row) for row in rows[6:])
    (tmp_path / "tub" / "catalog_10.catalog").write_text(text)
    recording = read_recording(tmp_path / "tub", "tub")
    assert [p.image.name for p in recording.photographs] == [row["cam/image_array"] for row in rows]
    assert recording.photographs[0].steering == rows[0]["user/angle"]
    assert recording.photographs[1].time_s == pytest.approx(1.05)
    assert recording.unusable == 0


def test_rows_that_cannot_be_used_are_named_and_counted_and_end_nothing(tmp_path: Path) -> None:
    tub = tmp_path / "tub"
    write_tub(tub, POSES)
    rows: list[object] = list(rows_of(tub))
    broken = [dict(row) for row in rows_of(tub)[:4]]
    broken[0]["user/angle"] = float("nan")
    broken[1]["cam/image_array"] = "gone.jpg"
    broken[2]["user/angle"] = 7.0
    broken[3]["cam/image_array"] = 5
    write_rows(tub, [*broken, "{not json", "[1, 2]", *rows[4:]])
    recording = read_recording(tub, "tub")
    assert recording.unusable == 6
    assert len(recording.photographs) == len(POSES) - 4
    assert "catalog_0.catalog:1: the steering of '0_cam" in recording.faults[0]
    assert "'gone.jpg' is not there" in recording.faults[1]
    assert "no JSON document" in recording.faults[4]


def test_damaged_pictures_are_named_and_counted_and_end_nothing(tmp_path: Path) -> None:
    tub = tmp_path / "tub"
    write_tub(tub, POSES)
    cut = tub / "images" / "3_cam_image_array_.jpg"
    cut.write_bytes(cut.read_bytes()[:1500])
    (tub / "images" / "5_cam_image_array_.jpg").write_bytes(b"")
    film = develop(read_recording(tub, "tub"), 100, KNOWN)
    assert film.recording.unusable == 2
    assert len(film.shots) == len(POSES) - 2
    assert "3_cam_image_array_.jpg" in film.recording.faults[0]


def test_deleted_rows_are_left_out(tmp_path: Path) -> None:
    tub = tmp_path / "tub"
    write_tub(tub, POSES)
    (tub / "manifest.json").write_text('["x"]\n{"deleted_indexes": [0, 2]}\n')
    recording = read_recording(tub, "tub")
    names = [p.image.name.partition("_")[0] for p in recording.photographs]
    assert names[:3] == ["1", "3", "4"]


def test_version_1_and_label_files_are_read(tmp_path: Path) -> None:
    write_tub(tmp_path / "two", POSES)
    row = rows_of(tmp_path / "two")[0]
    one = tmp_path / "one"
    one.mkdir()
    picture = (tmp_path / "two" / "images" / "0_cam_image_array_.jpg").read_bytes()
    (one / "a.jpg").write_bytes(picture)
    (one / "record_1.json").write_text(json.dumps({**row, "cam/image_array": "a.jpg"}))
    assert len(read_recording(one, "one").photographs) == 1
    table = tmp_path / "table"
    table.mkdir()
    (table / "a.jpg").write_bytes(picture)
    (table / "labels.csv").write_text(
        "image,stretch,steering,throttle,timestamp_ms\na.jpg,0,0.25,0.1,20\na.jpg,1,x,0.1,40\n"
    )
    recording = read_recording(table, "table")
    assert [(p.steering, p.stretch, p.time_s) for p in recording.photographs] == [(0.25, "0", 0.02)]
    assert "labels.csv:3" in recording.faults[0]
    assert find_recordings(tmp_path) == [one, table, tmp_path / "two"]


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}'])
def test_a_tub_without_a_usable_row_is_an_error(content: str, tmp_path: Path) -> None:
    (tmp_path / "catalog_0.catalog").write_text(content)
    with pytest.raises(DatasetError, match="no row can be used"):
        read_recording(tmp_path, "tub")


def test_a_folder_without_a_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no recording"):
        find_recordings(tmp_path)
    with pytest.raises(DatasetError, match="is no folder"):
        find_recordings(tmp_path / "nowhere")


def test_a_pause_or_a_step_back_in_time_begins_a_new_stretch(tmp_path: Path) -> None:
    write_tub(tmp_path / "tub", POSES)
    rows = rows_of(tmp_path / "tub")
    for number, row in enumerate(rows):
        pause, back = 2000 if number >= 4 else 0, 999 if number > 8 else 0
        row["_timestamp_ms"] = 50 * number + pause - back
    write_rows(tmp_path / "tub", list(rows))
    runs = cut_into_stretches(read_recording(tmp_path / "tub", "tub").photographs)
    assert [len(run) for run in runs] == [4, 5, 3]


def test_at_most_so_many_are_taken_in_blocks_from_all_over(tmp_path: Path) -> None:
    write_tub(tmp_path / "tub", POSES)
    photographs = read_recording(tmp_path / "tub", "tub").photographs
    chosen = at_most(photographs, 6, blocks=2)
    assert chosen == [*photographs[:3], *photographs[-3:]]
    assert at_most(photographs, 12) == photographs
