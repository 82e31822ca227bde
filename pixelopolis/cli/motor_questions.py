"""The questions of `pixelopolis motors setup`, and scripted answers to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import Progress
from rich.prompt import Confirm, Prompt

from pixelopolis.cli.common import console
from pixelopolis.errors import BoardError, SettingsError
from pixelopolis.vehicle.control_table import MOTOR_BAUDS

if TYPE_CHECKING:
    from car.tools.motor_setup import WheelSeen
    from car.tools.workbench import Found


class Prompts:
    """Ask on the terminal, or take the answers from the command line."""

    def __init__(self, yes: bool, answers: list[WheelSeen], progress: Progress) -> None:
        self._yes, self._answers, self._progress = yes, answers, progress
        self._scripted = bool(answers)
        self._task = progress.add_task("", total=len(MOTOR_BAUDS), visible=False)

    def wait(self, what: str) -> None:
        if self._yes:
            return
        with self._paused():
            Prompt.ask(f"{what} Then press Enter", console=console, default="", show_default=False)

    def connect(self, side: str) -> None:
        self.wait(f"Connect the {side} wheel's motor, and only that.")
        self._progress.reset(self._task)

    def tried(self, baud: int) -> None:
        self._progress.update(
            self._task, description=f"scanning at {baud} bit/s", advance=1, visible=True
        )

    def look(self) -> None:
        self._progress.update(self._task, visible=False)
        self.wait("Lift the car and look at the wheels: one turns for two seconds.")

    def saw(self, found: Found) -> WheelSeen:
        from car.tools.motor_setup import WheelSeen

        if self._scripted:
            if not self._answers:
                raise SettingsError(
                    f"--saw has no answer for the motor with id {found.id}.",
                    "Give one for each motor.",
                )
            return self._answers.pop(0)
        with self._paused():
            wheel = Prompt.ask(
                "Which wheel turned", choices=["left", "right", "both", "none"], console=console
            )
            forward = wheel in ("left", "right") and Confirm.ask(
                "As if the car drove forward", console=console
            )
        return WheelSeen(wheel, forward)  # type: ignore[arg-type]  # one of the choices

    def again(self, error: BoardError) -> None:
        """Ask whether to try again; raise the error if not."""
        if self._yes or self._scripted:
            raise error
        console.print(str(error), style="red", markup=False)
        with self._paused():
            if not Confirm.ask("Try again", console=console, default=True):
                raise error

    @contextmanager
    def _paused(self) -> Iterator[None]:
        # a live progress bar would overwrite the question
        self._progress.stop()
        yield
        self._progress.start()


def parse_answer(text: str) -> WheelSeen:
    """Parse `WHEEL:forward` or `WHEEL:backward`.

    Raises:
        SettingsError: anything else.
    """
    from car.tools.motor_setup import WheelSeen

    wheel, _, way = text.partition(":")
    if wheel not in ("left", "right", "both", "none") or way not in ("forward", "backward"):
        raise SettingsError(
            f"--saw: expected WHEEL:forward or WHEEL:backward, got {text!r}.", "Write left:forward."
        )
    return WheelSeen(wheel, way == "forward")  # type: ignore[arg-type]  # one of the four
