"""What operators do with cars, rides and streets: carried out, read back, and written down."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from pixelopolis.city.route import Place
from pixelopolis.reasons import ReasonCode, reason
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.vda5050.order import EMERGENCY_STOP, RELEASE_EMERGENCY_STOP, STOP_PAUSE
from pixelopolis.vda5050.state import State
from server.booking import Booking
from server.fleet_manager import FleetManager
from server.storage.audit import BEGUN, AuditEntry, AuditLog
from server.traffic.car_link import is_halted, is_released, is_stopped
from server.traffic.operator_rules import Duty, Errand, OperatorRules
from server.traffic.reservations import Traffic, place_car

log = logging.getLogger(__name__)

READ_BACK_S: Final = 3.0
"""A car has this long to report that it does what an operator told it."""

EVERYBODY: Final = "*"
"""In the audit log: the command was for the whole town."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What a command did; `confirmed` are the cars that have reported it."""

    confirmed: tuple[str, ...] = ()


class OperatorDesk:
    """The commands of operators.

    Args:
        fleet: the town's fleet.
        audit: where every command is written down.
        epoch: clock of the audit log.
    """

    def __init__(
        self,
        fleet: FleetManager,
        audit: AuditLog,
        epoch: Callable[[], float] = time.time,
    ) -> None:
        self._fleet = fleet
        self.audit = audit
        self._epoch = epoch

    @asynccontextmanager
    async def written_down(self, who: str, action: str, target: str) -> AsyncIterator[None]:
        """Write a command down before it is carried out, and afterwards how it ended."""
        sequence = await self._fleet.next_sequence()
        entry = AuditEntry(sequence, self._epoch(), who, action, target, BEGUN)
        await self.audit.begin(entry)
        about = {"operator": who, "action": action, "target": target}
        try:
            yield
        except RequestRefusedError as error:
            await self.audit.end(sequence, error.word, error.message)
            log.warning("%s: %s %s: %s", who, action, target, error.message, extra=about)
            raise
        await self.audit.end(sequence, "done", "")
        log.info("%s: %s %s: done.", who, action, target, extra=about)

    # --- stand and go --------------------------------------------------------------------------

    async def pause(self, who: str, car: str) -> CommandOutcome:
        """Let a car stand where it is until it is resumed; it keeps its ride for a while."""
        async with self.written_down(who, "pause", car):
            self._known(car)
            await self._change_rules(lambda rules: rules.with_paused(car, True))
            return await self._read_back([car], is_halted, "pause")

    async def stop(self, who: str, car: str) -> CommandOutcome:
        """Stop a car by its emergency stop, take it off its ride, and let it stand."""
        async with self.written_down(who, "stop", car):
            self._known(car)
            self._send([car], EMERGENCY_STOP)
            await self._change_rules(lambda rules: rules.with_paused(car, True))
            outcome = await self._read_back([car], is_stopped, "stop")
            await self._fleet.take_off(car, reason(ReasonCode.HALTED))
            return outcome

    async def stop_all(self, who: str) -> CommandOutcome:
        """Stop every car by its emergency stop, and grant nothing until all are resumed."""
        async with self.written_down(who, "stop", EVERYBODY):
            cars = self._cars()
            self._send(cars, EMERGENCY_STOP)
            await self._change_rules(lambda rules: replace(rules, is_halted=True))
            return await self._read_back(cars, is_stopped, "stop")

    async def resume(self, who: str, car: str) -> CommandOutcome:
        """Take a car back into service, out of pause, stop, parking place or retirement."""
        async with self.written_down(who, "resume", car):
            self._known(car)
            await self._change_rules(
                lambda rules: (
                    rules.with_paused(car, False)
                    .with_duty(car, Duty.SERVICE)
                    .with_errand(car, None)
                )
            )
            self._fleet.trust(car)
            self._send([car], RELEASE_EMERGENCY_STOP, STOP_PAUSE)
            return await self._read_back([car], is_released, "resume")

    async def resume_all(self, who: str) -> CommandOutcome:
        """Let all go on that were stopped together; who is paused alone still stands."""
        async with self.written_down(who, "resume", EVERYBODY):
            await self._change_rules(lambda rules: replace(rules, is_halted=False))
            rules = self._fleet.traffic.rules
            cars = [car for car in self._fleet.links if not rules.must_stand(car)]
            self._send(cars, RELEASE_EMERGENCY_STOP, STOP_PAUSE)
            return await self._read_back(cars, is_released, "resume")

    # --- rides and places ----------------------------------------------------------------------

    async def end_ride(self, who: str, booking: str) -> Booking:
        """End a ride, or take a visitor out of the line."""
        async with self.written_down(who, "end", booking):
            return await self._fleet.cancel(booking, reason(ReasonCode.ENDED_BY_OPERATOR))

    async def send_home(self, who: str, car: str) -> CommandOutcome:
        """Let a car drive to a place where cars start, as soon as it has no ride."""
        async with self.written_down(who, "home", car):
            self._known(car)
            await self._change_rules(lambda rules: rules.with_errand(car, Errand.HOME))
            return CommandOutcome()

    async def park(self, who: str, car: str) -> CommandOutcome:
        """Take a car out of service and out of others' way, as soon as it has no ride."""
        async with self.written_down(who, "park", car):
            self._known(car)
            await self._change_rules(
                lambda rules: rules.with_duty(car, Duty.PARKED).with_errand(car, Errand.PARK)
            )
            return CommandOutcome()

    async def retire(self, who: str, car: str) -> CommandOutcome:
        """Give a car no visitors any more; it ends the ride that it has."""
        async with self.written_down(who, "retire", car):
            self._known(car)
            await self._change_rules(lambda rules: rules.with_duty(car, Duty.RETIRED))
            return CommandOutcome()

    async def remove(self, who: str, car: str) -> CommandOutcome:
        """Take a car off the streets, whatever it reports: somebody has lifted it off."""
        async with self.written_down(who, "remove", car):
            self._known(car)
            await self._fleet.change_traffic(
                lambda traffic: replace(
                    traffic.without(car), rules=traffic.rules.with_duty(car, Duty.REMOVED)
                )
            )
            await self._fleet.take_off(car, reason(ReasonCode.REMOVED))
            return CommandOutcome()

    async def place(self, who: str, car: str, edge: str, s_m: float) -> CommandOutcome:
        """Say where a car stands, and rely on it again.

        It frees all that the car held. A car that reports to stand elsewhere is believed; one that
        drives is not placed, because it would drive on where others then may.
        """
        async with self.written_down(who, "place", f"{car} {edge} {s_m:g}"):
            self._known(car)
            length_m = self._edge(edge)
            if not 0.0 <= s_m <= length_m:
                raise RequestRefusedError(
                    400,
                    "invalid_place",
                    f"s_m: {s_m:g} is not on edge {edge!r}, which is {length_m:.3f} m long.",
                    "Give the distance from the edge's beginning.",
                )
            if self._drives(car):
                raise RequestRefusedError(
                    409, "car_drives", f"car: {car!r} drives.", f"Stop it first: stop {car}."
                )
            await self._fleet.change_traffic(
                lambda traffic: self._placed(traffic, car, Place(edge, s_m))
            )
            self._fleet.trust(car)
            return CommandOutcome()

    def _drives(self, id_: str) -> bool:
        """Whether a car is relied on to drive, and nobody has stopped it."""
        car, link = self._fleet.traffic.cars.get(id_), self._fleet.live_link(id_)
        says_so = link is not None and link.state is not None and link.state.driving
        is_stopped = self._fleet.traffic.rules.must_stand(id_)
        return says_so and not is_stopped and car is not None and car.frozen is None

    def _placed(self, traffic: Traffic, car: str, place: Place) -> Traffic:
        placed = place_car(self._fleet.streets, traffic.without(car), car, place)
        if isinstance(placed, str):
            raise RequestRefusedError(
                409,
                "edge_taken",
                f"edge: {placed!r} holds {place.edge!r}.",
                "Place or remove that car first.",
            )
        rules = placed.rules
        if rules.duty_of(car) is Duty.REMOVED:
            rules = rules.with_duty(car, Duty.SERVICE)
        return replace(placed, rules=rules)

    # --- streets -------------------------------------------------------------------------------

    async def close_street(self, who: str, edge: str) -> CommandOutcome:
        """Let no car enter an edge; who is on it may leave."""
        async with self.written_down(who, "close", edge):
            self._edge(edge)
            await self._change_rules(lambda rules: rules.with_edge(edge, True))
            return CommandOutcome()

    async def open_street(self, who: str, edge: str) -> CommandOutcome:
        async with self.written_down(who, "open", edge):
            self._edge(edge)
            await self._change_rules(lambda rules: rules.with_edge(edge, False))
            return CommandOutcome()

    # --- what all of them do -------------------------------------------------------------------

    def _cars(self) -> list[str]:
        return sorted({*self._fleet.traffic.cars, *self._fleet.links})

    def _known(self, car: str) -> None:
        if car not in self._cars() and car not in self._fleet.traffic.rules.duties:
            raise RequestRefusedError(
                404,
                "unknown_car",
                f"car: there is no {car!r}.",
                f"Use one of {', '.join(self._cars()) or '(none)'}.",
            )

    def _edge(self, edge: str) -> float:
        """Return an edge's length in meters."""
        found = self._fleet.city.edges.get(edge)
        if found is None:
            raise RequestRefusedError(
                404,
                "unknown_street",
                f"edge: city {self._fleet.city.name!r} has no edge {edge!r}.",
                "See the edges in GET /api/city.",
            )
        return found.length_m

    async def _change_rules(self, change: Callable[[OperatorRules], OperatorRules]) -> None:
        await self._fleet.change_traffic(
            lambda traffic: replace(traffic, rules=change(traffic.rules))
        )

    def _send(self, cars: Iterable[str], *kinds: str) -> None:
        for car in cars:
            if (link := self._fleet.links.get(car)) is not None:
                for kind in kinds:
                    link.send_action(kind)

    async def _read_back(
        self, cars: Collection[str], does: Callable[[State | None], bool], action: str
    ) -> CommandOutcome:
        """Wait until cars report that they do as they were told.

        Raises:
            RequestRefusedError: some did not in time. That is shouted: a person must look.
        """
        left = set(cars)
        try:
            async with asyncio.timeout(READ_BACK_S):
                while left := {car for car in left if not does(self._state(car))}:
                    async with self._fleet.changed:
                        await self._fleet.changed.wait()
        except TimeoutError:
            names = ", ".join(sorted(left))
            log.critical(
                "NOT CONFIRMED: %s of %s. Look at these cars.",
                action,
                names,
                extra={"action": action, "target": names},
            )
            raise RequestRefusedError(
                504,
                "not_confirmed",
                f"{action}: not confirmed within {READ_BACK_S:.0f} s by {names}.",
                "Look at these cars, and switch them off by hand if they must stand.",
            ) from None
        return CommandOutcome(tuple(sorted(cars)))

    def _state(self, car: str) -> State | None:
        link = self._fleet.links.get(car)
        return link.state if link else None
