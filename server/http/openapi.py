"""The OpenAPI document of the stations' API, generated from the models that validate it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.http.operations import Operation
from server.identity.access import ApiAccess, Role
from server.views.models import ErrorView


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of all operations that are no sockets."""
    described = [op for op in operations if not op.is_socket]
    bodies = [(op.body, "validation") for op in described if op.body is not None]
    answers = [(op.answer, "serialization") for op in described if op.answer is not None]
    models = [*bodies, *answers, (ErrorView, "serialization")]
    refs, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]

    def content(model: type[BaseModel], mode: str) -> dict[str, Any]:
        return {"application/json": {"schema": refs[model, mode]}}  # type: ignore[index]

    paths: dict[str, dict[str, Any]] = {}
    for op in described:
        success: dict[str, Any] = {"description": "Done."}
        if op.answer is not None:
            success["content"] = content(op.answer, "serialization")
        responses = {str(op.status): success}
        for status in sorted({*op.refusals, *_refusals(op)}):
            responses[str(status)] = {
                "description": "Refused.",
                "content": content(ErrorView, "serialization"),
            }
        said: dict[str, Any] = {"summary": op.summary, "responses": responses}
        if op.access is not ApiAccess.PUBLIC:
            said["security"] = [{str(op.access): []}]
        if op.body is not None:
            said["requestBody"] = {"required": True, "content": content(op.body, "validation")}
        if names := re.findall(r"\{(\w+)\}", op.path):
            said["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in names
            ]
        paths.setdefault(op.path, {})[op.method.lower()] = said
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pixelopolis",
            "version": "1",
            "description": "Book a ride in the miniature city. Events: WebSocket "
            "/api/events. Cars: WebSocket /api/cars/{serial}/link, VDA 5050.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                str(access): {"type": "http", "scheme": "bearer", "description": _meaning(access)}
                for access in (ApiAccess.STATION, ApiAccess.RIDE, *Role)
            },
        },
    }


def _refusals(op: Operation) -> tuple[int, ...]:
    """Return the statuses with which the guard and the reader of bodies refuse."""
    by_rules = (403, 421, 429)
    by_guard = () if op.access is ApiAccess.PUBLIC else (401, 403)
    by_leadership = (503,) if op.path.startswith("/api/") else ()
    return (
        *by_rules,
        *by_guard,
        *by_leadership,
        *((400, 408, 413, 415) if op.body is not None else ()),
    )


def _meaning(access: ApiAccess | Role) -> str:
    if isinstance(access, Role):
        return f"Session of an operator whose role is {access} or includes it."
    return f"Token of a {access}."
