"""Each server has figures of its own."""

from __future__ import annotations

from pixelopolis.city.route import Place
from pixelopolis.city.sources import load_city
from server.booking import Booking, BookingState
from server.metrics import Metrics
from server.traffic.operator_rules import Duty, OperatorRules
from server.traffic.reservations import Car, Traffic
from server.traffic.street_graph import StreetGraph
from server.traffic.town_state import TownState

STREETS = StreetGraph(load_city("pixelopolis"))


def test_cars_and_bookings_are_counted_by_state_when_somebody_asks() -> None:
    one, other = Metrics(), Metrics()
    one.ended.labels(BookingState.FAILED).inc()
    rules = OperatorRules(duties={"car2": Duty.RETIRED})
    cars = {name: Car(name, Place(edge, 0.1)) for name, edge in (("car1", "1"), ("car2", "4"))}
    town = TownState(STREETS, Traffic(cars, rules), {}, {})
    queued = Booking("b", "kiosk", "", "museum", "en", 0.0, BookingState.QUEUED, sequence=1)
    text = one.text(town, [queued], False)[0].decode()
    assert 'pixelopolis_cars{state="ready"} 1.0' in text
    assert 'pixelopolis_cars{state="out_of_service"} 1.0' in text
    assert 'pixelopolis_bookings_active{state="queued"} 1.0' in text
    assert 'pixelopolis_rides_ended_total{state="failed"} 1.0' in text
    assert "pixelopolis_leads 0.0" in text
    assert "rides_ended_total{" not in other.text(town, [], True)[0].decode()
