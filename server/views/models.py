"""The stations' JSON requests and responses. `openapi` is generated from these models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pixelopolis.reasons import ReasonCode
from server.booking import BookingState
from server.traffic.status import CarState

Point = tuple[float, float]
DeviceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")]


class _Body(BaseModel):
    """A request body: unknown fields and implicit type conversion are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StationRequest(_Body):
    device_id: DeviceId


class BookingRequest(_Body):
    station_device_id: DeviceId
    destination_id: Annotated[str, Field(min_length=1, max_length=100)]
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class StationView(_View):
    device_id: str


class RouteStep(_View):
    """A junction on the route, and the signs that announce it."""

    node: str
    turn: Literal["straight", "left", "right"]
    signs: list[str]


class BookingView(_View):
    id: str
    state: BookingState
    car_id: str
    station_device_id: str
    destination_id: str
    language: str
    eta_s: float | None
    reason: str
    """Why the ride has stopped or ended, in English; empty while it goes on."""
    reason_code: ReasonCode | None
    reason_values: dict[str, str | float]
    video_url: str | None
    route: list[RouteStep]
    path_m: list[Point]


class CarView(_View):
    """A car; `x_m`, `y_m` and `heading_rad` are null if it has no place on the map."""

    id: str
    x_m: float | None
    y_m: float | None
    heading_rad: float | None
    state: CarState
    reason: str
    reason_code: ReasonCode | None
    reason_values: dict[str, str | float]
    online: bool


class CarsEvent(_View):
    type: Literal["cars"] = "cars"
    cars: list[CarView]


class BookingEvent(_View):
    type: Literal["booking"] = "booking"
    booking: BookingView


class RoadView(_View):
    style: str
    lane_width_m: float
    line_width_m: float
    mouth_m: float


class EdgeView(_View):
    id: str
    points_m: list[Point]


class MovementView(_View):
    points_m: list[Point]


class NodeView(_View):
    id: str
    x_m: float
    y_m: float


class SignView(_View):
    sign_class: str = Field(serialization_alias="class")
    x_m: float
    y_m: float


class DestinationView(_View):
    id: str
    kind: str
    names: dict[str, str]
    x_m: float
    y_m: float
    edge: str


class CityView(_View):
    name: str
    bounds_m: tuple[float, float, float, float]
    road: RoadView
    edges: list[EdgeView]
    movements: list[MovementView]
    nodes: list[NodeView]
    signs: list[SignView]
    destinations: list[DestinationView]
    bird_url: str | None


class HealthView(_View):
    status: Literal["ok"] = "ok"
    city: str
    cars_online: int


class ReadinessView(_View):
    status: Literal["ready"] = "ready"


class ErrorBody(_View):
    """An error: a stable code, a message with field and value, and the next step."""

    code: str
    message: str
    next_step: str


class ErrorView(_View):
    error: ErrorBody


def dump(view: BaseModel) -> Any:
    return view.model_dump(mode="json", by_alias=True)
