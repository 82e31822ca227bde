"""The secrets that all servers of a database share: made once, kept in it."""

from __future__ import annotations

import hmac
import secrets
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from pixelopolis.identity.signatures import public_text, to_text
from pixelopolis.identity.view_token import make_view_token
from server.identity.tokens import TokenKind


class ServerSecrets:
    """Signs live views and makes the tokens of rides.

    Args:
        view_key: 32 bytes of an Ed25519 key.
        ride_key: 32 random bytes.
    """

    def __init__(self, view_key: bytes, ride_key: bytes) -> None:
        self._view_key = Ed25519PrivateKey.from_private_bytes(view_key)
        self._ride_key = ride_key

    @classmethod
    async def load(cls, database: AsyncDatabase[dict[str, Any]]) -> Self:
        """Return the database's secrets, which are made if it has none."""
        new = {"view_key": secrets.token_bytes(32), "ride_key": secrets.token_bytes(32)}
        found = await database["secrets"].find_one_and_update(
            {"_id": "server"},
            {"$setOnInsert": new},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert found is not None, "it was inserted"
        return cls(bytes(found["view_key"]), bytes(found["ride_key"]))

    @property
    def view_key(self) -> str:
        """The text of the public key with which cars check tokens of views."""
        return public_text(self._view_key.public_key())

    def view_token(self, camera: str, now_s: float) -> str:
        return make_view_token(self._view_key, camera, now_s)

    def ride_token(self, booking: str) -> str:
        """Return the token of a ride: nobody can compute it without the secret."""
        code = hmac.digest(self._ride_key, f"ride\0{booking}".encode(), "sha256")
        return f"{TokenKind.RIDE}_{to_text(code)}"

    def is_ride_token(self, token: str, booking: str) -> bool:
        return hmac.compare_digest(token.encode(), self.ride_token(booking).encode())
