"""The car's own key: made on the car, enrolled once, shown at every connection.

The key file has two PEM blocks: the car's private key, and the server's public key, with which the
car checks tokens of its live view. Only its owner may read it.
"""

from __future__ import annotations

import ssl
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from car.settings import CarSettings
from pixelopolis.errors import SettingsError
from pixelopolis.identity.key_file import keys_of, write_key_file
from pixelopolis.identity.signatures import (
    LINK_SCHEME,
    enrollment_proof,
    link_proof,
    public_key,
    public_text,
    sign,
)
from pixelopolis.identity.view_token import opens_view

ANSWER_S: Final = 10.0
ENROLL: Final = (
    "Get a code with `pixelopolis server enroll`, then run `pixelopolis car enroll CODE --config "
    "car.toml` on this car."
)


class CarIdentity:
    """An enrolled car.

    Args:
        serial: its id.
        key: its private key.
        view_key: the server's public key.
        tls: how to check the server's certificate; None for the system's authorities.
    """

    def __init__(
        self,
        serial: str,
        key: Ed25519PrivateKey,
        view_key: Ed25519PublicKey,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self._serial = serial
        self._key = key
        self._view_key = view_key
        self._server_ahead_s = time.time() - time.monotonic()
        """The server's clock (seconds since the epoch) less our monotonic one."""

    @classmethod
    def load(cls, settings: CarSettings) -> Self:
        """Return the identity in a car's key file.

        Raises:
            SettingsError: the car is not enrolled, others may read the key, or it cannot be used.
        """
        file = _file_of(settings)
        try:
            mode = stat.S_IMODE(file.stat().st_mode)
            text = file.read_bytes()
        except FileNotFoundError:
            raise SettingsError(f"key: there is no {str(file)!r}: not enrolled.", ENROLL) from None
        except OSError as error:
            raise SettingsError(
                f"key: {str(file)!r} cannot be read: {error.strerror}.", "Give its owner the right."
            ) from error
        if mode & 0o077:
            raise SettingsError(
                f"key: others than its owner may use {str(file)!r} (mode {mode:04o}).",
                f"chmod 600 {file}; if others had access, revoke the key and enroll the car anew.",
            )
        try:
            key, view_key = keys_of(text)
        except ValueError as error:
            raise SettingsError(f"key: {str(file)!r} is no key file: {error}.", ENROLL) from error
        return cls(settings.id, key, view_key, tls_of(settings))

    async def authorize(self, session: aiohttp.ClientSession, server: str) -> Mapping[str, str]:
        """Return the headers that show a server who the car is, for one connection."""
        url = f"{_http(server)}/api/cars/{self._serial}/challenge"
        async with session.post(url, ssl=self.tls if self.tls is not None else True) as answer:
            answer.raise_for_status()
            challenge = await answer.json()
        try:
            self._server_ahead_s = float(challenge["server_time_s"]) - time.monotonic()
            nonce = str(challenge["nonce"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConnectionError(f"{url} answers as no server of ours") from error
        signature = sign(self._key, link_proof(self._serial, nonce))
        return {"Authorization": f"{LINK_SCHEME} {nonce}.{signature}"}

    def opens_view(self, token: str) -> bool:
        """Whether a token of the server opens this car's live view now."""
        now_s = time.monotonic() + self._server_ahead_s
        return opens_view(self._view_key, token, self._serial, now_s)


async def enroll(settings: CarSettings, code: str) -> Path:
    """Make this car's key and enroll it; return the key's file.

    Raises:
        SettingsError: there is a key already, the server does not answer, or it refuses.
    """
    file, key = _file_of(settings), Ed25519PrivateKey.generate()
    if file.exists():
        raise SettingsError(
            f"key: {str(file)!r} exists: this car was enrolled.",
            f"To enroll it anew: `pixelopolis server revoke {settings.id}` unless that was done, "
            "and remove the file.",
        )
    body = {
        "serial": settings.id,
        "code": code,
        "public_key": public_text(key.public_key()),
        "proof": sign(key, enrollment_proof(settings.id, code)),
    }
    answer = await _ask(settings, body)
    try:
        view_key = public_key(str(answer["view_key"]))
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"server.url: {settings.server.url} answers as no server of ours ({error}).",
            "Name the server.",
        ) from error
    try:
        write_key_file(file, key, view_key)
    except OSError as error:
        raise SettingsError(
            f"key: {str(file)!r} cannot be written: {error.strerror}.",
            "Revoke the key, make room, and enroll the car anew.",
        ) from error
    return file


async def _ask(settings: CarSettings, body: Mapping[str, str]) -> Any:
    url, tls = f"{_http(settings.server.url)}/api/cars/enroll", tls_of(settings)
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, json=body, ssl=tls if tls is not None else True) as answer,
        ):
            said = await answer.json()
            if answer.status == 201:
                return said
            error = said["error"]
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError) as wrong:
        why = str(wrong) or type(wrong).__name__
        raise SettingsError(
            f"server.url: {settings.server.url} does not answer ({why}).",
            "Check the address, and that the server runs there.",
        ) from wrong
    raise SettingsError(str(error["message"]), str(error["next_step"]))


def tls_of(settings: CarSettings) -> ssl.SSLContext | None:
    """Return how to check the server's certificate; None for the system's authorities.

    Raises:
        SettingsError: the certificate of the authority cannot be used.
    """
    if settings.server.ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=settings.server.ca)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"server.ca: {str(settings.server.ca)!r} cannot be used ({error}).",
            "Copy the server's tls/ca.pem to the car.",
        ) from error


def _file_of(settings: CarSettings) -> Path:
    if settings.key is None:
        raise SettingsError("key: no file is named.", "Load the settings from a file.")
    return settings.key


def _http(url: str) -> str:
    return f"http{url.removeprefix('ws')}".rstrip("/")
