"""Simulated detectors: detections by geometry, and when the driver gets them."""

from __future__ import annotations

import numpy as np
import pytest

from car.driving.driver import Driver
from car.driving.types import Decision, DriveState, Observation, Sighting
from pixelopolis.city.signs import SIGN_SIZE_M
from pixelopolis.city.sources import load_city
from pixelopolis.geometry import Pose
from pixelopolis.model_io.crops import DETECTOR_HEIGHT_PX, DETECTOR_ROWS, DETECTOR_WIDTH_PX, Image
from pixelopolis.vehicle.camera import Camera
from sim.camera.simulated_detector import (
    Cars,
    DetectorErrors,
    NetworkDetector,
    SimulatedDetector,
    no_cars,
)
from sim.looks.town_looks import look_of
from sim.physics.lockstep import LockstepCar
from sim.physics.vehicle import Vehicle
from sim.render.renderer import Renderer
from sim.render.view import CarBody, car_view

TOWN = load_city("pixelopolis")
CAMERA = Camera()
EXACT = DetectorErrors(0.0, 1.0, 1.0, 7.0, 0.0, 0.0, tall_px=0.0)


def seer(cars: Cars = no_cars, errors: DetectorErrors = EXACT, seed: int = 1) -> SimulatedDetector:
    return SimulatedDetector(TOWN, CAMERA, np.random.default_rng(seed), cars, errors)


def on_edge(edge: str, before_end_m: float) -> Pose:
    curve = TOWN.edges[edge].curve
    return curve.pose_at(curve.length_m - before_end_m)


def named(seen: tuple[Sighting, ...], name: str) -> Sighting:
    (found,) = [s for s in seen if s.class_name == name]
    return found


def test_a_board_is_where_the_camera_shows_it_and_as_large() -> None:
    pose = on_edge("9", 0.7)
    left, top, right, bottom = named(seer()(pose), "Traffic_light").box
    sign = next(s for s in TOWN.signs if s.edge == "9")
    board = TOWN.sign_pose(sign)
    (place,), (depth,) = car_view(CAMERA, pose).project(
        np.array([[board.x_m, board.y_m, sign.height_m]])
    )
    assert (left + right) / 2 * CAMERA.width_px == pytest.approx(place[0], abs=0.3)
    assert (top + bottom) / 2 * CAMERA.height_px == pytest.approx(place[1], abs=0.3)
    height_px = (bottom - top) * CAMERA.height_px
    assert height_px == pytest.approx(CAMERA.focal_px * SIGN_SIZE_M / depth, rel=0.02)


def test_boxes_lie_within_what_the_detector_is_shown() -> None:
    look = seer(errors=DetectorErrors(imagined=0.5))
    for edge in TOWN.edges.values():
        for s_m in np.linspace(0.0, edge.length_m, 12):
            for sighting in look(edge.curve.pose_at(float(s_m))):
                left, top, right, bottom = sighting.box
                assert 0 <= left < right <= 1
                assert DETECTOR_ROWS[0] <= top < bottom <= DETECTOR_ROWS[1]


def test_a_board_is_not_seen_from_behind_nor_from_afar() -> None:
    here = on_edge("9", 0.7)
    around = Pose(here.x_m + 1.5, here.y_m, here.heading_rad + np.pi)
    assert not [s for s in seer()(around) if s.class_name == "Traffic_light"]
    far = Pose(here.x_m - 1.4, here.y_m, here.heading_rad)
    assert not [s for s in seer()(far) if s.class_name == "Traffic_light"]


def test_a_car_ahead_is_seen_and_hides_the_car_behind_it() -> None:
    pose = on_edge("1", 1.9)
    ahead = [CarBody("a", pose.ahead(0.5)), CarBody("b", pose.ahead(0.75))]
    assert len([s for s in seer(lambda: ahead[:1])(pose) if s.class_name == "Car"]) == 1
    assert len([s for s in seer(lambda: ahead)(pose) if s.class_name == "Car"]) == 1
    beside = [ahead[0], CarBody("c", pose.ahead(0.75, 0.4))]
    assert len([s for s in seer(lambda: beside)(pose) if s.class_name == "Car"]) == 2


def test_the_same_seed_errs_the_same_way() -> None:
    poses = [on_edge("9", 0.6 - 0.02 * i) for i in range(20)]
    first, again = seer(errors=DetectorErrors(), seed=4), seer(errors=DetectorErrors(), seed=4)
    other = seer(errors=DetectorErrors(), seed=5)
    seen = [first(p) for p in poses]
    assert seen == [again(p) for p in poses]
    assert seen != [other(p) for p in poses]


def test_how_often_it_misses_and_imagines() -> None:
    pose = on_edge("9", 0.6)
    half = seer(errors=DetectorErrors(0.7, 0.5, 0.5, 7.0, 0.0, 0.3))
    seen = [half(pose) for _ in range(400)]
    hits = [any(s.class_name == "Traffic_light" and s.score >= 0.7 for s in each) for each in seen]
    assert 0.4 < np.mean(hits) < 0.6
    imagined = [sum(s.score < 0.7 for s in each) for each in seen]
    assert 0.1 < np.mean(imagined) < 0.35


class Listener(Driver):
    """A driver that only stores its observations."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float | None]] = []

    def step(self, now: Observation) -> Decision:
        sightings = now.sightings
        self.told.append((now.now_s, sightings.captured_s if sightings else None))
        return Decision(0.0, 0.0, DriveState.IDLE)


def test_lockstep_looks_at_every_second_frame_and_tells_one_frame_later() -> None:
    black: Image = np.zeros((40, 120, 3), dtype=np.uint8)
    driver = Listener()
    car = LockstepCar(Vehicle(on_edge("9", 0.6)), driver, lambda _, __: black, seer())
    for _ in range(5):
        car.tick(None)
    told = [(round(now, 3), then if then is None else round(then, 3)) for now, then in driver.told]
    assert told == [(0.0, None), (0.05, 0.0), (0.1, 0.0), (0.15, 0.1), (0.2, 0.1)]


class Photographer:
    """A sight model that stores its images."""

    def __init__(self) -> None:
        self.pictures: list[Image] = []

    def detect(self, detector_input_rgb: Image) -> tuple[Sighting, ...]:
        self.pictures.append(detector_input_rgb)
        return (Sighting("Go", 0.9, (0.1, 0.3, 0.2, 0.4)),)


def test_a_detector_is_shown_the_middle_of_the_frame_with_the_other_cars_in_it() -> None:
    look, pose = look_of(3, 1), on_edge("9", 0.7)
    cars: list[CarBody] = []
    model = Photographer()
    with Renderer(TOWN, look) as renderer:

        def see(seed: int) -> tuple[Sighting, ...]:
            rng = np.random.default_rng(seed)
            return NetworkDetector(renderer, model, look, rng, lambda: cars)(pose)

        assert [s.class_name for s in see(1)] == ["Go"]
        see(1)
        cars.append(CarBody("other", pose.ahead(0.5)))
        see(1)
    first, again, with_car = model.pictures
    assert first.shape == (DETECTOR_HEIGHT_PX, DETECTOR_WIDTH_PX, 3)
    assert first.dtype == np.uint8
    assert (first == again).all(), "the same seed, the same noise"
    changed = (first != with_car).any(axis=2)
    assert 0.01 < changed.mean() < 0.4
