"""Generated towns: `grid:COLSxROWS:SEED`, a grid of blocks with two-way streets.

The generator writes ordinary TOML, so a generated town is checked like any other and can be saved
and edited.
"""

from __future__ import annotations

import random
import re
from itertools import accumulate
from typing import Final

from pixelopolis.city.generators.place_names import names_toml
from pixelopolis.city.signs import BOARD_CLASSES
from pixelopolis.city.start_places import CAR_ROOM_M
from pixelopolis.errors import CityError

LANE_M: Final = 0.28
MOUTH_M: Final = 0.44
"""Half a street (0.14 m) plus the 0.30 m radius of a right turn."""

BLOCK_M: Final = (1.15, 1.60)
"""Range of the distance between two nodes: both mouths and at least 0.27 m of lane."""
ROOMY_BLOCK_M: Final = 2 * MOUTH_M + CAR_ROOM_M + 0.002
"""Shortest distance between two nodes with room for a waiting car, which a town needs once; nodes
are placed to the millimeter."""

MAX_BLOCKS: Final = 20

_KINDS: Final = ("museum", "landmark", "planetarium", "town", "wedding")


def grid_city_text(name: str) -> str:
    """Return the TOML of the town `name`.

    Raises:
        CityError: the name is not `grid:COLSxROWS:SEED` with 1 to 20 blocks a side and more than
            one
            block: around a single one a car could never reach the opposite direction.
    """
    match = re.fullmatch(r"grid:(\d{1,3})x(\d{1,3}):(\d{1,9})", name)
    columns, rows, seed = (int(g) for g in match.groups()) if match else (0, 0, 0)
    fits = 1 <= columns <= MAX_BLOCKS and 1 <= rows <= MAX_BLOCKS
    if not fits or columns == rows == 1:
        raise CityError(
            f"city {name!r} is not a grid of 1 to {MAX_BLOCKS} blocks a side and two or more in "
            "all.",
            "Write grid:COLSxROWS:SEED, for example grid:3x2:5.",
        )
    rng = random.Random(seed)
    steps = [rng.uniform(*BLOCK_M) for _ in range(columns + rows)]
    longest = max(range(len(steps)), key=steps.__getitem__)
    steps[longest] = max(steps[longest], ROOMY_BLOCK_M)
    xs, ys = _places(steps[:columns]), _places(steps[columns:])
    lines = [
        f'name = "grid-{columns}x{rows}-{seed}"',
        "[road]",
        'style = "asphalt"',
        f"lane_width_m = {LANE_M}",
        f"mouth_m = {MOUTH_M}",
    ]
    for row, y in enumerate(ys):
        for column, x in enumerate(xs):
            lines += ["[[node]]", f'id = "{column}.{row}"', f"x_m = {x:.3f}", f"y_m = {y:.3f}"]
    edges = [
        (a, b)
        for row in range(rows + 1)
        for column in range(columns + 1)
        for a, b in (
            (f"{column}.{row}", f"{column + 1}.{row}") if column < columns else ("", ""),
            (f"{column}.{row}", f"{column}.{row + 1}") if row < rows else ("", ""),
        )
        if a
    ]
    lanes = [lane for a, b in edges for lane in ((a, b), (b, a))]
    for a, b in lanes:
        lines += [
            "[[edge]]",
            f'id = "{a}-{b}"',
            f'from = "{a}"',
            f'to = "{b}"',
            f"offset_right_m = {LANE_M / 2}",
            "[[sign]]",
            f'class = "{rng.choice(BOARD_CLASSES)}"',
            f'edge = "{a}-{b}"',
            "distance_m = -0.03",
        ]
    count = min(len(_KINDS), len(lanes))
    for kind, (a, b) in zip(_KINDS, rng.sample(lanes, count), strict=False):
        lines += [
            "[[destination]]",
            f'id = "{kind}"',
            f'edge = "{a}-{b}"',
            "distance_m = -0.14",
            f'kind = "{kind}"',
            names_toml(kind),
        ]
    return "\n".join(lines) + "\n"


def _places(steps: list[float]) -> list[float]:
    return [0.0, *accumulate(steps)]
