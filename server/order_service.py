"""Gives orders to cars and sends them: rides for visitors, and drives that operators ask for."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property

from pymongo.errors import PyMongoError

from pixelopolis.city.model import City
from pixelopolis.city.route import Place
from pixelopolis.errors import NoRouteError
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from server.booking import Booking, BookingState
from server.booking_service import BookingService
from server.peer_faults import PeerFaultLog
from server.storage.mongo import Store
from server.traffic.dispatch import route_to
from server.traffic.errands import REASONS, begin_errand, errand_ride, errand_way, home_edges
from server.traffic.operator_rules import Errand
from server.traffic.reservations import (
    Car,
    Ride,
    Traffic,
    closed_in,
    closed_to,
    start_ride,
    stop_ride,
)
from server.traffic.status import unusable_reason
from server.traffic.town_state import TownState


class OrderService:
    """The orders of a town's cars. What is given is stored before it is sent.

    Args:
        city: the town.
        bookings: the bookings in memory and in the database.
        store: where rides get their numbers.
        peer_faults: where a fault is logged that only one car's order has.
    """

    def __init__(
        self, city: City, bookings: BookingService, store: Store, peer_faults: PeerFaultLog
    ) -> None:
        self._city = city
        self._bookings = bookings
        self._store = store
        self._peer_faults = peer_faults
        self._sent: Mapping[str, Ride | None] = {}

    def begin(self, traffic: Traffic) -> None:
        """Take over the orders of the server before, which has sent them."""
        self._sent = {car.id: car.ride for car in traffic.cars.values()}

    @cached_property
    def homes(self) -> frozenset[str]:
        """Edges on which cars stand at the start. Slow in a large town, once."""
        return home_edges(self._city)

    def _contained(self, car: str) -> AbstractContextManager[None]:
        return self._peer_faults.contained(car, PyMongoError)

    def without_ended(self, traffic: Traffic) -> Traffic:
        """End the orders whose bookings have ended, or have another car."""
        drives = {booking.id: booking.car_id for booking in self._bookings.active.values()}
        for car in traffic.cars.values():
            booking_id = car.ride and car.ride.booking_id
            if booking_id and drives.get(booking_id) != car.id:
                traffic = stop_ride(traffic, car.id)
        return traffic

    async def with_new(self, town: TownState) -> Traffic:
        """Give an order to every booked car that has none, then to those with an errand."""
        traffic = town.traffic
        for booking in list(self._bookings.active.values()):
            car, link = traffic.cars.get(booking.car_id), town.links.get(booking.car_id)
            if car is None or car.ride or link is None or unusable_reason(car, link):
                continue
            with self._contained(car.id):
                traffic = await self._with_ride(town._replace(traffic=traffic), booking, car)
        for id_, errand in traffic.rules.errands.items():
            car, link = traffic.cars.get(id_), town.links.get(id_)
            is_free = car is not None and car.ride is None and id_ not in self._bookings.busy_cars
            if car is None or not is_free or unusable_reason(car, link):
                continue
            with self._contained(id_):
                traffic = await self._with_errand(town._replace(traffic=traffic), car, errand)
        return traffic

    async def _with_ride(self, town: TownState, booking: Booking, car: Car) -> Traffic:
        wanted = booking.destination_id
        closed = closed_to(closed_in(town.streets, town.traffic, but=car.id), car)
        try:
            route = route_to(town.streets, car.place, destination(self._city, wanted), closed)
        except RequestRefusedError:
            why = reason(ReasonCode.UNKNOWN_DESTINATION, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        except NoRouteError:
            why = reason(ReasonCode.NO_ROUTE, destination=wanted)
            await self._bookings.change(booking.id, BookingState.FAILED, why)
        else:
            ride = Ride(uuid.uuid4().hex, booking.id, route, booking.sequence)
            return start_ride(town.traffic, car.id, ride)
        return town.traffic

    async def _with_errand(self, town: TownState, car: Car, errand: Errand) -> Traffic:
        """Send a car on its way home or to park; it stays where it is if there is no way yet."""
        homes = await asyncio.to_thread(lambda: self.homes)
        way = errand_way(town.streets, town.traffic, car, errand, homes)
        if way is None:
            return town.traffic
        order_id, sequence = uuid.uuid4().hex, await self._store.next_sequence()
        ride = errand_ride(town.streets, car, way, REASONS[errand], order_id, sequence)
        return begin_errand(town.traffic, car.id, ride)

    def send(self, town: TownState, now_s: float) -> None:
        """Send new orders and order updates; disconnected cars get them when they return."""
        for connected in town.links.values():
            if town.traffic.rules.must_stand(connected.car):
                connected.keep_paused(now_s)
        sent, cars = self._sent, town.traffic.cars
        self._sent = {car.id: car.ride for car in cars.values()}
        for car in cars.values():
            before, ride, link = sent.get(car.id), car.ride, town.links.get(car.id)
            if ride is None or link is None:
                continue
            with self._contained(car.id):
                if before is None or before.order_id != ride.order_id:
                    link.send_order(town.streets, ride, 0, now_s)
                elif ride.ending and not before.ending:
                    link.send_cancel(now_s)
                elif before.update_id != ride.update_id:
                    link.send_order(town.streets, ride, before.released, now_s)


def destination(city: City, id_: str) -> Place:
    """Return the place of a destination.

    Raises:
        RequestRefusedError: the town has none with this id.
    """
    found = city.destinations.get(id_)
    if found is None:
        raise RequestRefusedError(
            404,
            "unknown_destination",
            f"destination_id: city {city.name!r} has no destination {id_!r}.",
            f"Use one of {', '.join(city.destinations) or '(none)'}.",
        )
    return Place(found.edge, found.s_m)
