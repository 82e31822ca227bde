"""Errors of the state message about orders and messages. Pure."""

from __future__ import annotations

from car.driving.types import Decision, Mission
from pixelopolis.city.route import Place
from pixelopolis.vda5050.frames import MAX_CHARACTERS, MalformedMessageError, Refusal
from pixelopolis.vda5050.order import InstantAction, Order, place_node_id
from pixelopolis.vda5050.order_rules import MergedOrder, OrderRejectedError
from pixelopolis.vda5050.state import ErrorType, Reference, StateError
from pixelopolis.vehicle.dimensions import CAR_FRONT_M, CAR_REAR_M

_ORDER, _ACTION = "order", "instantActions"


class Faults:
    """Errors that stay in the state until something is accepted (VDA 5050 3.0, table 9).

    Order errors stay until an order is accepted, errors of instant actions until one of these is.
    The newest of each type is kept.
    """

    def __init__(self) -> None:
        self._errors: dict[tuple[str, ErrorType], StateError] = {}

    @property
    def all(self) -> tuple[StateError, ...]:
        return tuple(self._errors.values())

    def accepted_order(self) -> None:
        self._forget(_ORDER)

    def accepted_action(self) -> None:
        self._forget(_ACTION)

    def reject(self, order: Order, error: OrderRejectedError) -> None:
        about = (("orderId", order.order_id), ("orderUpdateId", str(order.order_update_id)))
        self._put(_ORDER, error.error_type, error.description, (*about, *error.references))

    def reject_action(self, action: InstantAction, why: str) -> None:
        """Report an instant action that the car does not carry out."""
        about = (("actionId", action.action_id),)
        self._put(_ACTION, ErrorType.INVALID_INSTANT_ACTION, why, about)

    def nothing_to_cancel(self, action: InstantAction) -> None:
        about = (("actionId", action.action_id),)
        self._put(_ORDER, ErrorType.NO_ORDER_TO_CANCEL, "there is no such order.", about)

    def malformed(self, error: MalformedMessageError) -> None:
        """Report a message that could not be read."""
        about = (("topic", error.topic), *error.about.items())
        topic = _ACTION if error.topic == _ACTION else _ORDER
        self._put(topic, ErrorType.VALIDATION_FAILURE, error.description, about)

    def refused(self, refusal: Refusal) -> None:
        """Report a message of this car that the server could not use."""
        about = [("topic", refusal.refused_topic)]
        if refusal.refused_header_id is not None:
            about.append(("headerId", str(refusal.refused_header_id)))
        self._put(_ORDER, ErrorType.MESSAGE_REFUSED, refusal.description, tuple(about))

    def off_route(self, plan: MergedOrder, place: Place) -> None:
        """Report an order dropped because the car is off its route."""
        where = f"is not on its way but at {place_node_id(place)!r}."
        self._put(_ORDER, ErrorType.OFF_ROUTE, where, (("orderId", plan.order_id),))

    def _put(
        self, topic: str, kind: ErrorType, description: str, about: tuple[tuple[str, str], ...]
    ) -> None:
        self._errors[topic, kind] = _error(kind, description, about)

    def _forget(self, topic: str) -> None:
        self._errors = {key: error for key, error in self._errors.items() if key[0] != topic}


def not_located() -> StateError:
    return _error(ErrorType.LOCALIZATION_ERROR, "the car does not know where it is.", ())


def blocked_by_car(mission: Mission, decision: Decision) -> StateError:
    """Return the error for a car kept standing by another one for long."""
    edge = blocked_edge(mission, decision)
    words = decision.reason.words if decision.reason else ""
    return _error(ErrorType.BLOCKED_BY_CAR, words, (("edgeId", edge),))


def blocked_edge(mission: Mission, decision: Decision) -> str:
    """Return the edge of the car ahead, or the edge it is about to enter."""
    gap_m = decision.car_ahead.gap_m if decision.car_ahead else 0.0
    there_m = decision.distance_m + CAR_FRONT_M + gap_m + CAR_REAR_M
    leg = mission.path.leg_at(there_m)
    return leg.edge if leg.movement is None and leg.edge else (leg.movement or ("", ""))[1]


def _error(kind: ErrorType, description: str, about: tuple[tuple[str, str], ...]) -> StateError:
    return StateError(
        error_type=kind,
        error_level=kind.level,
        error_references=tuple(Reference(reference_key=k, reference_value=v) for k, v in about),
        error_description=description[:MAX_CHARACTERS],
    )
