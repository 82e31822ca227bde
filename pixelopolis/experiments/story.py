"""The article's story as experiments: each a value of ten lines.

Arms that share a model or a dataset share its steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from pixelopolis.errors import SettingsError
from pixelopolis.experiments.parts import FLOAT, Arm, Data, Drive, Experiment, Recipe, Scale

SMALL = Scale(pictures=9000, epochs=7, metres=60.0, looks=12)
"""Meant for an hour on two cores, which nobody has measured yet."""
TINY = Scale(pictures=360, epochs=1, metres=4.0, looks=2)
"""Minutes: shows that every command works; its figures say nothing."""

# --- data -------------------------------------------------------------------------------------

TOWNS = "straight,figure-eight,grid:2x2:101,grid:1x2:102,grid:3x2:103,grid:2x3:104"
"""Without `square`, `curvy` and `pixelopolis`, which the drives are in."""

STRAIGHT = Data("straight", "straight")
BALANCED = Data("balanced", TOWNS)

# --- models -----------------------------------------------------------------------------------

PILOTNET = Recipe("pilotnet", "pilotnet", (BALANCED,))
PILOTNET_STRAIGHT = Recipe("pilotnet-straight", "pilotnet", (STRAIGHT,))

# --- drives -----------------------------------------------------------------------------------

CURVY = Drive("curvy", "curvy", ("--city", "curvy"))
SQUARE = Drive("square", "square", ("--city", "square"))
PIXELOPOLIS = Drive("pixelopolis", "pixelopolis", ("--city", "pixelopolis"))

STORY = (
    Experiment(
        "bends",
        "Straight tracks only, and balanced data",
        arms=(
            Arm("straight tracks only", PILOTNET_STRAIGHT),
            Arm("balanced", PILOTNET),
        ),
        drives=(CURVY, SQUARE, PIXELOPOLIS),
    ),
    Experiment(
        "int8",
        "Float and int8",
        arms=(Arm("float", PILOTNET, FLOAT), Arm("int8", PILOTNET)),
        drives=(CURVY, PIXELOPOLIS),
        timed=True,
    ),
)


def named(names: Sequence[str]) -> tuple[Experiment, ...]:
    """Return the experiments of these names; all of them for none.

    Raises:
        SettingsError: a name that no experiment has.
    """
    known = {experiment.name: experiment for experiment in STORY}
    for name in names:
        if name not in known:
            raise SettingsError(
                f"--only {name!r} is no experiment.", f"There are {', '.join(known)}."
            )
    return tuple(known[name] for name in known if name in names or not names)
