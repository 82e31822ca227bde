"""Where each car is and goes, and which edges and movements it holds. Plain values.

A standing car holds its edge. A driving car holds the base of its order: from the edge under its
tail to the last released edge. What lies behind is given back once the car was observed far
enough past it, never by a timer. `granting` decides what is released next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Self

from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.city.route import Place, Route
from pixelopolis.reasons import Reason, from_document
from pixelopolis.vda5050.order_progress import node_distances_m
from pixelopolis.vehicle.clearances import CLEAR_OF_EDGE_M, CLEAR_OF_JUNCTION_M
from server.traffic.operator_rules import OperatorRules
from server.traffic.street_graph import Closed, StreetGraph


@dataclass(frozen=True, slots=True)
class Ride:
    """One order of one car.

    `booking_id` is None for a relocation. `sequence` is the number of the request: older rides go
    first. A relocated car inherits it from the ride it makes way for.
    """

    order_id: str
    booking_id: str | None
    route: Route
    sequence: int
    released: int = 1
    """Number of edges in the base."""
    update_id: int = 0
    progress_m: float = 0.0
    """How far along the route the car was observed, at most the end of its base."""
    taken: bool = False
    """The car has confirmed the order."""
    ending: bool = False
    """Release nothing more: the order was canceled, or its booking has ended."""
    stands_since_s: float | None = None
    """Since when the car stands at the end of its base without a grant (monotonic)."""
    reason: Reason | None = None
    """Why the car is relocated."""

    @property
    def is_whole(self) -> bool:
        """Whether the base reaches the destination."""
        return self.released == len(self.route.edges)

    @property
    def base_edge(self) -> str:
        return self.route.edges[self.released - 1]

    @property
    def ahead(self) -> tuple[str, ...]:
        """The edges beyond the base."""
        return self.route.edges[self.released :]


@dataclass(frozen=True, slots=True)
class Car:
    """A car on the streets. `place` is where it stands when it has no ride.

    `frozen` says why it cannot be relied on to move (silent, lost), None if it can.
    """

    id: str
    place: Place
    ride: Ride | None = None
    frozen: Reason | None = None
    blocked: tuple[str, ...] = ()
    """Edges on which, by its own report, another car blocks it: closed to its own rides only."""

    @property
    def edge(self) -> str:
        """Where the car will be after it has driven all that it holds."""
        return self.ride.base_edge if self.ride else self.place.edge


@dataclass(frozen=True, slots=True)
class Held:
    """The edges and movements that one car holds."""

    edges: frozenset[str]
    movements: frozenset[MovementKey] = frozenset()


@dataclass(frozen=True)
class Traffic:
    """All cars of a town, and what an operator forbids. Every change returns a new value."""

    cars: Mapping[str, Car] = field(default_factory=dict)
    rules: OperatorRules = field(default_factory=OperatorRules)

    def put(self, *cars: Car) -> Traffic:
        return replace(self, cars={**self.cars, **{car.id: car for car in cars}})

    def without(self, car: str) -> Traffic:
        return replace(self, cars={key: value for key, value in self.cars.items() if key != car})

    def to_document(self) -> dict[str, Any]:
        cars = [_document_of(car) for car in self.cars.values()]
        return {"cars": cars, "rules": self.rules.to_document()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        cars = [_car_of(entry) for entry in document["cars"]]
        rules = OperatorRules.from_document(document.get("rules", {}))
        return cls({car.id: car for car in cars}, rules)


def _document_of(car: Car) -> dict[str, Any]:
    document = asdict(car)
    document["frozen"] = car.frozen and car.frozen.to_document()
    if car.ride is not None:
        document["ride"]["reason"] = car.ride.reason and car.ride.reason.to_document()
    return document


def _car_of(entry: Mapping[str, Any]) -> Car:
    ride = entry["ride"]
    if ride is not None:
        way = ride["route"]
        route = Route(tuple(way["edges"]), way["start_s_m"], way["end_s_m"])
        ours = {"route": route, "reason": from_document(ride["reason"])}
        known = {key: value for key, value in ride.items() if key in _RIDE_FIELDS}
        ride = Ride(**{"sequence": 0, **known, **ours})
    blocked = tuple(entry.get("blocked", ()))
    return Car(entry["id"], Place(**entry["place"]), ride, from_document(entry["frozen"]), blocked)


_RIDE_FIELDS: Final = frozenset(each.name for each in fields(Ride))
"""A version that ordered rides by the clock stored others."""


def fits(streets: StreetGraph, car: Car) -> bool:
    """Whether a stored car's place and route exist in this town, whose file may have changed."""
    edges, movements = streets.city.edges, streets.city.movements
    way = car.ride.route if car.ride else None
    return car.place.edge in edges and (
        way is None or (set(way.edges) <= edges.keys() and set(way.movements) <= movements.keys())
    )


def base_end_m(streets: StreetGraph, ride: Ride) -> float:
    return node_distances_m(streets.path_of(ride.route))[ride.released]


def held(streets: StreetGraph, car: Car) -> Held:
    """Return what a car holds: the base of its order without what it was observed to leave."""
    ride = car.ride
    if ride is None:
        return Held(frozenset({car.place.edge}))
    nodes = node_distances_m(streets.path_of(ride.route))
    edges = {ride.base_edge}
    movements: set[MovementKey] = set()
    for i in range(ride.released - 1):
        key = (ride.route.edges[i], ride.route.edges[i + 1])
        stop_m = nodes[i + 1]
        if ride.progress_m < stop_m + CLEAR_OF_EDGE_M:
            edges.add(key[0])
        behind_m = stop_m + streets.city.movements[key].length_m
        if ride.progress_m < behind_m + CLEAR_OF_JUNCTION_M:
            movements.add(key)
    return Held(frozenset(edges), frozenset(movements))


def closed_by(streets: StreetGraph, cars: Iterable[Car]) -> Closed:
    """Return what nobody else may enter as long as these cars stay where they are."""
    edges: set[str] = set()
    movements: set[MovementKey] = set()
    for car in cars:
        holds = held(streets, car)
        edges |= holds.edges
        for key in holds.movements:
            movements |= {key, *streets.conflicts[key]}
    return Closed(frozenset(edges), frozenset(movements))


def closed_in(streets: StreetGraph, traffic: Traffic, but: str = "") -> Closed:
    """Return what nobody may enter: held by cars that do not move, or closed by an operator."""
    closed = closed_by(streets, [c for c in traffic.cars.values() if c.frozen and c.id != but])
    return replace(closed, edges=closed.edges | traffic.rules.closed_edges)


def edge_holders(streets: StreetGraph, traffic: Traffic) -> dict[str, str]:
    return {edge: car.id for car in traffic.cars.values() for edge in held(streets, car).edges}


def persistent_state(streets: StreetGraph, traffic: Traffic) -> object:
    """Return what must be stored: all but the exact progress within what cars hold."""
    cars = {
        car.id: (
            car.place.edge,
            car.frozen,
            car.blocked,
            car.ride and replace(car.ride, progress_m=0.0, stands_since_s=None),
            held(streets, car),
        )
        for car in traffic.cars.values()
    }
    return traffic.rules, cars


# --- what happens to a car --------------------------------------------------------------------


def place_car(streets: StreetGraph, traffic: Traffic, car: str, place: Place) -> Traffic | str:
    """Place a standing car on its edge; return the holder instead if the edge is taken."""
    holder = edge_holders(streets, traffic).get(place.edge)
    if holder is not None and holder != car:
        return holder
    known = traffic.cars.get(car)
    if known is None:
        return traffic.put(Car(car, place))
    return traffic.put(replace(known, place=place, ride=None))


def start_ride(traffic: Traffic, car: str, ride: Ride) -> Traffic:
    """Give an order to a car that has none; its route starts where the car stands."""
    return traffic.put(replace(traffic.cars[car], ride=ride))


def observe(streets: StreetGraph, traffic: Traffic, car: str, distance_m: float) -> Traffic:
    """Take in how far along its order a car says it is.

    Progress never decreases and never exceeds the base: a report beyond it is not evidence that
    the car is anywhere it does not already hold.
    """
    known = traffic.cars[car]
    ride = known.ride
    if ride is None:
        return traffic
    progress_m = max(ride.progress_m, min(distance_m, base_end_m(streets, ride)))
    if ride.taken and progress_m == ride.progress_m:
        return traffic
    return traffic.put(replace(known, ride=replace(ride, taken=True, progress_m=progress_m)))


def end_ride(traffic: Traffic, car: str, place: Place) -> Traffic:
    """End a ride: the car stands and keeps only the edge under it."""
    return traffic.put(replace(traffic.cars[car], ride=None, place=place))


def freeze(traffic: Traffic, car: str, why: Reason | None) -> Traffic:
    """Set why a car cannot be relied on to move; None if it can."""
    known = traffic.cars[car]
    return traffic if known.frozen == why else traffic.put(replace(known, frozen=why))


def block(traffic: Traffic, car: str, edge: str) -> Traffic:
    """Close an edge to a car that reports being blocked there; "" reopens all."""
    known = traffic.cars[car]
    if edge in known.blocked or not (edge or known.blocked):
        return traffic
    return traffic.put(replace(known, blocked=(*known.blocked, edge) if edge else ()))


def closed_to(closed: Closed, car: Car) -> Closed:
    """Return what one car may not enter: the common closures and the edges where it was blocked."""
    return replace(closed, edges=closed.edges | set(car.blocked)) if car.blocked else closed


def stop_ride(traffic: Traffic, car: str) -> Traffic:
    """Release nothing more to a car's order."""
    known = traffic.cars[car]
    if known.ride is None or known.ride.ending:
        return traffic
    return traffic.put(replace(known, ride=replace(known.ride, ending=True)))
