"""The AsyncAPI document of the WebSockets, generated from the models that validate messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server.http.operations import Operation
from server.identity.access import ApiAccess


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all operations that are sockets.

    A channel is one WebSocket. The server sends what it `says` and receives what it `hears`.
    """
    sockets = [op for op in operations if op.is_socket]
    said = [(model, "serialization") for op in sockets for model in op.says]
    heard = [(model, "validation") for op in sockets for model in op.hears]
    refs, schemas = models_json_schema(
        [*said, *heard],  # type: ignore[list-item]
        ref_template="#/components/schemas/{model}",
    )

    def messages(models: Sequence[type[BaseModel]], mode: str) -> dict[str, Any]:
        return {model.__name__: {"payload": refs[model, mode]} for model in models}  # type: ignore[index]

    channels: dict[str, Any] = {}
    acts: dict[str, Any] = {}
    for op in sockets:
        name = re.sub(r"\W+", "_", op.path).strip("_")
        channels[name] = {
            "address": op.path,
            "description": op.summary,
            "messages": messages(op.says, "serialization") | messages(op.hears, "validation"),
            "bindings": {"ws": {"method": op.method}},
        }
        if parameters := re.findall(r"\{(\w+)\}", op.path):
            channels[name]["parameters"] = {parameter: {} for parameter in parameters}
        for word, action, models in (("to", "send", op.says), ("from", "receive", op.hears)):
            if models:
                acts[f"{word}_{name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{name}"},
                    "messages": [
                        {"$ref": f"#/channels/{name}/messages/{model.__name__}"} for model in models
                    ],
                    "security": [{"$ref": f"#/components/securitySchemes/{op.access}"}],
                }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pixelopolis",
            "version": "1",
            "description": "Events for stations, and the cars' VDA 5050 messages.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": acts,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                str(ApiAccess.STATION): {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Token of a station; a page offers it as a subprotocol, "
                    "`bearer.TOKEN`, beside `pixelopolis.events`.",
                },
                str(ApiAccess.RIDE): {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Token of the ride or of its station, offered likewise.",
                },
                str(ApiAccess.CAR): {
                    "type": "httpApiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "PixelopolisCar NONCE.SIGNATURE, where the nonce is from "
                    "`POST /api/cars/{serial}/challenge`.",
                },
            },
        },
    }
