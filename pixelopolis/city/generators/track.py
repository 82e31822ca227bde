"""Generated tracks: `track:SEED`, a one-way loop with various bends and branches across it.

The loop runs around a random group of blocks of an uneven grid. Branches leave it, inside or
outside, and rejoin it, so every place can be reached from every other. Lanes are polylines with
rounded corners. The generator writes ordinary TOML, and retries until the town passes the checks.

Seeds below 1,000 are for training, those from 9,000 on for evaluation.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from functools import lru_cache
from typing import Final

from pixelopolis.city.generators.place_names import names_toml
from pixelopolis.city.signs import BOARD_CLASSES
from pixelopolis.city.toml_file import parse_city
from pixelopolis.errors import CityError

LANE_M: Final = (0.25, 0.32)
MOUTH_M: Final = (0.26, 0.33)
BLOCK_M: Final = (1.05, 1.55)
"""Range of the distance between two rows or columns of corners."""
JITTER_M: Final = 0.13
"""Maximum displacement of a corner from its grid position, in each direction."""
BEND_M: Final = (0.25, 0.9)
"""Range of bend radii, uniform in the logarithm; smaller where there is no room."""
MIN_TURN_M: Final = 0.22
"""Minimum radius of a movement."""
WAVE_PART: Final = 0.45
"""Fraction of the sufficiently long stretches that get an S-bend."""
MIN_WAVE_M: Final = 1.0
WAVE_M: Final = (0.05, 0.14)
"""Range of an S-bend's amplitude."""

_BRANCHES: Final = (1, 2, 2, 3, 3)
_TRIES: Final = 500
_KINDS: Final = ("museum", "landmark", "town")

Corner = tuple[int, int]
Point = tuple[float, float]


@lru_cache(maxsize=16)
def track_city_text(name: str) -> str:
    """Return the TOML of the town `name`.

    Raises:
        CityError: the name is not `track:SEED`.
    """
    match = re.fullmatch(r"track:(\d{1,9})", name)
    if match is None:
        raise CityError(f"city {name!r} is not a track.", "Write track:SEED, for example track:7.")
    seed = int(match[1])
    rng = random.Random(seed)
    for _ in range(_TRIES):
        text = _draw(f"track-{seed}", rng)
        if text is None:
            continue
        try:
            parse_city(text, name)
        except CityError:
            continue
        return text
    raise AssertionError(f"no sound track in {_TRIES} tries of seed {seed}")


def _draw(name: str, rng: random.Random) -> str | None:
    """Return one candidate, or None if a bend or turn is too sharp."""
    columns, rows = rng.choice(((3, 2), (2, 3), (3, 3)))
    ways = _ways(columns, rows, rng)
    mouth_m = rng.uniform(*MOUTH_M)
    places = _places(columns, rows, rng)
    lanes = [_polyline([places[corner] for corner in way], mouth_m, rng) for way in ways]
    if not _turns_are_wide(ways, lanes, mouth_m):
        return None
    lines = [
        f'name = "{name}"',
        "[road]",
        f'style = "{rng.choice(("white", "asphalt"))}"',
        f"lane_width_m = {rng.uniform(*LANE_M):.3f}",
        f"line_width_m = {rng.uniform(0.012, 0.018):.4f}",
        f"mouth_m = {mouth_m:.3f}",
    ]
    for corner in sorted({end for way in ways for end in (way[0], way[-1])}):
        x_m, y_m = places[corner]
        lines += ["[[node]]", f'id = "{_id(corner)}"', f"x_m = {x_m:.4f}", f"y_m = {y_m:.4f}"]
    ids = []
    for number, (way, lane) in enumerate(zip(ways, lanes, strict=True), start=1):
        pieces = _pieces(lane, mouth_m, rng)
        if pieces is None:
            return None
        ids.append(str(number))
        lines += [
            "[[edge]]",
            f'id = "{number}"',
            f'from = "{_id(way[0])}"',
            f'to = "{_id(way[-1])}"',
            f"heading_deg = {math.degrees(_heading(lane[0], lane[1])):.6f}",
            f"pieces = [{', '.join(pieces)}]",
            "[[sign]]",
            f'class = "{rng.choice(BOARD_CLASSES)}"',
            f'edge = "{number}"',
            "distance_m = -0.03",
        ]
    for kind, edge in zip(_KINDS, rng.sample(ids, min(len(_KINDS), len(ids))), strict=False):
        lines += [
            "[[destination]]",
            f'id = "{kind}"',
            f'edge = "{edge}"',
            "distance_m = -0.14",
            f'kind = "{kind}"',
            names_toml(kind),
        ]
    return "\n".join(lines) + "\n"


def _id(corner: Corner) -> str:
    return f"{corner[0]}.{corner[1]}"


# --- topology -------------------------------------------------------------------------------------


def _ways(columns: int, rows: int, rng: random.Random) -> list[list[Corner]]:
    """Return the town's edges as the corners that they pass, from junction to junction."""
    loop = _loop(columns, rows, rng)
    onward: dict[Corner, list[Corner]] = {}
    for a, b in zip(loop, [*loop[1:], loop[0]], strict=True):
        onward[a] = [b]
    joints: set[Corner] = set()
    for _ in range(rng.choice(_BRANCHES)):
        branch = _branch(columns, rows, onward, joints, rng)
        if branch is None:
            break
        joints |= {branch[0], branch[-1]}
        for a, b in itertools.pairwise(branch):
            onward.setdefault(a, []).append(b)
    ways = []
    for joint in sorted(joints):
        for first in onward[joint]:
            way = [joint, first]
            while way[-1] not in joints:
                way.append(onward[way[-1]][0])
            ways.append(way)
    return ways


def _loop(columns: int, rows: int, rng: random.Random) -> list[Corner]:
    """Return the corners around a group of blocks, in random direction."""
    while True:
        blocks = {(rng.randrange(columns), rng.randrange(rows))}
        wanted = rng.randint(3, columns * rows - 1)
        while len(blocks) < wanted:
            x, y = rng.choice(sorted(blocks))
            dx, dy = rng.choice(_STEPS)
            if 0 <= x + dx < columns and 0 <= y + dy < rows:
                blocks.add((x + dx, y + dy))
        after: dict[Corner, Corner] = {}
        sides = 0
        for x, y in blocks:  # counterclockwise sides of a block that no other block shares
            for (dx, dy), a, b in (
                ((0, -1), (x, y), (x + 1, y)),
                ((1, 0), (x + 1, y), (x + 1, y + 1)),
                ((0, 1), (x + 1, y + 1), (x, y + 1)),
                ((-1, 0), (x, y + 1), (x, y)),
            ):
                if (x + dx, y + dy) not in blocks:
                    after[a] = b
                    sides += 1
        if len(after) < sides:  # the outline touches itself in a corner
            continue
        loop = [min(after)]
        while (following := after[loop[-1]]) != loop[0]:
            loop.append(following)
        if len(loop) == sides:  # otherwise there is a hole
            return loop if rng.random() < 0.5 else loop[::-1]


_STEPS: Final = ((1, 0), (0, 1), (-1, 0), (0, -1))


def _branch(
    columns: int,
    rows: int,
    onward: dict[Corner, list[Corner]],
    joints: set[Corner],
    rng: random.Random,
) -> list[Corner] | None:
    """Return the corners of a new branch between two points of the streets, over free ground."""
    used = {frozenset((a, b)) for a, ends in onward.items() for b in ends}
    open_ends = sorted(set(onward) - joints)
    found: dict[int, list[list[Corner]]] = {}

    def extend(way: list[Corner]) -> None:
        x, y = way[-1]
        for dx, dy in _STEPS:
            corner = (x + dx, y + dy)
            inside = 0 <= corner[0] <= columns and 0 <= corner[1] <= rows
            if not inside or corner in way or frozenset((way[-1], corner)) in used:
                continue
            if corner not in onward and len(way) < 4:
                extend([*way, corner])
            elif corner in onward and corner not in joints:
                found.setdefault(len(way), []).append([*way, corner])

    for start in open_ends:
        extend([start])
    return rng.choice(found[rng.choice(sorted(found))]) if found else None


# --- geometry -------------------------------------------------------------------------------------


def _places(columns: int, rows: int, rng: random.Random) -> dict[Corner, Point]:
    xs, ys = ([0.0], [0.0])
    for at, count in ((xs, columns), (ys, rows)):
        for _ in range(count):
            at.append(at[-1] + rng.uniform(*BLOCK_M))

    def jitter() -> float:
        return rng.uniform(-JITTER_M, JITTER_M)

    return {
        (column, row): (round(x + jitter(), 4), round(y + jitter(), 4))
        for column, x in enumerate(xs)
        for row, y in enumerate(ys)
    }


def _heading(a: Point, b: Point) -> float:
    return math.atan2(b[1] - a[1], b[0] - a[0])


def _polyline(places: list[Point], mouth_m: float, rng: random.Random) -> list[Point]:
    """Return a lane's corners, with S-bends in some of its longer stretches."""
    lane = [places[0]]
    for number, (a, b) in enumerate(itertools.pairwise(places)):
        start_m = mouth_m if number == 0 else 0.3
        end_m = mouth_m if number == len(places) - 2 else 0.3
        length_m, heading = math.dist(a, b), _heading(a, b)
        room_m = length_m - start_m - end_m - 0.1
        if length_m >= MIN_WAVE_M and room_m > 0.3 and rng.random() < WAVE_PART:
            swing_m = rng.choice((-1, 1)) * rng.uniform(*WAVE_M)
            for part, side in ((0.2, 1), (0.8, -1)):
                along = start_m + 0.05 + part * room_m
                lane.append(
                    (
                        a[0] + along * math.cos(heading) - side * swing_m * math.sin(heading),
                        a[1] + along * math.sin(heading) + side * swing_m * math.cos(heading),
                    )
                )
        lane.append(b)
    return lane


def _turns(lane: list[Point]) -> list[float]:
    """Return the turning angle at each inner corner of a lane."""
    headings = [_heading(a, b) for a, b in itertools.pairwise(lane)]
    return [math.remainder(b - a, 2 * math.pi) for a, b in itertools.pairwise(headings)]


def _turns_are_wide(ways: list[list[Corner]], lanes: list[list[Point]], mouth_m: float) -> bool:
    for way, lane in zip(ways, lanes, strict=True):
        for other, after in zip(ways, lanes, strict=True):
            if other[0] == way[-1]:
                (turn,) = _turns([lane[-2], lane[-1], after[1]])
                if mouth_m < MIN_TURN_M * math.tan(abs(turn) / 2):
                    return False
    return True


def _pieces(lane: list[Point], mouth_m: float, rng: random.Random) -> list[str] | None:
    """Return straights and arcs along a polyline; None if a corner has no room for its bend."""
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(lane)]
    free = [length / 2 for length in lengths]
    free[0] = lengths[0] - mouth_m
    free[-1] = lengths[-1] - mouth_m
    pieces = []
    cut_m = 0.0
    for number, turn in enumerate(_turns(lane)):
        slope = math.tan(abs(turn) / 2)
        room_m = min(free[number], free[number + 1])
        most_m = room_m / slope if slope > 1e-6 else math.inf
        if most_m < BEND_M[0]:
            return None
        wished = math.exp(rng.uniform(math.log(BEND_M[0]), math.log(BEND_M[1])))
        radius_m = round(min(wished, most_m), 4)
        tangent_m = radius_m * slope
        pieces.append(f"{{straight_m = {max(lengths[number] - cut_m - tangent_m, 1e-4):.6f}}}")
        pieces.append(f"{{arc_radius_m = {radius_m}, turn_deg = {math.degrees(turn):.6f}}}")
        cut_m = tangent_m
    pieces.append(f"{{straight_m = {lengths[-1] - cut_m:.6f}}}")
    return pieces
