"""Enrollment codes, short enough to be typed. Pure but for the random numbers."""

from __future__ import annotations

import secrets
from typing import Final

LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O or U."""

LENGTH: Final = 10
"""50 bits: at `identity.cars.GUESSES` nobody finds one before it ends."""

VALID_S: Final = 600.0

_ALIKE: Final = str.maketrans("ILO", "110")


def new_code() -> str:
    """Return a new code, such as `7KQM3-XTP0R`."""
    code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
    return f"{code[:5]}-{code[5:]}"


def read_code(typed: str) -> str:
    """Return a typed code in its one form: case, spaces, dashes and letters that look alike."""
    plain = "".join(c for c in typed.upper() if c.isalnum()).translate(_ALIKE)
    return f"{plain[:5]}-{plain[5:]}"
