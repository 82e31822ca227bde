"""The simulator's HTTP server: bird's-eye view, ground truth, injected faults, moved cars."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, Final, NoReturn

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from pixelopolis.errors import PixelopolisError, RenderError, SettingsError
from pixelopolis.refusals import RequestRefusedError
from pixelopolis.web.mjpeg import HEADERS, add_video, answer_options
from pixelopolis.web.request_body import Body, body_of
from sim.hardware.bus import BusFault, FaultKind
from sim.live.renderer_link import RendererLink
from sim.live.town import LiveTown, TownCar

PICTURE_TIMEOUT_S: Final = 5.0


class FaultRequest(BaseModel):
    """Body of POST /fault; `rate` is the share of packets lost in each direction."""

    model_config = ConfigDict(extra="forbid")

    car: str
    kind: FaultKind
    rate: float = Field(default=0.1, ge=0.0, le=1.0)


class PlaceRequest(BaseModel):
    """Body of POST /place: move a car by hand.

    `s_m` is along the edge, `left_m` beside its center line, `turn_deg` counterclockwise from it.
    """

    model_config = ConfigDict(extra="forbid")

    car: str
    edge: str
    s_m: float = Field(ge=0.0)
    left_m: float = Field(default=0.0, ge=-0.3, le=0.3)
    turn_deg: float = Field(default=0.0, ge=-180.0, le=180.0)


def make_app(
    town: LiveTown, state: Callable[[], dict[str, Any]], renderer: RendererLink
) -> web.Application:
    """Return the application.

    Args:
        town: its buses take faults, and its cars can be moved.
        state: returns the answer of GET /state.
        renderer: gives bird's-eye images.
    """

    async def get_state(_request: web.Request) -> web.Response:
        return web.json_response(state(), headers=HEADERS)

    async def post_fault(request: web.Request) -> web.Response:
        fault = await _body(request, FaultRequest)
        _car(fault.car).bus.fault = BusFault(fault.kind, fault.rate)
        return web.json_response(fault.model_dump(), headers=HEADERS)

    async def post_place(request: web.Request) -> web.Response:
        place = await _body(request, PlaceRequest)
        car, edge = _car(place.car), town.city.edges.get(place.edge)
        if edge is None or place.s_m > edge.length_m:
            known = ", ".join(f"{e.id} ({e.length_m:.2f} m)" for e in town.city.edges.values())
            _fail(
                web.HTTPNotFound,
                SettingsError(
                    f"edge, s_m: there is no place {place.edge!r} at {place.s_m} m.",
                    f"Edges and their lengths: {known}.",
                ),
            )
        at = edge.curve.pose_at(place.s_m)
        car.vehicle.pose = at.ahead(0.0, place.left_m, math.radians(place.turn_deg))
        return web.json_response(place.model_dump(), headers=HEADERS)

    def _car(name: str) -> TownCar:
        if name not in town.cars:
            _fail(
                web.HTTPNotFound,
                SettingsError(
                    f"car: there is no {name!r}.", f"Name one of {', '.join(town.cars)}."
                ),
            )
        return town.cars[name]

    async def get_bird(_request: web.Request) -> web.Response:
        renderer.want_bird()
        try:
            _, picture = await asyncio.wait_for(
                renderer.bird.after(renderer.bird.count), PICTURE_TIMEOUT_S
            )
        except TimeoutError:
            _fail(
                web.HTTPServiceUnavailable,
                RenderError("No picture from above came.", "Try again in a moment."),
            )
        return web.Response(body=picture.jpeg, content_type="image/jpeg", headers=HEADERS)

    app = web.Application(middlewares=[answer_options])
    app.router.add_get("/state", get_state)
    app.router.add_post("/fault", post_fault)
    app.router.add_post("/place", post_place)
    app.router.add_get("/bird.jpg", get_bird)
    add_video(app, "/bird.mjpg", renderer.bird, renderer.want_bird)
    return app


async def _body(request: web.Request, model: type[Body]) -> Body:
    try:
        return await body_of(request, model)
    except RequestRefusedError as error:
        kind = web.HTTPRequestTimeout if error.status == 408 else web.HTTPBadRequest
        _fail(kind, SettingsError(error.message, error.next_step))


def _fail(kind: type[web.HTTPException], error: PixelopolisError) -> NoReturn:
    body = {"error": {"code": error.code, "message": error.message, "next_step": error.next_step}}
    raise kind(text=json.dumps(body), content_type="application/json", headers=HEADERS)
