"""The tables of a town's TOML file, field by field: types, ranges and defaults."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pixelopolis.vehicle.speeds import SLOWEST_MPS

MAX_EDGES: Final = 5000
"""Three times the largest grid."""

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]
Meters = Annotated[float, Field(allow_inf_nan=False, ge=-1000, le=1000)]
Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-360, le=360)]
Length = Annotated[float, Field(allow_inf_nan=False, gt=0, le=100)]


_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
Text = Annotated[
    str, Field(max_length=80, pattern=rf"^[^{_CONTROL}]*[^\s{_CONTROL}][^{_CONTROL}]*$")
]
"""A single line of text with at least one visible character and no control characters."""


class _CityTable(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class RoadTable(_CityTable):
    style: Literal["white", "asphalt"]
    """White ground with a red left and a blue right line, or asphalt with white borders."""
    lane_width_m: Annotated[float, Field(ge=0.18, le=1.0)] = 0.28
    """From line to line."""
    line_width_m: Annotated[float, Field(ge=0.004, le=0.05)] = 0.015
    mouth_m: Annotated[float, Field(ge=0.05, le=2.0)] = 0.30
    """How far before a node a lane ends, and behind it the next begins."""


class NodeTable(_CityTable):
    id: Id
    x_m: Meters
    y_m: Meters


class PieceTable(_CityTable):
    straight_m: Length | None = None
    """Length of a straight piece."""
    arc_radius_m: Annotated[float, Field(ge=0.16, le=100)] | None = None
    """Radius of a bend; `turn_deg` says how far it turns."""
    turn_deg: Degrees | None = None
    """Left is positive."""
    bezier_m: list[list[Meters]] | None = None
    """Two control points and the end of a cubic curve, each `[x, y]` of the world."""


class EdgeTable(_CityTable):
    id: Id
    from_: Id = Field(alias="from")
    to: Id
    priority: Annotated[int, Field(ge=0, le=100)] = 1
    """The original's, where a lower number has right of way. Nothing here goes by it."""
    speed_limit_mps: Annotated[float, Field(ge=SLOWEST_MPS, le=2.0)] = 0.136
    offset_right_m: Annotated[float, Field(ge=0, le=1.0)] = 0.0
    """How far to the right of its line the lane lies."""
    heading_deg: Degrees | None = None
    """How its pieces leave the first node; they need it."""
    pieces: list[PieceTable] = Field(default=[], max_length=100)
    """From node to node, each where the one before ends; none: a straight line."""


class TurnBanTable(_CityTable):
    """Two edges that must not be driven one after the other."""

    from_: Id = Field(alias="from")
    to: Id


class SignTable(_CityTable):
    sign_class: str = Field(alias="class")
    """One of `pixelopolis.city.signs.SIGN_CLASSES`."""
    edge: Id
    distance_m: Meters
    side: Literal["left", "right"] = "right"
    height_m: Annotated[float, Field(ge=0.04, le=1.0)] = 0.16
    """Of the middle of the board above the road."""


class DestinationTable(_CityTable):
    id: Id
    edge: Id
    distance_m: Meters
    kind: Text = "place"
    name: dict[Text, Text]
    """By language, as in `{en = "Church"}`."""


class BuildingTable(_CityTable):
    x_m: Meters
    y_m: Meters
    width_m: Length
    depth_m: Length
    height_m: Length
    heading_deg: Degrees = 0.0
    kind: Text = "house"
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#e8e0d0"


class CityTables(_CityTable):
    name: Id
    open_ended: bool = False
    """Cars need not come back: a stretch to practise on."""
    road: RoadTable
    node: list[NodeTable] = Field(min_length=2, max_length=MAX_EDGES)
    edge: list[EdgeTable] = Field(min_length=1, max_length=MAX_EDGES)
    turn_ban: list[TurnBanTable] = []
    sign: list[SignTable] = []
    destination: list[DestinationTable] = []
    building: list[BuildingTable] = []
