"""Who is where, who goes where, and which edges and movements each car holds. Plain values.

A car holds its edge while it stands. On a ride it holds the base of its order: from the edge that
its tail is still on to the last edge released to it. Whatever lies behind is given back when the
car was seen far enough past it, never by a timer. `granting` decides what is released next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from pixelopolis.city.movement_conflicts import MovementKey
from pixelopolis.city.route import Place, Route
from pixelopolis.reasons import Reason, from_document
from pixelopolis.vda5050.order_progress import node_distances_m
from server.traffic.street_graph import CLEAR_OF_EDGE_M, CLEAR_OF_JUNCTION_M, Closed, StreetGraph


@dataclass(frozen=True, slots=True)
class Ride:
    """One order of one car.

    `booking_id` is None when the car only makes way. `asked_s` (epoch) is its age: who asked first
    goes first; a car that makes way inherits it from whom it lets through.
    """

    order_id: str
    booking_id: str | None
    route: Route
    asked_s: float
    released: int = 1
    """Edges in the base."""
    update_id: int = 0
    progress_m: float = 0.0
    """How far along the route the car was seen, at most the end of its base."""
    taken: bool = False
    """The car has confirmed the order."""
    ending: bool = False
    """Nothing more is released: the order was cancelled, or its booking has ended."""
    stands_since_s: float | None = None
    """Since when the car stands at the end of its base without a grant (epoch)."""
    reason: Reason | None = None
    """Why it makes way."""

    @property
    def is_whole(self) -> bool:
        """The base reaches the destination."""
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

    `frozen` says why it cannot be counted on to move (silent, lost), None when it can.
    """

    id: str
    place: Place
    ride: Ride | None = None
    frozen: Reason | None = None
    blocked: tuple[str, ...] = ()
    """Edges on which, as it says, another car stands in its way: closed to its own rides only."""

    @property
    def edge(self) -> str:
        """Where the car will be once it has used up what it holds."""
        return self.ride.base_edge if self.ride else self.place.edge


@dataclass(frozen=True, slots=True)
class Held:
    """What one car holds."""

    edges: frozenset[str]
    movements: frozenset[MovementKey] = frozenset()


@dataclass(frozen=True)
class Traffic:
    """All cars of a town. Every change returns a new value."""

    cars: Mapping[str, Car] = field(default_factory=dict)

    def put(self, *cars: Car) -> Traffic:
        return Traffic({**self.cars, **{car.id: car for car in cars}})

    def without(self, car: str) -> Traffic:
        return Traffic({key: value for key, value in self.cars.items() if key != car})

    def to_document(self) -> dict[str, Any]:
        return {"cars": [_document_of(car) for car in self.cars.values()]}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        cars = [_car_of(entry) for entry in document["cars"]]
        return cls({car.id: car for car in cars})


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
        ride = Ride(**{**ride, "route": route, "reason": from_document(ride["reason"])})
    blocked = tuple(entry.get("blocked", ()))
    return Car(entry["id"], Place(**entry["place"]), ride, from_document(entry["frozen"]), blocked)


def fits(streets: StreetGraph, car: Car) -> bool:
    """Whether a stored car's place and way are in this town, whose file may have changed."""
    edges, movements = streets.city.edges, streets.city.movements
    way = car.ride.route if car.ride else None
    return car.place.edge in edges and (
        way is None or (set(way.edges) <= edges.keys() and set(way.movements) <= movements.keys())
    )


def base_end_m(streets: StreetGraph, ride: Ride) -> float:
    return node_distances_m(streets.path_of(ride.route))[ride.released]


def held(streets: StreetGraph, car: Car) -> Held:
    """Return what a car holds: the base of its order, less what it has been seen to leave."""
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
    """Return what nobody else may enter as long as these cars stay as they are."""
    edges: set[str] = set()
    movements: set[MovementKey] = set()
    for car in cars:
        holds = held(streets, car)
        edges |= holds.edges
        for key in holds.movements:
            movements |= {key, *streets.conflicts[key]}
    return Closed(frozenset(edges), frozenset(movements))


def edge_holders(streets: StreetGraph, traffic: Traffic) -> dict[str, str]:
    """Return which car holds each edge."""
    return {edge: car.id for car in traffic.cars.values() for edge in held(streets, car).edges}


def essence(streets: StreetGraph, traffic: Traffic) -> object:
    """Return what must be stored: everything but how far exactly cars are within what they hold."""
    return {
        car.id: (
            car.place.edge,
            car.frozen,
            car.blocked,
            car.ride and replace(car.ride, progress_m=0.0, stands_since_s=None),
            held(streets, car),
        )
        for car in traffic.cars.values()
    }


# --- what happens to a car --------------------------------------------------------------------


def place_car(streets: StreetGraph, traffic: Traffic, car: str, place: Place) -> Traffic | str:
    """Put a car that stands somewhere on the streets; return the holder when the edge is taken."""
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

    Progress never goes back, and never beyond what was released: a car that claims more has not
    been seen anywhere that it does not already hold.
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
    """The car stands still with nothing more to do; it keeps only the edge that it stands on."""
    return traffic.put(replace(traffic.cars[car], ride=None, place=place))


def freeze(traffic: Traffic, car: str, why: Reason | None) -> Traffic:
    """Say why a car cannot be counted on to move; None when it can."""
    known = traffic.cars[car]
    return traffic if known.frozen == why else traffic.put(replace(known, frozen=why))


def block(traffic: Traffic, car: str, edge: str) -> Traffic:
    """Close an edge to a car that says that another one stands there; no edge opens all again."""
    known = traffic.cars[car]
    if edge in known.blocked or not (edge or known.blocked):
        return traffic
    return traffic.put(replace(known, blocked=(*known.blocked, edge) if edge else ()))


def closed_to(closed: Closed, car: Car) -> Closed:
    """Return what one car may not enter: what nobody may, and where it says it was blocked."""
    return replace(closed, edges=closed.edges | set(car.blocked)) if car.blocked else closed


def stop_ride(traffic: Traffic, car: str) -> Traffic:
    """Release nothing more to a car's order."""
    known = traffic.cars[car]
    if known.ride is None or known.ride.ending:
        return traffic
    return traffic.put(replace(known, ride=replace(known.ride, ending=True)))
