"""Builds what operators are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from pixelopolis.reasons import Reason, ReasonCode, reason
from server.booking import Booking, BookingState
from server.storage.audit import AuditEntry
from server.traffic.car_link import is_stopped
from server.traffic.reservations import held
from server.traffic.town_state import TownState
from server.views.build import reason_fields
from server.views.models import (
    AuditsView,
    AuditView,
    BookingView,
    CarView,
    FleetView,
    OperatorBookingView,
    OperatorCarView,
    WaitsView,
    WaitView,
)


def fleet_view(
    town: TownState, cars: Iterable[CarView], bookings: Iterable[Booking], now_s: float
) -> FleetView:
    """Return every car with what an operator needs to decide about it.

    Args:
        town: what is known of the town.
        cars: those that stations are shown.
        bookings: all active bookings.
        now_s: monotonic.
    """
    rules = town.traffic.rules
    rides = {booking.car_id: booking.id for booking in bookings}
    views = []
    for view in cars:
        car, link = town.traffic.cars.get(view.id), town.links.get(view.id)
        state = link.state if link else None
        views.append(
            OperatorCarView(
                **view.model_dump(),
                duty=rules.duty_of(view.id),
                is_paused=rules.must_stand(view.id),
                errand=rules.errands.get(view.id),
                booking_id=rides.get(view.id),
                edges=sorted(held(town.streets, car).edges) if car else [],
                battery_pct=state.power_supply.state_of_charge if state else None,
                speed_mps=state.velocity.vx if state and state.velocity else None,
                is_stopped=is_stopped(state),
                report_age_s=round(max(0.0, now_s - link.heard_s), 1) if link else None,
            )
        )
    return FleetView(is_halted=rules.is_halted, closed_edges=sorted(rules.closed_edges), cars=views)


def operator_booking_view(booking: Booking, view: BookingView) -> OperatorBookingView:
    return OperatorBookingView(
        **view.model_dump(),
        sequence=booking.sequence,
        created_s=booking.created_s,
        ended_s=booking.ended_s,
        tried=list(booking.tried),
    )


def waits_view(town: TownState, bookings: Iterable[Booking], now_s: float) -> WaitsView:
    """Return every car that waits for a street, and every booking that waits for a car.

    Args:
        town: what is known of the town.
        bookings: all active bookings, in their order.
        now_s: monotonic.
    """
    waits = []
    for id_, wait in sorted(town.waits.items()):
        car = town.traffic.cars.get(id_)
        ride = car.ride if car else None
        since_s = ride.stands_since_s if ride else None
        waits.append(
            WaitView(
                car_id=id_,
                booking_id=ride.booking_id if ride else None,
                waits_s=None if since_s is None else round(now_s - since_s, 1),
                waits_for=list(wait.cars),
                **reason_fields(wait.reason, id_),
            )
        )
    for booking in bookings:
        if booking.state is BookingState.QUEUED:
            why: Reason = booking.reason or reason(ReasonCode.IN_LINE)
            waits.append(
                WaitView(
                    car_id=None,
                    booking_id=booking.id,
                    waits_s=None,
                    waits_for=[],
                    **reason_fields(why, ""),
                )
            )
    return WaitsView(waits=waits)


def audits_view(entries: Iterable[AuditEntry]) -> AuditsView:
    return AuditsView(entries=[AuditView(**asdict(entry)) for entry in entries])
