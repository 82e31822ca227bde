"""The stations' JSON requests and responses. `openapi` is generated from these models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pixelopolis.reasons import ReasonCode
from server.booking import BookingState
from server.identity.access import Role
from server.identity.passwords import MAX_CHARS
from server.traffic.operator_rules import Duty, Errand
from server.traffic.status import CarState

Point = tuple[float, float]
DeviceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")]


class _Body(BaseModel):
    """A request body: unknown fields and implicit type conversion are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


LanguageTag = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
"""As long as RFC 5646, 4.4.1, recommends to allow."""


class StationRequest(_Body):
    device_id: DeviceId


class BookingRequest(_Body):
    station_device_id: DeviceId
    destination_id: Annotated[str, Field(min_length=1, max_length=100)]
    language: LanguageTag = "en"
    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """Name of this wish: asked again with it, the server answers with the same booking."""


Serial = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,50}$")]
KeyText = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class EnrollmentRequest(_Body):
    """A car's public key, and `proof`: a signature that the car has the private one."""

    serial: Serial
    code: Annotated[str, Field(min_length=1, max_length=40)]
    public_key: KeyText
    proof: Annotated[str, Field(min_length=1, max_length=100)]


OperatorName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]


class LoginRequest(_Body):
    name: OperatorName
    password: Annotated[str, Field(min_length=1, max_length=MAX_CHARS)]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class StationView(_View):
    device_id: str


class NewStationView(StationView):
    """A registered station; `token` is told this once. Send it as `Authorization: Bearer TOKEN`."""

    token: str


class ChallengeView(_View):
    """What a car signs, with how long it is valid, and the server's clock (seconds since 1970)."""

    nonce: str
    ends_in_s: float
    server_time_s: float


class EnrollmentView(_View):
    """An enrolled car; `view_key` is the public key that signs tokens of live views."""

    serial: str
    view_key: str


class CodeView(_View):
    """A code with which one car can be enrolled."""

    code: str
    ends_in_s: float


class CarKeyView(_View):
    serial: str
    key: str
    enrolled_s: float


class CarKeysView(_View):
    keys: list[CarKeyView]


class LiveView(_View):
    """Where to see a car's live view now: the address has a token that opens it within a while."""

    url: str
    ends_in_s: float


class RideLinkView(_View):
    """An address that follows a ride: it has the ride's token. `qr_svg` is a picture of it."""

    url: str
    qr_svg: str


class RouteStep(_View):
    """A junction on the route, and the signs that announce it."""

    node: str
    turn: Literal["straight", "left", "right"]
    signs: list[str]


class BookingView(_View):
    id: str
    state: BookingState
    car_id: str | None
    """Null while it waits in line for a car."""
    station_device_id: str
    destination_id: str
    language: str
    place_in_line: int | None
    """1 for the first; null once it has a car."""
    expected_wait_s: float | None
    """Until it gets a car; null if none could come, or once it has one."""
    eta_s: float | None
    reason: str
    """Why the ride has stopped or ended, in English; empty while it goes on."""
    reason_code: ReasonCode | None
    reason_values: dict[str, str | float]
    video_url: str | None
    route: list[RouteStep]
    path_m: list[Point]


class NewBookingView(BookingView):
    """A new booking; `token` opens this ride alone, for another page that follows it."""

    token: str


class CarView(_View):
    """A car; `x_m`, `y_m` and `heading_rad` are null if it has no place on the map."""

    id: str
    color: str
    """The name of its color: red, blue, green, yellow, purple, turquoise, pink or brown."""
    color_rgb: str
    """That color as #rrggbb."""
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


class CarPlaceRequest(_Body):
    """Where a car stands: meters along an edge."""

    edge: Annotated[str, Field(min_length=1, max_length=100)]
    s_m: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class OperatorCarView(CarView):
    """A car as operators see it."""

    duty: Duty
    is_paused: bool
    """An operator lets it stand, alone or with the whole town."""
    errand: Errand | None
    booking_id: str | None
    edges: list[str]
    """Edges that it holds: nobody else may enter them."""
    battery_pct: float | None
    speed_mps: float | None
    """As the car says; null if it does not."""
    is_stopped: bool
    """It says that its emergency stop is active, and that it stands."""
    report_age_s: float | None
    """Since its last report, of which all that it says is; null if it is not connected."""


class FleetView(_View):
    is_halted: bool
    """Every car must stand where it is."""
    closed_edges: list[str]
    cars: list[OperatorCarView]


class OperatorBookingView(BookingView):
    """A booking as operators see it; times are seconds since the epoch."""

    sequence: int
    created_s: float
    ended_s: float | None
    tried: list[str]
    """Cars that were taken off it."""


class BookingsView(_View):
    bookings: list[OperatorBookingView]


class WaitView(_View):
    """Who waits, and for what: a car for a street, or a booking for a car."""

    car_id: str | None
    booking_id: str | None
    waits_s: float | None
    """For how long; null if it began before this server led, or is not known."""
    waits_for: list[str]
    """Cars that hold what it waits for."""
    reason: str
    reason_code: ReasonCode | None
    reason_values: dict[str, str | float]


class WaitsView(_View):
    waits: list[WaitView]


class OutcomeView(_View):
    """A command was carried out; `confirmed` are the cars that have reported it."""

    confirmed: list[str]


class AuditView(_View):
    """What an operator did; `outcome` is "done", "begun", or the code of a refusal."""

    sequence: int
    at_s: float
    operator: str
    action: str
    target: str
    outcome: str
    details: str


class AuditsView(_View):
    entries: list[AuditView]


class HealthView(_View):
    status: Literal["ok"] = "ok"
    city: str
    cars_online: int


class LivenessView(_View):
    status: Literal["alive"] = "alive"


class ReadinessView(_View):
    status: Literal["ready"] = "ready"


class OperatorView(_View):
    name: str
    role: Role


class SessionView(_View):
    """A new session; send `token` as `Authorization: Bearer TOKEN`."""

    token: str
    name: str
    role: Role
    ends_in_s: float


class ErrorBody(_View):
    """An error: a stable code, a message with field and value, and the next step."""

    code: str
    message: str
    next_step: str


class ErrorView(_View):
    error: ErrorBody


def dump(view: BaseModel) -> Any:
    return view.model_dump(mode="json", by_alias=True)
