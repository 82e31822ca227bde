"""Cells, boxes, batches: the targets of the detector's network. No TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelopolis.city.signs import SIGN_CLASSES
from pixelopolis.errors import DatasetError, SettingsError
from pixelopolis.model_io.voc.annotation import Annotation, Box, LabeledObject, write_annotation
from pixelopolis.model_io.voc.dataset import VocDataset
from tests.support.training_shapes import write_shapes
from training.detector.anchors import CELLS, EMPTY, IGNORED, assign, decode, encode
from training.detector.batches import change, epoch_batches, epoch_order, ignored
from training.detector.data import GRAY, Objects, fit, load, read_labeled
from training.detector.evaluation.metrics import iou
from training.detector.settings import DetectorTraining

WIDTH, HEIGHT = 240, 160


def objects_of(
    *boxes: tuple[float, float, float, float], visible: float = 1.0, difficult: bool = False
) -> Objects:
    count = len(boxes)
    return Objects(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.arange(count, dtype=np.int32),
        np.full(count, visible, dtype=np.float32),
        np.zeros(count, dtype=np.float32),
        np.full(count, difficult),
    )


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    height = draw(st.floats(4, 120))
    width = draw(st.floats(4, 160))
    top = draw(st.floats(0, HEIGHT - height))
    left = draw(st.floats(0, WIDTH - width))
    return top, left, top + height, left + width


@given(boxes(), st.integers(0, len(CELLS) - 1))
def test_a_box_comes_back_from_any_cells_offsets(
    box: tuple[float, float, float, float], cell: int
) -> None:
    rows = np.array([box], dtype=np.float32)
    back = decode(encode(rows, CELLS[cell : cell + 1]), CELLS[cell : cell + 1])
    np.testing.assert_allclose(back, rows, atol=0.05)


@given(boxes())
def test_every_object_has_cells_near_its_middle(box: tuple[float, float, float, float]) -> None:
    objects = objects_of(box)
    classes, targets = assign(objects.boxes, objects.classes, np.array([False]))
    here = classes >= 0
    assert 1 <= here.sum() <= 24
    np.testing.assert_array_equal(targets[here], np.repeat(objects.boxes, here.sum(), axis=0))
    middle = (objects.boxes[0, :2] + objects.boxes[0, 2:]) / 2
    away = np.abs(CELLS[here, :2] - middle).max(axis=1)
    assert away.min() <= 16 + 1e-3  # half a cell of the coarsest level, at its cut edge
    assert set(classes[~here]) <= {EMPTY}


@given(st.lists(boxes(), min_size=2, max_size=6))
def test_a_smallest_object_never_goes_without_a_cell(
    several: list[tuple[float, float, float, float]],
) -> None:
    objects = objects_of(*several)
    classes, _ = assign(objects.boxes, objects.classes, np.zeros(len(several), dtype=bool))
    areas = (objects.boxes[:, 2:] - objects.boxes[:, :2]).prod(axis=1)
    assert set(np.flatnonzero(areas <= areas.min())) & set(classes)


@given(boxes())
def test_an_ignored_object_is_neither_to_be_found_nor_missed(
    box: tuple[float, float, float, float],
) -> None:
    objects = objects_of(box)
    classes, _ = assign(objects.boxes, objects.classes, np.array([True]))
    assert (classes < 0).all()
    y, x = CELLS[:, 0], CELLS[:, 1]
    inside = (y > box[0]) & (y < box[2]) & (x > box[1]) & (x < box[3])
    assert (classes[inside] == IGNORED).all()


def test_an_object_before_an_ignored_one_is_still_to_be_found() -> None:
    objects = objects_of((0, 0, 160, 240), (50, 50, 70, 70))
    classes, _ = assign(objects.boxes, objects.classes, np.array([True, False]))
    assert 1 in classes
    assert 0 not in classes


def test_empty_pictures_are_all_empty() -> None:
    none = objects_of()
    classes, _ = assign(none.boxes, none.classes, np.zeros(0, dtype=bool))
    assert (classes == EMPTY).all()


@given(st.integers(0, 2**31), boxes())
def test_a_changed_picture_shows_its_object_where_the_box_is(
    seed: int, box: tuple[float, float, float, float]
) -> None:
    top, left, bottom, right = (round(v) for v in box)
    image = np.full((HEIGHT, WIDTH, 3), 20, dtype=np.uint8)
    image[top:bottom, left:right, 1] = 255
    rng = np.random.default_rng(seed)
    changed, objects = change(image, objects_of((top, left, bottom, right)), rng)
    assert changed.shape == image.shape
    for t, l, b, r in objects.boxes:  # noqa: E741
        assert 0 <= t < b <= HEIGHT
        assert 0 <= l < r <= WIDTH
        middle = changed[int((t + b) / 2), int((l + r) / 2)].astype(int)
        if b - t > 8 and r - l > 8:
            assert middle[1] > middle[0] + 40


@pytest.mark.parametrize(
    ("visible", "angle", "height", "passed_over"),
    [
        (1, 0, 20, False),
        (0.4, 65, 7, False),
        (0.2, 0, 20, True),
        (1, 80, 20, True),
        (1, 0, 5, True),
    ],
)
def test_what_is_hardly_to_be_seen_is_passed_over(
    visible: float, angle: float, height: float, passed_over: bool
) -> None:
    objects = objects_of((10, 10, 10 + height, 30), visible=visible)
    objects.angle_deg[:] = angle
    assert ignored(objects).tolist() == [passed_over]


@pytest.mark.parametrize(
    ("class_name", "box", "visible", "passed_over"),
    [
        ("Car", (60, 0, 160, 40), 0.2, False),
        ("Car", (60, 200, 150, 240), 0.06, False),
        ("Car", (40, 60, 160, 180), 0.2, False),
        ("Car", (60, 0, 150, 40), 0.04, True),
        ("Car", (60, 0, 150, 6), 0.2, True),
        ("Car", (60, 20, 150, 60), 0.2, True),
        ("Museum", (60, 0, 160, 40), 0.2, True),
    ],
)
def test_a_car_that_the_picture_cuts_off_is_to_be_found_however_little_shows(
    class_name: str, box: tuple[float, ...], visible: float, passed_over: bool
) -> None:
    objects = objects_of(box, visible=visible)
    objects.classes[:] = SIGN_CLASSES.index(class_name)
    assert ignored(objects).tolist() == [passed_over]


def test_folders_mix_by_ratio() -> None:
    order = epoch_order([90, 10], [0.5, 0.5], seed=1, epoch=0)
    assert len(order) == 100
    small = [row for folder, row in order if folder == 1]
    assert len(small) == 50
    assert set(small) == set(range(10))
    assert sorted(epoch_order([3, 2], [], 1, 4)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert epoch_order([50], [], 1, 0) != epoch_order([50], [], 1, 1)


def test_batches_follow_from_seed_and_epoch_alone(tmp_path: Path) -> None:
    folder = write_shapes(tmp_path, "train", 10, seed=1)
    part = load(folder, VocDataset(folder).names("train"))

    def of(epoch: int) -> list[np.ndarray]:
        return [b.images for b in epoch_batches([part], batch=4, seed=5, epoch=epoch)]

    first, again, later = of(0), of(0), of(1)
    assert len(first) == 2
    np.testing.assert_array_equal(np.stack(first), np.stack(again))
    assert (np.stack(first) != np.stack(later)).any()


def _write(folder: Path, image: np.ndarray, *objects: LabeledObject) -> VocDataset:
    import cv2

    for part in ("JPEGImages", "Annotations"):
        (folder / part).mkdir()
    cv2.imwrite(str(folder / "JPEGImages" / "a.png"), image)
    height, width = image.shape[:2]
    annotation = Annotation("a.png", width, height, objects)
    write_annotation(folder / "Annotations" / "a.xml", annotation)
    return VocDataset(folder)


def test_a_photograph_is_fitted_in_with_its_boxes(tmp_path: Path) -> None:
    image = np.zeros((400, 400, 3), dtype=np.uint8)
    image[100:200, 300:360] = 255
    sign = LabeledObject("Go", Box(300, 100, 360, 200))
    _, picture, objects = read_labeled(_write(tmp_path, image, sign), "a")
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (picture[:, :39] == GRAY).all()
    np.testing.assert_allclose(objects.boxes, [[40, 160, 80, 184]], atol=0.5)
    assert picture[45:75, 165:180].min() == 255
    assert objects.visible.tolist() == [1.0]


def test_a_whole_portrait_frame_loses_what_the_detector_is_not_shown() -> None:
    frame = np.zeros((640, 480, 3), dtype=np.uint8)
    shown = objects_of((320, 0, 360, 40), (0, 0, 200, 100))
    picture, objects = fit(frame, shown)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(objects.boxes[0], [80, 0, 100, 20], atol=1e-3)
    assert objects.difficult.tolist() == [False, True]
    assert objects.visible[1] == pytest.approx(0.2)


def test_difficult_objects_that_nobody_measured_are_passed_over(tmp_path: Path) -> None:
    sign = LabeledObject("Go", Box(10, 10, 60, 60), difficult=True)
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    _, _, objects = read_labeled(_write(tmp_path, image, sign), "a")
    assert ignored(objects).tolist() == [True]


def test_an_unknown_class_is_named(tmp_path: Path) -> None:
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    dataset = _write(tmp_path, image, LabeledObject("Dog", Box(1, 1, 9, 9)))
    with pytest.raises(DatasetError, match=r"object\[0\]\.name is 'Dog'"):
        read_labeled(dataset, "a")
    assert "Dog" not in SIGN_CLASSES


def test_overlap_of_boxes() -> None:
    a = np.array([[0, 0, 10, 10]], dtype=np.float32)
    b = np.array([[0, 5, 10, 15], [20, 20, 30, 30], [0, 0, 10, 10]], dtype=np.float32)
    np.testing.assert_allclose(iou(a, b), [[1 / 3, 0, 1]], atol=1e-6)


@pytest.mark.parametrize("field", ["epochs", "batch", "width", "learning_rate"])
def test_settings_out_of_range_are_named(field: str) -> None:
    with pytest.raises(SettingsError, match=field):
        DetectorTraining(data=("a",), **{field: 0})


def test_ratios_belong_to_folders() -> None:
    with pytest.raises(SettingsError, match="2 ratios for 1 folders"):
        DetectorTraining(data=("a",), ratios=(1.0, 2.0))
