"""Figures of detections with known precision. No TensorFlow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from car.driving.types import Sighting
from pixelopolis.city.signs import SIGN_CLASSES
from training.detector.anchors import CELLS, encode
from training.detector.data import CAR_NUMBER, Objects
from training.detector.evaluation.evaluate import as_detections, compare, detect_all, figures
from training.detector.evaluation.metrics import Detections, average_precision
from training.detector.evaluation.score_thresholds import (
    distance_m,
    fit_thresholds,
    judge,
    operating_point,
    threshold_for,
)
from training.detector.postprocess import MAX_DETECTIONS, MAX_IOU, scores_of, select

GO, STOP = SIGN_CLASSES.index("Go"), SIGN_CLASSES.index("Stop_sign")
Row = tuple[float, float, float, int]  # top, left, side, class


def shown(*rows: Row, difficult: tuple[int, ...] = ()) -> Objects:
    count = len(rows)
    return Objects(
        _boxes(rows),
        np.array([r[3] for r in rows], dtype=np.int32),
        np.ones(count, dtype=np.float32),
        np.zeros(count, dtype=np.float32),
        np.array([i in difficult for i in range(count)], dtype=bool),
    )


def seen(*rows: Row, scores: tuple[float, ...]) -> Detections:
    return Detections(
        _boxes(rows),
        np.array([r[3] for r in rows], dtype=np.int32),
        np.array(scores, dtype=np.float32),
    )


def _boxes(rows: tuple[Row, ...]) -> np.ndarray:
    boxes = [(top, left, top + side, left + side) for top, left, side, _ in rows]
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


FAR, NEAR = (10.0, 10.0, 15.0, GO), (60.0, 60.0, 40.0, GO)


def test_perfect_detections_are_worth_one() -> None:
    precision = average_precision([shown(FAR, NEAR)], [seen(FAR, NEAR, scores=(0.9, 0.8))])
    for size in ("all", "20px", "12px", "12-20", "40+"):
        assert precision.mean(size) == pytest.approx(1.0)
        assert precision.mean(size, strict=True) == pytest.approx(1.0)
    assert math.isnan(precision.mean("8-12"))
    assert math.isnan(precision.of(STOP))
    assert precision.counts[GO].tolist() == [2, 1, 2, 0, 1, 0, 1]


def test_a_miss_and_a_false_one_cost_what_coco_says() -> None:
    # right, wrong, then nothing: precision 1 up to recall 0.5, 0 above; of 101 points 51 are right
    wrong = (100.0, 10.0, 40.0, GO)
    precision = average_precision([shown(FAR, NEAR)], [seen(NEAR, wrong, scores=(0.9, 0.5))])
    assert precision.mean() == pytest.approx(51 / 101)
    # the false one first: precision 1/2 at recall 0.5
    precision = average_precision([shown(FAR, NEAR)], [seen(wrong, NEAR, scores=(0.9, 0.5))])
    assert precision.mean() == pytest.approx(51 / 101 / 2)


def test_what_is_too_small_for_a_figure_is_neither_missed_nor_false() -> None:
    small_false = (100.0, 10.0, 15.0, GO)
    precision = average_precision([shown(FAR, NEAR)], [seen(small_false, NEAR, scores=(0.9, 0.8))])
    assert precision.mean("20px") == pytest.approx(1.0)
    assert precision.mean("12px") == pytest.approx(51 / 101 / 2)


def test_difficult_objects_count_only_among_everything() -> None:
    truth = [shown(FAR, NEAR, difficult=(0,))]
    for found in (seen(NEAR, scores=(0.9,)), seen(FAR, NEAR, scores=(0.95, 0.9))):
        assert average_precision(truth, [found]).mean() == pytest.approx(1.0)
    everything = average_precision(truth, [seen(NEAR, scores=(0.9,))], with_difficult=True)
    assert everything.mean() == pytest.approx(51 / 101)


def test_splinters_are_neither_missed_nor_false() -> None:
    truth = [shown(FAR, NEAR, difficult=(0,))]
    truth[0].visible[0] = 0.04
    for found in (seen(NEAR, scores=(0.9,)), seen(FAR, NEAR, scores=(0.95, 0.9))):
        for with_difficult in (False, True):
            precision = average_precision(truth, [found], with_difficult)
            assert precision.mean() == pytest.approx(1.0)
            assert precision.counts[GO, 0] == 1


def test_a_looser_box_counts_less_strictly() -> None:
    loose = (60.0, 60.0, 34.0, GO)  # IoU (34 / 40) squared = 0.7225: right at 0.5, 0.55 .. 0.7
    precision = average_precision([shown(NEAR)], [seen(loose, scores=(0.9,))])
    assert precision.mean() == pytest.approx(1.0)
    assert precision.mean(strict=True) == pytest.approx(0.5)


def test_figures_name_what_was_asked_for() -> None:
    car = (60.0, 120.0, 40.0, CAR_NUMBER)
    truth = [shown(FAR, NEAR, car)]
    found = [seen(NEAR, car, scores=(0.9, 0.8))]
    document = figures(truth, found, dict.fromkeys(SIGN_CLASSES, 0.5))
    assert document["map50_20px"] == pytest.approx(1.0)
    assert document["car_ap50_20px"] == pytest.approx(1.0)
    assert document["map50_12px"] == pytest.approx((1 + 51 / 101) / 2, abs=1e-4)
    assert document["goals_met"]["map50_20px"] is True
    assert document["goals_met"]["map50_12px"] is False
    assert document["by_size"]["12-20"] == {"map50": 0.0, "map50_95": 0.0, "objects": 1}
    assert document["by_class"]["Go"]["recall"] == 0.5
    assert "recall" not in document["by_class"]["Hand"]
    difference = compare(document, figures(truth, [shown_as_seen(truth[0])], {}))
    assert difference["minus_map50_12px"] < 0


def shown_as_seen(objects: Objects) -> Detections:
    return Detections(objects.boxes, objects.classes, np.ones(len(objects), dtype=np.float32))


def test_nothing_found_is_zero_not_an_error() -> None:
    document = figures([shown(NEAR)], [seen(scores=())], dict.fromkeys(SIGN_CLASSES, 0.5))
    assert document["map50_20px"] == 0.0
    assert document["by_class"]["Go"]["precision"] is None
    assert document["by_class"]["Go"]["reach_m"] == 0.0


def test_thresholds_keep_false_ones_out() -> None:
    spots = [(10.0 + 30 * (i // 7), 30.0 * (i % 7), 25.0, GO) for i in range(20)]
    truth = [shown(*spots[:15])]
    right = [0.99 - 0.01 * i for i in range(15)]  # 0.99 .. 0.85
    found = [seen(*spots, scores=(*right, 0.895, 0.2, 0.2, 0.2, 0.2))]
    judged = judge(truth, found, GO)
    assert judged.right.sum() == 15
    assert threshold_for(judged) == pytest.approx(0.90, abs=1e-6)
    assert threshold_for(judged, precision=0.9) == pytest.approx(0.85, abs=1e-6)
    thresholds = fit_thresholds(truth, found)
    assert thresholds["Go"] == pytest.approx(0.9, abs=1e-3)
    assert thresholds["Go"] <= 0.9
    assert thresholds["Hand"] == pytest.approx(1.0, abs=1e-3)


def test_reach_ends_where_objects_are_missed() -> None:
    sides = [50.0, 40.0, 30.0, 25.0, 20.0, 15.0]
    truth = [shown((20, 20, side, GO)) for side in sides]
    found = [seen((20, 20, side, GO), scores=(0.9 if side > 20 else 0.3,)) for side in sides]
    point = operating_point(judge(truth, found, GO), GO, 0.5)
    assert point["reach_m"] == pytest.approx(139.9 * 0.08 / 25, rel=1e-2)
    assert point["recall"] == pytest.approx(4 / 6, abs=1e-3)
    # two false ones nearby: 99 % is reached nowhere farther
    near_false = seen((100, 100, 45, GO), scores=(0.9,))
    point = operating_point(judge([*truth, shown()], [*found, near_false], GO), GO, 0.5)
    assert point["reach_m"] == pytest.approx(139.9 * 0.08 / 50, rel=1e-2)


def test_distances_follow_from_sizes() -> None:
    heights = np.array([11.19], dtype=np.float32)
    assert distance_m(heights, GO)[0] == pytest.approx(1.0, rel=1e-2)
    assert distance_m(heights, CAR_NUMBER)[0] == pytest.approx(2.75, rel=1e-2)


def test_a_second_box_on_one_object_is_false_but_not_on_a_difficult_one() -> None:
    twice = [seen(NEAR, NEAR, scores=(0.9, 0.8))]
    assert judge([shown(NEAR)], twice, GO).right.tolist() == [True, False]
    assert judge([shown(NEAR, difficult=(0,))], twice, GO).right.tolist() == []


def test_sightings_come_back_into_pixels() -> None:
    sighting = Sighting("Go", 0.75, (0.25, 0.375, 0.5, 0.625))
    found = as_detections((sighting,))
    np.testing.assert_allclose(found.boxes, [[40, 60, 120, 120]], atol=1e-4)
    assert found.classes.tolist() == [GO]
    assert as_detections(()).boxes.shape == (0, 4)
    images = np.zeros((3, 160, 240, 3), dtype=np.uint8)
    assert [len(d) for d in detect_all(images, lambda _: (sighting,))] == [1, 1, 1]


@given(st.integers(0, 2**31))
def test_selected_boxes_are_apart_and_sorted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((len(CELLS), len(SIGN_CLASSES)), dtype=np.float32)
    offsets = rng.normal(0, 1, (len(CELLS), 4)).astype(np.float32)
    found = select(scores, offsets)
    assert 1 <= len(found) <= MAX_DETECTIONS
    assert (np.diff(found.scores) <= 0).all()
    from training.detector.evaluation.metrics import iou

    overlaps = iou(found.boxes, found.boxes) - np.eye(len(found))
    assert overlaps.max() <= MAX_IOU + 1e-6


def test_selection_finds_what_one_cell_says() -> None:
    box = np.array([[40, 60, 80, 100]], dtype=np.float32)
    objectness = np.full((len(CELLS), 1), -9.0, dtype=np.float32)
    classes = np.full((len(CELLS), len(SIGN_CLASSES)), -9.0, dtype=np.float32)
    objectness[7], classes[7, STOP] = 9.0, 9.0
    offsets = np.zeros((len(CELLS), 4), dtype=np.float32)
    offsets[7] = encode(box, CELLS[7:8])[0]
    found = select(scores_of(objectness, classes), offsets)
    assert found.classes.tolist() == [STOP]
    np.testing.assert_allclose(found.boxes, box, atol=1e-2)
