"""A server with scripted cars: real orders and states, no socket, no database, clocks by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from car.driving.types import Decision, DriveState
from car.orders.executor import OrderExecutor
from car.orders.state_report import Health
from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from pixelopolis.vda5050.frames import FromServer, Refusal
from pixelopolis.vda5050.order import InstantActions, Order
from pixelopolis.vda5050.state import State
from server.booking import Booking, BookingState
from server.fleet_manager import FleetManager
from server.storage.mongo import Store
from server.traffic.car_link import CarLink

CITY = load_city("pixelopolis")


class Clocks:
    """Monotonic and epoch seconds, 1000 apart."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def epoch(self) -> float:
        return 1000.0 + self.now_s


@dataclass
class ScriptedCar:
    """A car's own end of the protocol (`car.orders.executor`), moved by hand."""

    fleet: FleetManager
    id: str
    place: Place
    heard: list[FromServer] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    """Fields of the state that it says differently."""

    def __post_init__(self) -> None:
        self.executor = OrderExecutor(self.fleet.city, self.id, self.place)
        self.link = self.connect()

    def connect(self) -> CarLink:
        self.link = self.fleet.car_connected(self.id, self.heard.append)
        return self.link

    @property
    def orders(self) -> list[Order]:
        return [m for m in self.heard if isinstance(m, Order)]

    @property
    def cancels(self) -> list[InstantActions]:
        return [m for m in self.heard if isinstance(m, InstantActions)]

    def listens(self) -> None:
        """Take in what came since it listened last."""
        for message in self.heard:
            if isinstance(message, Order):
                self.executor.take_order(message)
            elif isinstance(message, InstantActions):
                self.executor.take_actions(message)
            else:
                assert isinstance(message, Refusal)
        self.heard.clear()

    def says(self, **changes: Any) -> State:
        """Send a state."""
        state = self.executor.report(0, datetime(2026, 1, 1, tzinfo=UTC), Health(battery_pct=80.0))
        state = state.model_copy(update={**self.changes, **changes})
        self.fleet.car_reported(self.link, state)
        return state

    def drives(self, metres: float) -> None:
        """Drive on, at most to the end of what is granted, and say so."""
        mission = self.executor.mission
        assert mission is not None
        there_m = min(self.executor.decision.distance_m + metres, mission.granted_m)
        is_there = there_m >= mission.path.length_m - 1e-6
        stands = there_m >= mission.granted_m - 1e-6
        state = DriveState.ARRIVED if is_there else DriveState.DRIVING
        speed = 0.0 if stands else 4.0
        self.executor.take_decision(Decision(speed, speed, state, distance_m=there_m), mission)
        self.says()


@dataclass
class ScriptedFleet:
    fleet: FleetManager
    store: Store
    clocks: Clocks
    cars: dict[str, ScriptedCar] = field(default_factory=dict)

    async def car(self, id_: str, edge: str, s_m: float) -> ScriptedCar:
        """A car that stands there and has said so."""
        car = self.cars[id_] = ScriptedCar(self.fleet, id_, Place(edge, s_m))
        car.says()
        await self.fleet.step()
        return car

    async def step(self, passed_s: float = 0.0, says: bool = True) -> None:
        """Let time pass, with every car saying where it is, and the desk take its turn."""
        self.clocks.now_s += passed_s
        for car in self.cars.values():
            if says:
                car.says()
        await self.fleet.step()

    async def book(self, destination: str = "museum", station: str = "kiosk") -> Booking:
        return await self.fleet.book(station, destination, "ja")

    async def state(self, booking: Booking) -> BookingState:
        stored = await self.store.booking(booking.id)
        assert stored is not None
        return stored.state

    async def stored(self, booking: Booking) -> Booking:
        stored = await self.store.booking(booking.id)
        assert stored is not None
        return stored

    async def drive(self, car: ScriptedCar, rounds: int = 100) -> None:
        """Drive a car until its order has ended."""
        for _ in range(rounds):
            car.listens()
            if car.executor.mission is None:
                return
            car.drives(0.3)
            self.clocks.now_s += 0.5
            await self.fleet.step()
            known = self.fleet.traffic.cars.get(car.id)
            if known is not None and known.ride is None:
                return
        raise AssertionError(f"{car.id} does not arrive")


@asynccontextmanager
async def scripted_fleet(store: Store | None = None) -> AsyncIterator[ScriptedFleet]:
    """A desk of the first town that has begun to work."""
    clocks = Clocks()
    async with store or Store("mongodb://fake", CITY.name) as opened:
        fleet = FleetManager(CITY, opened, clocks.monotonic, clocks.epoch)
        await fleet.restore()
        yield ScriptedFleet(fleet, opened, clocks)
