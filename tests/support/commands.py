"""All commands of the command line, with a valid minimal line for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from pixelopolis.cli.main import app


@dataclass(frozen=True)
class Parameter:
    """An option or argument; `kind` is its type, without list and None."""

    name: str
    flag: str
    """As on the command line; empty for an argument."""
    kind: Any
    required: bool
    default: Any
    info: OptionInfo | ArgumentInfo


@dataclass(frozen=True)
class Command:
    """One command; `words` as in `city check`."""

    words: str
    parameters: tuple[Parameter, ...]
    extras: tuple[str, ...]
    """Extras that it needs."""


def all_commands() -> Mapping[str, Command]:
    """Return every command by its words."""
    found = [*_commands(app, "")]
    assert len(found) > 25
    return {command.words: command for command in found}


def _commands(group: typer.Typer, before: str) -> Iterator[Command]:
    for info in group.registered_commands:
        assert info.callback is not None
        name = info.name or info.callback.__name__.replace("_", "-")
        yield _command(f"{before}{name}", info.callback)
    for sub in group.registered_groups:
        assert sub.typer_instance is not None
        itself = sub.typer_instance.registered_callback
        if itself is not None and itself.invoke_without_command is True:
            assert itself.callback is not None
            yield _command(f"{before}{sub.name}", itself.callback)
        yield from _commands(sub.typer_instance, f"{before}{sub.name} ")


def _command(words: str, callback: Callable[..., Any]) -> Command:
    hints = get_type_hints(callback, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(callback).parameters.items():
        if hints[name] is typer.Context:
            continue
        kind, info = get_args(hints[name])[:2]
        while inner := [k for k in get_args(kind) if k is not type(None)]:
            kind = inner[0]
        required = parameter.default is inspect.Parameter.empty
        flag = ""
        if isinstance(info, OptionInfo):
            # with Annotated, typer takes the first declared name as the default
            declared = [
                d
                for d in (info.default, *(info.param_decls or ()))
                if isinstance(d, str) and d.startswith("--")
            ]
            flag = (declared or [f"--{name.replace('_', '-')}"])[0]
        default = None if required else parameter.default
        parameters.append(Parameter(name, flag, kind, required, default, info))
    return Command(words, tuple(parameters), getattr(callback, "extras", ()))


def smallest_line(command: Command, missing: Path) -> list[str]:
    """Return a command with its required parameters only; paths are `missing`."""
    line = command.words.split()
    for parameter in command.parameters:
        if parameter.required:
            value = "1" if parameter.kind in (int, float) else "pixelopolis"
            value = str(missing) if parameter.kind is Path else value
            line += [parameter.flag, value] if parameter.flag else [value]
    return line
