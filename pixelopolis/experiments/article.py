"""The article's story as experiments.

Arms that share a model or a dataset share its steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pixelopolis.errors import SettingsError
from pixelopolis.experiments.parts import FLOAT, Arm, Data, Drive, Experiment, Recipe, Scale

SMALL: Final = Scale(pictures=12000, epochs=7, metres=72.0, looks=12)
"""47 minutes on two x86-64 cores with three seeds, 89 of one process. Planned minutes of one core
per
seed: data 6 (a picture: quarter 4 ms, whole frame 9 ms, own drive 18 ms), training 10 (pictures per
second: `pilotnet` and `pilotnet-lstm` 1,850, `pilotnet-full` 860, `path` 820; 6 s to start),
export 1, drives 15 (a meter 0.36 s, of whole frames 0.6 s; a junction 0.5 s; 0.6 s per look)."""
TINY: Final = Scale(pictures=1200, epochs=8, metres=6.0, looks=6)
"""Minutes: shows that every command works; its figures mean nothing. With fewer pictures the LSTM's
int8 export would deviate too much."""

# --- data -------------------------------------------------------------------------------------

TOWNS: Final = "straight,figure-eight,grid:2x2:101,grid:1x2:102,grid:3x2:103,grid:2x3:104"
"""Without `square`, `curvy` and `pixelopolis`, which are used for the drives."""

STRAIGHT: Final = Data("straight", "straight")
BALANCED: Final = Data("balanced", TOWNS, options=("--whole",))
"""Whole frames, of which most networks use the bottom quarter, so that all train on the same
ones."""
PLAIN: Final = Data("plain", TOWNS, options=("--plain",))
DRIVEN: Final = Data("driven", TOWNS, kind="driven")
MORE: Final = Data("more", TOWNS, part=1 / 3, series=1)

# --- models -----------------------------------------------------------------------------------

PILOTNET: Final = Recipe("pilotnet", "pilotnet", (BALANCED,))
PILOTNET_STRAIGHT: Final = Recipe("pilotnet-straight", "pilotnet", (STRAIGHT,))
PILOTNET_FULL: Final = Recipe("pilotnet-full", "pilotnet-full", (BALANCED,))
PILOTNET_PLAIN: Final = Recipe("pilotnet-plain", "pilotnet", (PLAIN,))
PILOTNET_DRIVEN: Final = Recipe("pilotnet-driven", "pilotnet", (DRIVEN,))
LSTM: Final = Recipe("lstm", "pilotnet-lstm", (DRIVEN,), part=0.5)
"""Its windows overlap by half: an epoch shows it every picture twice."""
PATH: Final = Recipe("path", "path", (BALANCED,))
OWN: Final = Data("own", TOWNS, part=1 / 3, by=PATH)
PATH_OWN: Final = Recipe("path-own", "path", (BALANCED, OWN), start=PATH, part=0.5)
PATH_MORE: Final = Recipe("path-more", "path", (BALANCED, MORE), start=PATH, part=0.5)

# --- drives -----------------------------------------------------------------------------------

CURVY: Final = Drive("curvy", "curvy", ("--city", "curvy"))
SQUARE: Final = Drive("square", "square", ("--city", "square"))
PIXELOPOLIS: Final = Drive("pixelopolis", "pixelopolis", ("--city", "pixelopolis"))
PLAIN_LOOK: Final = Drive("plain", "pixelopolis, plain look", (*PIXELOPOLIS.options, "--plain"))
JUNCTIONS: Final = Drive(
    "junctions",
    "junctions of four towns",
    tuple(
        word
        for city in ("pixelopolis", "track:9001", "track:9002", "grid:2x1:9003")
        for word in ("--city", city)
    ),
    junctions=True,
)
"""Houses and trees stand beside every street, and 2 to 23 toys per look lie there."""
SIX_TOWNS: Final = Drive("six", "six towns, 0.136 m/s", ())
FAST: Final = Drive("fast", "six towns, 0.272 m/s", ("--cruise-mps", "0.272"))
"""The acceptance drives, the default of `evaluate lane`."""

EXPERIMENTS: Final = (
    Experiment(
        "bends",
        "Straight tracks only, and balanced data",
        arms=(
            Arm("straight tracks only", PILOTNET_STRAIGHT),
            Arm("balanced", PILOTNET),
        ),
        drives=(CURVY, SQUARE),
    ),
    Experiment(
        "frame",
        "The full frame, and its bottom quarter",
        arms=(Arm("full frame", PILOTNET_FULL), Arm("bottom quarter", PILOTNET)),
        drives=(JUNCTIONS, PIXELOPOLIS),
        timed=True,
    ),
    Experiment(
        "memory",
        "A single frame, and a memory of those before",
        arms=(Arm("single frame", PILOTNET_DRIVEN), Arm("memory (LSTM)", LSTM)),
        drives=(JUNCTIONS, PIXELOPOLIS),
        timed=True,
    ),
    Experiment(
        "looks",
        "One look, and looks of rooms",
        arms=(Arm("one look", PILOTNET_PLAIN), Arm("looks of rooms", PILOTNET)),
        drives=(PLAIN_LOOK, PIXELOPOLIS),
    ),
    Experiment(
        "int8",
        "Float and int8",
        arms=(Arm("float", PILOTNET, FLOAT), Arm("int8", PILOTNET)),
        drives=(CURVY, PIXELOPOLIS),
        timed=True,
    ),
    Experiment(
        "steps",
        "Steering, paths, a round of own drives, the map",
        arms=(
            Arm("steering", PILOTNET),
            Arm("paths", PATH, options=("--no-map",)),
            Arm("paths, more of the expert", PATH_MORE, options=("--no-map",)),
            Arm("paths, own drives", PATH_OWN, options=("--no-map",)),
            Arm("paths, own drives, map", PATH_OWN),
        ),
        drives=(SIX_TOWNS, FAST),
    ),
)


def named(names: Sequence[str]) -> tuple[Experiment, ...]:
    """Return the experiments of these names; all of them if none are given.

    Raises:
        SettingsError: an unknown name.
    """
    known = {experiment.name: experiment for experiment in EXPERIMENTS}
    for name in names:
        if name not in known:
            raise SettingsError(
                f"--only {name!r} is not an experiment.", f"There are {', '.join(known)}."
            )
    return tuple(known[name] for name in known if name in names or not names)
