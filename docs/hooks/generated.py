"""Parts of the reference that are made from the code: `<!-- generated:NAME -->` in a page.

Pure: each function returns Markdown.
"""

from __future__ import annotations

import ast
import html
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from car.settings import CarSettings
from pixelopolis import reasons
from pixelopolis.city.toml_schema import CityTables
from pixelopolis.errors import PixelopolisError
from server.http import openapi
from server.http.app import OPERATIONS

MARKER: Final = re.compile(r"<!-- generated:(\w+) -->")

Schema = Mapping[str, Any]

ROOT: Final = Path(__file__).parents[2]


def fill(page: str) -> str:
    """Return a page with every marker replaced by what it names.

    Raises:
        KeyError: for a name that there is not.
    """
    return MARKER.sub(lambda marker: PARTS[marker[1]](), page)


# --- commands ---------------------------------------------------------------------------------


def commands() -> str:
    """Every command as its `--help` says it: usage, text, arguments and options."""
    words = ["typer", "pixelopolis.cli.main", "utils", "docs", "--name", "pixelopolis"]
    made = subprocess.run(
        [sys.executable, "-m", *words], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    _, _, body = made.partition("\n## ")  # what stands before is the list of commands
    return EXAMPLE.sub(
        lambda lines: f"\n\n```toml\n{html.unescape(lines[1])}```\n", f"## {body}"
    ).replace("**:\n", "**\n")


EXAMPLE: Final = re.compile(r"\n\n\x08?\n((?:\w[^\n]* = [^\n]*\n)+)")
"""Lines of a settings file, which the terminal shows as they are."""


# --- files and messages -----------------------------------------------------------------------


def settings() -> str:
    """Every table and key of car.toml."""
    return "\n\n".join(_tables(CarSettings))


def town() -> str:
    """Every table and key of a town's file."""
    return "\n\n".join(_tables(CityTables))


def http_api() -> str:
    """Each operation of the stations' interface, then what its bodies hold."""
    document = openapi.document(OPERATIONS)
    parts = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += [f"## {method.upper()} {path}", operation["summary"]]
            rows = (
                [("request", _reference(_schema(operation["requestBody"])))]
                if ("requestBody" in operation)
                else []
            )
            rows += [
                (status, _reference(_schema(response)) if "content" in response else "")
                for status, response in operation["responses"].items()
            ]
            parts.append(_table(("", "body"), rows))
    parts.append("## Bodies")
    for name, schema in document["components"]["schemas"].items():
        parts += [f"### {name}", inspect.cleandoc(schema.get("description", ""))]
        parts.append(_fields(schema, {}) if "properties" in schema else _kind(schema))
    return "\n\n".join(part for part in parts if part)


def _schema(content: Schema) -> Schema:
    schema: Schema = content["content"]["application/json"]["schema"]
    return schema


def _tables(model: type[BaseModel]) -> Iterator[str]:
    """Tables of a model and, by their names in the file, of the models inside it."""
    yield "## Keys at the top"
    yield _fields(model.model_json_schema(), _said_of_fields(model))
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            key = field.alias or name
            yield f"## [[{key}]]" if "list" in str(field.annotation) else f"## [{key}]"
            yield from _model(inner)
            for below, deeper in inner.model_fields.items():
                for piece in _models(deeper.annotation):
                    yield f"### {below} of [[{key}]]"
                    yield from _model(piece)


def _model(model: type[BaseModel]) -> Iterator[str]:
    if "__doc__" in vars(model) and model.__doc__:
        yield inspect.cleandoc(model.__doc__)
    yield _fields(model.model_json_schema(), _said_of_fields(model))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def _said_of_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return the texts below a model's fields, by field."""
    (cls,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(cls, ast.ClassDef)
    said = {}
    for before, after in zip(cls.body, cls.body[1:], strict=False):
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        ):
            said[before.target.id] = inspect.cleandoc(str(after.value.value))
    return said


def _fields(schema: Schema, said: Mapping[str, str]) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"`{name}`",
            _kind(field),
            "required" if name in required else _json(field.get("default")),
            _cell(said.get(name, "")),
        )
        for name, field in schema["properties"].items()
    ]
    head = ("key", "value", "default", "") if said else ("key", "value", "default")
    return _table(head, [row[: len(head)] for row in rows])


def _reference(schema: Schema) -> str:
    name = schema["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _kind(schema: Schema) -> str:
    """Return in words which values a JSON schema takes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "table" if name.endswith(("Settings", "Table")) else _reference(schema)
    if "const" in schema:
        return _json(schema["const"])
    if "enum" in schema:
        return ", ".join(map(_json, schema["enum"]))
    if "anyOf" in schema:
        kinds = [_kind(each) for each in schema["anyOf"]]
        return " or ".join(kind for kind in kinds if kind != "null" or "default" not in schema)
    kind = str(schema.get("type", "any"))
    if kind == "array":
        if parts := schema.get("prefixItems"):
            return f"{len(parts)} times {_kind(parts[0])}"
        return f"list of {_kind(schema['items'])}"
    if kind == "object":
        return "table of texts" if "additionalProperties" in schema else "table"
    words = {"string": "text", "boolean": "true or false"}.get(kind, kind)
    ranges = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "maxLength": "characters at most",
    }
    limits = [f"{word} {_number(schema[key])}" for key, word in ranges.items() if key in schema]
    return ", ".join([words, *limits])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _json(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:.4g}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, dict):
        return "as below"
    return f"`{value}`".replace("'", '"')


# --- codes ------------------------------------------------------------------------------------


def errors() -> str:
    """Every error that a person may meet, by its code."""
    found = sorted(PixelopolisError.__subclasses__(), key=lambda error: error.code)
    rows = [(f"`{e.code}`", f"`{e.__name__}`", _cell(e.__doc__ or "")) for e in found]
    return _table(("code", "in Python", "when"), rows)


def reason_codes() -> str:
    """Every reason why a car stands, with the words made of it."""
    rows = [(f"`{code}`", _cell(words)) for code, words in reasons.WORDS.items()]
    return _table(("code", "English"), rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


PARTS: Final = {
    "commands": commands,
    "settings": settings,
    "town": town,
    "http": http_api,
    "errors": errors,
    "reasons": reason_codes,
}
"""What can be asked for, by its name in a marker."""
