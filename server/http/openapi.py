"""The OpenAPI document of the stations' API, generated from the models that validate it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.views.models import (
    BookingRequest,
    BookingView,
    CityView,
    ErrorView,
    HealthView,
    ReadinessView,
    StationRequest,
    StationView,
)


class Operation(NamedTuple):
    method: str
    path: str
    summary: str
    answer: type[BaseModel]
    status: int = 200
    body: type[BaseModel] | None = None
    refusals: tuple[int, ...] = ()


OPERATIONS: Final = (
    Operation("get", "/api/city", "The town, as a page needs it to draw a map.", CityView),
    Operation(
        "post",
        "/api/stations",
        "Register a station by its device id; repeating it is harmless.",
        StationView,
        201,
        StationRequest,
        (400,),
    ),
    Operation(
        "post",
        "/api/bookings",
        "Book the free car that reaches the destination soonest.",
        BookingView,
        201,
        BookingRequest,
        (400, 404, 409),
    ),
    Operation("get", "/api/bookings/{id}", "A booking.", BookingView, refusals=(404,)),
    Operation(
        "delete", "/api/bookings/{id}", "Cancel a booking.", BookingView, refusals=(404, 409)
    ),
    Operation("get", "/healthz", "Health of server and database.", HealthView, refusals=(503,)),
    Operation(
        "get",
        "/readyz",
        "Whether this server is the one that serves the town.",
        ReadinessView,
        refusals=(503,),
    ),
)


def document() -> dict[str, Any]:
    bodies = [(op.body, "validation") for op in OPERATIONS if op.body is not None]
    answers = [(op.answer, "serialization") for op in OPERATIONS]
    models = [*bodies, *answers, (ErrorView, "serialization")]
    refs, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]

    def content(model: type[BaseModel], mode: str) -> dict[str, Any]:
        return {"application/json": {"schema": refs[model, mode]}}  # type: ignore[index]

    paths: dict[str, dict[str, Any]] = {}
    for op in OPERATIONS:
        responses: dict[str, Any] = {
            str(op.status): {
                "description": "Done.",
                "content": content(op.answer, "serialization"),
            }
        }
        for status in op.refusals:
            responses[str(status)] = {
                "description": "Refused.",
                "content": content(ErrorView, "serialization"),
            }
        described: dict[str, Any] = {"summary": op.summary, "responses": responses}
        if op.body is not None:
            described["requestBody"] = {
                "required": True,
                "content": content(op.body, "validation"),
            }
        if "{id}" in op.path:
            described["parameters"] = [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        paths.setdefault(op.path, {})[op.method] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pixelopolis",
            "version": "1",
            "description": "Book a ride in the miniature city. Events: WebSocket "
            "/api/events?station=DEVICE_ID. Cars: WebSocket /api/cars/{serial}/link, VDA 5050.",
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"]},
    }
