"""The server's figures in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from server.booking import Booking, BookingState
from server.traffic.status import CarState, car_activity
from server.traffic.town_state import TownState

PREFIX: Final = "pixelopolis_"
SECONDS: Final = (5, 10, 20, 40, 60, 90, 120, 180, 300, 600, 1200, 1800)


class Metrics:
    """Figures that are counted as things happen, and those that are read when somebody asks."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.ended = Counter(
            f"{PREFIX}rides_ended_total", "Bookings that ended.", ["state"], registry=registry
        )
        self.waited = Histogram(
            f"{PREFIX}wait_for_car_seconds",
            "From the booking to its first car.",
            buckets=SECONDS,
            registry=registry,
        )
        self.rode = Histogram(
            f"{PREFIX}ride_seconds", "From a car to arrival.", buckets=SECONDS, registry=registry
        )
        self.replaced = Counter(
            f"{PREFIX}cars_replaced_total",
            "Cars taken off a ride.",
            ["reason"],
            registry=registry,
        )
        self.steps = Histogram(
            f"{PREFIX}step_seconds",
            "Duration of a step of the loop.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
            registry=registry,
        )
        self._leads = Gauge(
            f"{PREFIX}leads", "Whether this server serves the town.", registry=registry
        )
        self._cars = Gauge(f"{PREFIX}cars", "Cars by state.", ["state"], registry=registry)
        self._bookings = Gauge(
            f"{PREFIX}bookings_active", "Active bookings by state.", ["state"], registry=registry
        )

    def text(self, town: TownState, bookings: Iterable[Booking], leads: bool) -> tuple[bytes, str]:
        """Return all figures as text, and its content type."""
        self._leads.set(leads)
        cars = Tally(
            car_activity(
                town.traffic.cars.get(id_),
                town.links.get(id_),
                town.waits.get(id_),
                town.traffic.rules.duty_of(id_),
            )[0]
            for id_ in {*town.traffic.cars, *town.links}
        )
        for activity in CarState:
            self._cars.labels(activity).set(cars[activity])
        states = Tally(booking.state for booking in bookings)
        for state in BookingState:
            self._bookings.labels(state).set(states[state])
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
