"""Run folders: JSON files that are whole or absent, for one set of settings and data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pixelopolis.errors import ModelError, SettingsError


class RunFolder:
    """Files that every run keeps: `settings.json`, `state.json` and finally `result.json`.

    Args:
        folder: created by `begin`.
        settings: a dataclass; a run with other settings in the same folder is refused.

    Raises:
        SettingsError: `folder` holds a run with other settings.
    """

    def __init__(self, folder: Path, settings: Any) -> None:
        self.folder, self.settings = folder, settings
        asked = json.loads(json.dumps(asdict(settings)))
        before = (self.read("settings.json") or {}).get("settings", asked)
        other = [
            f"{name} {before.get(name)!r}" for name in asked if before.get(name) != asked[name]
        ]
        if other:
            raise SettingsError(
                f"{folder} holds a run with other settings ({', '.join(other)}).",
                "Choose another --out, or remove that folder.",
            )
        self._asked = asked
        self.history: list[dict[str, Any]] = (self.read("state.json") or {"history": []})["history"]

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = json.loads((self.folder / name).read_text("utf-8"))
        except FileNotFoundError:
            return None
        return document

    def write(self, name: str, document: dict[str, Any]) -> None:
        part = self.folder / f"{name}.part"
        part.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", "utf-8")
        part.replace(self.folder / name)

    def keep_checkpoints(self, names: set[str]) -> None:
        """Remove the files of all epochs except these."""
        for file in self.folder.glob("epoch-*"):
            if file.name not in names:
                file.unlink()

    def write_result(
        self,
        best: Mapping[str, Any],
        figures: Mapping[str, Any],
        parameters: int,
        facts: dict[str, Any],
        **more: Any,
    ) -> dict[str, Any]:
        """Write and return `result.json`.

        Args:
            best: the best epoch's row of the history; every row has "seconds" and "images_per_s".
            figures: of that epoch.
            parameters: of the network.
            facts: of the data.
            more: what else the result says.
        """
        seconds = sum(row["seconds"] for row in self.history)
        pictures = sum(row["seconds"] * row["images_per_s"] for row in self.history)
        result = {
            "run": shown(self.folder),
            "model": checkpoint_name(int(best["epoch"])),
            "best_epoch": best["epoch"],
            "epochs": self.epochs_done,
            **figures,
            "parameters": parameters,
            "images_per_s": round(pictures / seconds, 1),
            "training_s": round(seconds, 1),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": asdict(self.settings),
            "data": facts,
            **more,
        }
        self.write("result.json", result)
        return self.read("result.json") or result

    def check_data(self, facts: dict[str, Any]) -> None:
        """Check that an interrupted run used the same data.

        Raises:
            SettingsError: it did not.
        """
        before = self.read("settings.json")
        if before is not None and before["data"] != facts:
            raise SettingsError(
                f"{self.folder} holds a run on other data "
                f"({before['data']['pictures']} pictures then, {facts['pictures']} now).",
                "Choose another --out, or remove that folder.",
            )

    def begin(self, facts: dict[str, Any]) -> None:
        """Create the folder and write the settings, unless that is already done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.read("settings.json") is None:
            self.write("settings.json", {"settings": self._asked, "data": facts})


def checkpoint_name(epoch: int, suffix: str = "keras") -> str:
    return f"epoch-{epoch:04d}.{suffix}"


def finished(folder: Path, command: str) -> dict[str, Any]:
    """Return the result of a finished run.

    Args:
        folder: of the run.
        command: that trains, such as "train lane".

    Raises:
        ModelError: the run is unfinished.
    """
    try:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder} holds no finished run: {error}.",
            f"Let `pixelopolis {command}` finish; the same command goes on with a broken-off run.",
        ) from error
    return result


def shown(folder: Path) -> str:
    """Return a folder's name for a card: relative to the working directory, or its last part."""
    path = folder.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name
