"""Cars enroll their keys; administrators make codes, list keys and revoke them."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from pixelopolis.refusals import RequestRefusedError
from pixelopolis.web.request_body import body_of
from server.http.keys import CALLER, DESK, IDENTITY
from server.http.operations import Operation
from server.identity.access import ApiAccess, Role
from server.identity.codes import VALID_S
from server.views.models import (
    CarKeysView,
    CarKeyView,
    CodeView,
    EnrollmentRequest,
    EnrollmentView,
    dump,
)

log = logging.getLogger(__name__)


async def post_enrollment(request: web.Request) -> web.Response:
    body = await body_of(request, EnrollmentRequest)
    identity = request.app[IDENTITY]
    await identity.cars.enroll(
        body.serial, body.code, body.public_key, body.proof, request.remote or ""
    )
    log.info("%s is enrolled, from %s.", body.serial, request.remote)
    view = EnrollmentView(serial=body.serial, view_key=identity.secrets.view_key)
    return web.json_response(dump(view), status=201)


async def post_code(request: web.Request) -> web.Response:
    async with request.app[DESK].written_down(request[CALLER].name, "invite", "a car"):
        code = await request.app[IDENTITY].cars.invite()
    return web.json_response(dump(CodeView(code=code, ends_in_s=VALID_S)), status=201)


async def get_keys(request: web.Request) -> web.Response:
    cars = await request.app[IDENTITY].cars.store.all()
    keys = [CarKeyView(serial=c.serial, key=c.key, enrolled_s=c.enrolled_s) for c in cars]
    return web.json_response(dump(CarKeysView(keys=keys)))


async def delete_key(request: web.Request) -> web.Response:
    serial = request.match_info["serial"]
    async with request.app[DESK].written_down(request[CALLER].name, "revoke", serial):
        if not await request.app[IDENTITY].cars.store.revoke(serial):
            raise RequestRefusedError(
                404, "unknown_car", f"serial: no car {serial!r} is enrolled.", "Check its id."
            )
    return web.Response(status=204)


OPERATIONS: Final = (
    Operation(
        "POST",
        "/api/cars/enroll",
        post_enrollment,
        ApiAccess.PUBLIC,
        "Enroll a car's public key, with a code of an administrator.",
        EnrollmentView,
        201,
        EnrollmentRequest,
        (400, 403, 409, 429),
    ),
    Operation(
        "POST",
        "/api/operator/enrollments",
        post_code,
        Role.ADMIN,
        "Make a code with which one car can be enrolled.",
        CodeView,
        201,
    ),
    Operation(
        "GET",
        "/api/operator/keys",
        get_keys,
        Role.VIEWER,
        "The enrolled cars and their public keys.",
        CarKeysView,
    ),
    Operation(
        "DELETE",
        "/api/operator/keys/{serial}",
        delete_key,
        Role.ADMIN,
        "Revoke a car's key; its link ends.",
        None,
        204,
        refusals=(404,),
    ),
)
