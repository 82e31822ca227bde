"""The car's driver, without I/O: `Driver.step(observation) -> decision`.

The same driver runs in the car's real-time process and in the simulator's lockstep loop, so the
evaluated driver is the real one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from car.driving.behavior import CAMERA_STOP_S, Behavior, Situation, behave
from car.driving.freshness import Ages, FrozenPictureDetector, age_s, plausible
from car.driving.ground import GroundModel
from car.driving.lane_keeper import LaneKeeper
from car.driving.lead_car.box_fit import lane_by_curvature, lane_on_path
from car.driving.lead_car.tracker import LeadCarTracker
from car.driving.localization.belief import Belief
from car.driving.localization.path_tracker import PathTracker
from car.driving.localization.route_monitor import NOWHERE, ON_ITS_WAY, RouteFinding, RouteMonitor
from car.driving.speed_profile import wheel_speeds_rad_s
from car.driving.types import (
    CarAhead,
    Decision,
    DriveState,
    Frame,
    LaneModel,
    LaneView,
    Mission,
    Observation,
)
from car.driving.wheel_check import WheelCheck, WheelFault, reason_of
from pixelopolis.city.model import City, Turn
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vehicle.camera import Camera
from pixelopolis.vehicle.speeds import CRUISE_MPS
from pixelopolis.vehicle.steering import curvature_to_steering, steering_to_curvature

SEARCH_MPS: Final = 0.6 * CRUISE_MPS
"""Maximum speed of a car that looks for signs to find out where it is."""

BLOCKED_S: Final = 10.0
"""A car that has stood behind another for this long reports it. A car that yields at a stop line
has usually left by then."""


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """How the car drives.

    `stop_before_m`: where the axle stops before a stop line. The front is 0.14 m ahead of the
    axle, so it stands 4 cm over the line, still 0.2 m from crossing cars.
    `follows_map`: with a lane model that sees paths, follow the route at the offset that the model
    measures; otherwise follow the paths seen.
    `search`: a car that does not know where it is keeps its lane at `search_mps` until it does;
    otherwise it stands. This distance is not granted by the server.
    """

    cruise_mps: float = CRUISE_MPS
    keeps_limits: bool = True
    """If not set, the car ignores speed limits, to evaluate driving at a fixed speed."""
    stop_before_m: float = 0.10
    camera: Camera = field(default_factory=Camera)
    search: bool = False
    search_mps: float = SEARCH_MPS
    follows_map: bool = True
    has_detector: bool = False
    """If set, the detector must have answered before the car drives."""


def search_speed_mps(city: City) -> float:
    """Return the maximum speed of a car that may be on any edge of a town."""
    return min(SEARCH_MPS, *(edge.speed_limit_mps for edge in city.edges.values()))


class Driver:
    """Keeps the lane by camera, takes the turns of its mission, and stops where it must.

    Args:
        model: the lane model.
        settings: speeds and distances.
        belief: where the car is in the town; None: trust the place given by orders.
        ground: model of ground motion; None: trust the reported wheel directions.
    """

    def __init__(
        self,
        model: LaneModel,
        settings: DriverSettings | None = None,
        belief: Belief | None = None,
        ground: GroundModel | None = None,
    ) -> None:
        self.settings = settings or DriverSettings()
        self._mission: Mission | None = None
        self._tracker: PathTracker | None = None
        self._lane = LaneKeeper(model)
        self._arrived = False
        self._passed = 0
        self._lead_car = LeadCarTracker(self.settings.camera)
        self._behind_since_s: float | None = None
        self._route_monitor = RouteMonitor(belief) if belief else None
        self._ages = Ages()
        self._picture_detector = FrozenPictureDetector()
        self._wheel_check = WheelCheck(ground) if ground else None

    def step(self, observation: Observation) -> Decision:
        """Take in an observation and return what the wheels shall do."""
        now = plausible(observation)
        self._ages = self._ages_of(observation, self._picture_detector.step(now.frame, now.wheels))
        if self._wheel_check is not None:
            self._wheel_check.step(now.frame, now.wheels)
        self._take_mission(now.mission)
        if now.wheels is not None:
            self._lane.move(now.wheels)
        tracker = self._tracker
        if tracker is not None and now.wheels is not None:
            tracker.move(now.wheels)
        if tracker is not None and not tracker.is_finite:
            return self._idle(NOWHERE)
        if now.frame is not None:
            command = self._command(now.mission, tracker)
            late_s = now.now_s - now.frame.captured_s
            self._lane.see(now.frame, command, late_s, self._route_tracker(tracker))
        finding = self._localize(now, now.mission, tracker)
        if finding.lost and self.settings.search:
            return self._search(now)
        if tracker is None or now.mission is None:
            return self._idle(finding)
        if not tracker.is_finite:
            return self._idle(NOWHERE)
        return self._decide(now, now.mission, tracker, finding)

    @property
    def wheel_fault(self) -> WheelFault | None:
        """What is wrong with the wheels; the car stands until it is restarted."""
        return self._wheel_check.wheel_fault if self._wheel_check else None

    @property
    def picture_frozen(self) -> Reason | None:
        """Why the car stands because its camera repeats a picture; None if it does not."""
        age_s = self._ages.picture_s
        return reason(ReasonCode.PICTURE_FROZEN, age_s=age_s) if age_s > CAMERA_STOP_S else None

    @property
    def lane_part(self) -> float:
        """Fraction of a frame's rows, from the bottom, that the lane model needs."""
        return self._lane.part

    @property
    def seen(self) -> tuple[Frame, LaneView] | None:
        """The last frame and the lane model's result for it."""
        frame, view = self._lane.frame, self._lane.view
        return (frame, view) if frame is not None and view is not None else None

    def forget_pose(self) -> None:
        """Forget earlier frames: the car was moved by hand."""
        self._lane.restart()
        if self._wheel_check is not None:
            self._wheel_check.forget()
        if self._tracker is not None:
            self._tracker.forget_pose()

    def _route_tracker(self, tracker: PathTracker | None) -> PathTracker | None:
        return tracker if self.settings.follows_map else None

    # --- localization ---------------------------------------------------------------------------

    def _command(self, mission: Mission | None, tracker: PathTracker | None) -> Turn:
        """Return the command for the lane model; a lost car keeps the lane."""
        if mission is None or tracker is None:
            return Turn.STRAIGHT
        return mission.path.command_at(tracker.distance_m)

    def _localize(
        self, now: Observation, mission: Mission | None, tracker: PathTracker | None
    ) -> RouteFinding:
        """Take in wheels and signs; move the tracker to where the belief is sure to be."""
        if self._route_monitor is None:
            return ON_ITS_WAY
        command = None
        if mission is not None and tracker is not None:
            command = mission.path.turn_at(tracker.distance_m)
        elif self.settings.search:
            command = Turn.STRAIGHT
        self._route_monitor.update(now.wheels, now.sightings, command, tracker)
        if mission is None or tracker is None:
            return self._route_monitor.find()
        finding = self._route_monitor.compare(mission, tracker)
        if finding.distance_m is not None:
            tracker.put_at(finding.distance_m)
        return finding

    def _idle(self, finding: RouteFinding) -> Decision:
        return Decision(
            0.0,
            0.0,
            DriveState.LOST if finding.lost else DriveState.IDLE,
            reason(ReasonCode.LOST) if finding.lost else None,
            place=finding.elsewhere,
            located=not finding.lost,
        )

    def _search(self, now: Observation) -> Decision:
        """Keep the lane slowly until signs and bends tell where the car is."""
        steering = self._steering(now, self.settings.search_mps, None)
        bend_per_m = steering_to_curvature(steering)
        car = self._lead_car.step(
            now.now_s, now.wheels, now.sightings, lambda _: lane_by_curvature(bend_per_m)
        )
        self._arrived = False
        behavior = self._behave(
            now, car, self.settings.search_mps, to_stop_m=math.inf, to_end_m=math.inf
        )
        speed_mps = behavior.speed_mps
        left, right = wheel_speeds_rad_s(steering, speed_mps)
        return Decision(
            left,
            right,
            DriveState.LOST if speed_mps > 0 else behavior.state,
            behavior.reason or reason(ReasonCode.SEARCHING),
            steering=steering,
            car_ahead=car,
            located=False,
            lane=self._lane.ahead,
        )

    def _take_mission(self, mission: Mission | None) -> None:
        last, self._mission = self._mission, mission
        if mission is None:
            self._tracker = None
        elif last is None or self._tracker is None or last.order_id != mission.order_id:
            if self._tracker is None:
                self._tracker = PathTracker(mission.path, mission.start_m)
                if self._route_monitor is not None:  # signs will refine it
                    self._tracker.put_at(mission.start_m)
            else:
                self._tracker.continue_on(mission.path, mission.start_m)
            self._arrived = False
            self._passed = sum(
                leg.end_m <= mission.start_m for leg in mission.path.legs if leg.movement
            )
        elif last.path is not mission.path:
            self._tracker.continue_on(mission.path, self._tracker.distance_m)

    # --- behavior -------------------------------------------------------------------------------

    def _decide(
        self, now: Observation, mission: Mission, tracker: PathTracker, finding: RouteFinding
    ) -> Decision:
        path, distance = mission.path, tracker.distance_m
        to_end = path.length_m - distance
        to_grant = mission.granted_m - self.settings.stop_before_m - distance
        whole_way = mission.granted_m >= path.length_m - 1e-6
        leg = path.leg_at(distance)
        car = self._lead_car.step(
            now.now_s,
            now.wheels,
            now.sightings,
            lambda back_m: lane_on_path(path, distance - back_m, tracker.heading_error_rad),
        )
        lost = reason(ReasonCode.LOST) if finding.lost else None
        if finding.elsewhere is not None:
            lost = reason(ReasonCode.OFF_ROUTE, edge=finding.elsewhere.edge)
        behavior = self._behave(
            now,
            car,
            self._speed_limit_mps(mission, distance),
            to_stop_m=to_end if whole_way else to_grant,
            to_end_m=to_end,
            in_junction=leg.movement is not None,
            lost=lost,
        )
        events = self._events(mission, distance, behavior.state)
        steering = self._steering(now, behavior.speed_mps, self._route_tracker(tracker))
        left, right = wheel_speeds_rad_s(steering, behavior.speed_mps)
        return Decision(
            left,
            right,
            behavior.state,
            behavior.reason,
            distance,
            tracker.sigma_m,
            finding.elsewhere or path.place_at(min(distance, path.length_m)),
            steering,
            events,
            car,
            blocked=(age_s(now.now_s, self._behind_since_s) or 0.0) >= BLOCKED_S,
            located=not finding.lost,
            off_route=finding.elsewhere is not None,
            lane=self._lane.ahead,
        )

    def _steering(self, now: Observation, speed_mps: float, tracker: PathTracker | None) -> float:
        """Return the lane keeper's steering, and at first a weave that shows wrong wheels."""
        steering = self._lane.steering(now.now_s, speed_mps, tracker)
        weave_per_m = self._wheel_check.weave_per_m if self._wheel_check else 0.0
        if not weave_per_m:
            return steering
        return curvature_to_steering(steering_to_curvature(steering) + weave_per_m)

    def _speed_limit_mps(self, mission: Mission, distance_m: float) -> float:
        cruise_mps = self.settings.cruise_mps
        if not self.settings.keeps_limits:
            return cruise_mps
        return min(cruise_mps, mission.speed_limits.at(distance_m))

    def _behave(
        self,
        now: Observation,
        car: CarAhead | None,
        most_mps: float,
        *,
        to_stop_m: float,
        to_end_m: float,
        in_junction: bool = False,
        lost: Reason | None = None,
    ) -> Behavior:
        wheel_fault = self.wheel_fault
        behavior = behave(
            Situation(
                has_mission=True,
                ages=self._ages,
                faulty=reason_of(wheel_fault) if wheel_fault else None,
                to_stop_m=to_stop_m,
                to_end_m=to_end_m,
                in_junction=in_junction,
                arrived=self._arrived,
                has_detector=self.settings.has_detector,
                gap_m=car.gap_m if car else None,
                car_doubted=car is not None and car.doubted,
                stopped_for_car=self._behind_since_s is not None,
                lost=lost,
                paused=now.paused,
            ),
            most_mps,
        )
        if behavior.state is not DriveState.STOPPED_FOR_CAR:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = now.now_s
        return behavior

    def _ages_of(self, raw: Observation, picture_s: float) -> Ages:
        frame = raw.frame or self._lane.frame
        return Ages(
            camera_s=age_s(raw.now_s, frame.captured_s if frame else None),
            wheels_s=age_s(raw.now_s, raw.wheels.measured_s if raw.wheels else None),
            sight_s=age_s(raw.now_s, raw.sightings.captured_s if raw.sightings else None),
            link_s=age_s(raw.now_s, raw.link_seen_s),
            picture_s=picture_s,
        )

    def _events(self, mission: Mission, distance_m: float, state: DriveState) -> tuple[str, ...]:
        junctions = [leg for leg in mission.path.legs if leg.movement is not None]
        events = []
        while self._passed < len(junctions) and distance_m >= junctions[self._passed].end_m:
            key = junctions[self._passed].movement
            if key is not None:
                events.append(f"node:{mission.path.city.movements[key].node}")
            self._passed += 1
        if state is DriveState.ARRIVED and not self._arrived:
            self._arrived = True
            events.append("arrived")
        return tuple(events)
