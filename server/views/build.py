"""Builds what stations are shown from the server's state. Pure."""

from __future__ import annotations

from typing import Any, Final

from pixelopolis.city.model import City
from pixelopolis.city.route import Route
from pixelopolis.geometry import Curve, Pose
from pixelopolis.reasons import Reason, ReasonCode, reason
from pixelopolis.vda5050.state import State
from pixelopolis.vehicle.paint import paint_of
from server.booking import Booking
from server.traffic.car_link import CarLink
from server.traffic.dispatch import eta_s, signs_on
from server.traffic.granting import Wait
from server.traffic.operator_rules import Duty
from server.traffic.reservations import Car, Ride
from server.traffic.status import CarState, car_activity
from server.traffic.street_graph import StreetGraph
from server.traffic.waiting_line import PlaceInLine
from server.views.models import (
    BookingView,
    CarView,
    CityView,
    DestinationView,
    EdgeView,
    MovementView,
    NodeView,
    Point,
    RoadView,
    RouteStep,
    SignView,
)

POINT_EVERY_M: Final = 0.04
"""Distance between the points of a drawn line: within 0.7 mm of an arc of 0.3 m."""


def city_view(city: City, bird_url: str | None) -> CityView:
    """Return the town as a page needs it to draw a map."""
    boards = [(sign, city.sign_pose(sign)) for sign in city.signs]
    x_min, y_min, x_max, y_max = city.bounds_m
    stops = [(d, city.edges[d.edge].curve.pose_at(d.s_m)) for d in city.destinations.values()]
    return CityView(
        name=city.name,
        bounds_m=(_mm(x_min), _mm(y_min), _mm(x_max), _mm(y_max)),
        road=RoadView(
            style=city.road.style,
            lane_width_m=city.road.lane_width_m,
            line_width_m=city.road.line_width_m,
            mouth_m=city.road.mouth_m,
        ),
        edges=[EdgeView(id=e.id, points_m=_points(e.curve)) for e in city.edges.values()],
        movements=[MovementView(points_m=_points(m.curve)) for m in city.movements.values()],
        nodes=[NodeView(id=n.id, x_m=n.x_m, y_m=n.y_m) for n in city.nodes.values()],
        signs=[
            SignView(sign_class=sign.sign_class, x_m=_mm(at.x_m), y_m=_mm(at.y_m))
            for sign, at in boards
        ],
        destinations=[
            DestinationView(
                id=d.id,
                kind=d.kind,
                names=dict(d.names),
                x_m=_mm(at.x_m),
                y_m=_mm(at.y_m),
                edge=d.edge,
            )
            for d, at in stops
        ],
        bird_url=bird_url,
    )


def _mm(value_m: float) -> float:
    return round(value_m, 3) + 0.0  # no -0.0


def _points(curve: Curve) -> list[Point]:
    count = max(2, round(curve.length_m / POINT_EVERY_M) + 1)
    poses = [curve.pose_at(curve.length_m * i / (count - 1)) for i in range(count)]
    return [(_mm(pose.x_m), _mm(pose.y_m)) for pose in poses]


def route_steps(city: City, route: Route) -> list[RouteStep]:
    """Return the junctions of a route, each with the signs on the edge before it."""
    signs = signs_on(city, route.edges)
    return [
        RouteStep(
            node=city.movements[key].node,
            turn=city.movements[key].turn.value,
            signs=signs[key[0]],
        )
        for key in route.movements
    ]


def path_points(streets: StreetGraph, route: Route) -> list[Point]:
    """Return the line that a car drives on a route."""
    path = streets.path_of(route)
    if path.length_m <= 0:
        at = path.pose_at(0.0)
        return [(_mm(at.x_m), _mm(at.y_m))] * 2
    return _points(path.curve.part(route.start_s_m, route.start_s_m + path.length_m))


def booking_view(
    streets: StreetGraph,
    booking: Booking,
    ride: Ride | None,
    video_url: str | None,
    in_line: PlaceInLine | None = None,
) -> BookingView:
    """Return a booking with its car's route, if it has one."""
    return BookingView(
        id=booking.id,
        state=booking.state,
        car_id=booking.car_id or None,
        station_device_id=booking.station_device_id,
        destination_id=booking.destination_id,
        language=booking.language,
        place_in_line=in_line.number if in_line else None,
        expected_wait_s=round(in_line.wait_s, 1)
        if in_line and in_line.wait_s is not None
        else None,
        eta_s=eta_s(streets, ride) if ride else None,
        **reason_fields(booking.reason, booking.car_id),
        video_url=video_url,
        route=route_steps(streets.city, ride.route) if ride else [],
        path_m=path_points(streets, ride.route) if ride else [],
    )


def car_view(
    city: City,
    car: Car | None,
    link: CarLink | None,
    wait: Wait | None,
    busy: bool,
    duty: Duty = Duty.SERVICE,
) -> CarView | None:
    """Return a car as stations see it; None if nothing can be shown yet.

    A car that cannot be used may have no place on the map; its reason says why.

    Args:
        city: the town.
        car: the car in traffic, if it is there.
        link: its connection, if it has one.
        wait: why it gets no grant, if it waits for one.
        busy: it is in an active booking.
        duty: what an operator lets it do.
    """
    state = link.state if link else None
    place = _place_on_map(city, car, state)
    id_ = car.id if car else link.car if link else ""
    frozen = car.frozen if car else None
    is_silent = frozen is not None and frozen.code is ReasonCode.SILENT
    online = link is not None and not is_silent
    activity, why = car_activity(car, link, wait, duty)
    refused = link.refused if link else None
    if place is None and why is None and refused is None:
        return None
    if not online:
        activity, why = CarState.OFFLINE, frozen or reason(ReasonCode.NOT_CONNECTED)
    elif activity is CarState.READY and busy:
        activity = CarState.WAITING
    paint = paint_of(id_)
    return CarView(
        id=id_,
        color=paint.name,
        color_rgb=paint.rgb,
        x_m=_mm(place.x_m) if place else None,
        y_m=_mm(place.y_m) if place else None,
        heading_rad=_mm(place.heading_rad) if place else None,
        state=activity,
        **reason_fields(why or refused, id_),
        online=online,
    )


def _place_on_map(city: City, car: Car | None, state: State | None) -> Pose | None:
    """Return a car's reported position if it is credible, else its place in traffic."""
    said = state.mobile_robot_position if state else None
    if said is not None and said.map_id == city.name and (said.localized or car is not None):
        return Pose(said.x, said.y, said.theta)
    return city.edges[car.place.edge].curve.pose_at(car.place.s_m) if car is not None else None


def reason_fields(why: Reason | None, car: str) -> dict[str, Any]:
    return {
        "reason": why.of(car) if why else "",
        "reason_code": why.code if why else None,
        "reason_values": dict(why.values) if why else {},
    }
