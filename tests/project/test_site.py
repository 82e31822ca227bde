"""The documentation site: its pages, what is generated in them, and that reading fetches nothing.

`make docs` builds it with every warning an error; these tests are of what a build does not notice.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from car.settings import CarSettings
from pixelopolis.city.toml_schema import CityTables
from pixelopolis.errors import PixelopolisError
from pixelopolis.reasons import ReasonCode
from server.http.app import OPERATIONS
from tests.support.commands import all_commands
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
HOOKS = DOCS / "hooks"
SITE: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generated = load("generated")
links = load("links")


def in_nav(entry: Any) -> list[str]:
    if isinstance(entry, str):
        return [entry]
    inner = entry.values() if isinstance(entry, dict) else entry
    return [page for part in inner for page in in_nav(part)]


NAV = in_nav(SITE["nav"])
PAGES = {str(path.relative_to(DOCS)) for path in DOCS.glob("**/*.md")}


def test_every_page_is_in_the_navigation_once() -> None:
    shown = {*PAGES, *links.ELSEWHERE.values()}
    decisions = {page for page in shown if re.match(r"decisions/\d", page)}  # in their own list
    assert sorted(NAV) == sorted(shown - decisions)


def test_pages_from_elsewhere_are_there() -> None:
    assert [source for source in links.ELSEWHERE if not (ROOT / source).is_file()] == []


@pytest.mark.parametrize("section", ["tutorials", "how-to", "reference"])
def test_a_sections_first_page_leads_to_the_others(section: str) -> None:
    index = (DOCS / section / "index.md").read_text("utf-8")
    pages = {p.removeprefix(f"{section}/") for p in PAGES if p.startswith(f"{section}/")}
    linked = set(re.findall(r"\]\(([^)#]+\.md)", index))
    assert {p for p in pages if "/" not in p} - {"index.md"} <= linked


def test_every_marker_is_filled() -> None:
    named = {
        name
        for page in DOCS.glob("**/*.md")
        for name in generated.MARKER.findall(page.read_text("utf-8"))
    }
    assert named == generated.PARTS.keys()
    assert generated.fill("a <!-- generated:errors --> b") == f"a {generated.errors()} b"
    with pytest.raises(KeyError, match="nothing"):
        generated.fill("<!-- generated:nothing -->")


def test_every_command_and_option_is_in_the_reference() -> None:
    page = generated.commands()
    for words, command in all_commands().items():
        _, found, rest = page.partition(f"# `pixelopolis {words}`\n")
        assert found, words
        section = rest.split("\n## ")[0].split("\n### ")[0]
        flags = [p.flag.split("/")[0] for p in command.parameters if p.flag]
        assert [flag for flag in flags if f"`{flag}" not in section] == [], words


def test_the_example_of_a_settings_file_is_toml() -> None:
    example = re.search(r"```toml\n(.*?)```", generated.commands(), re.DOTALL)
    assert example is not None
    assert 'city = "pixelopolis"\n' in example[1]


@pytest.mark.parametrize(
    ("part", "model"), [("settings", CarSettings), ("town", CityTables)], ids=["settings", "town"]
)
def test_every_key_of_a_file_is_in_the_reference(part: str, model: Any) -> None:
    page = generated.PARTS[part]()
    schema = model.model_json_schema()
    for table in (schema, *schema["$defs"].values()):
        for key in table["properties"]:
            assert f"\n| `{key}` |" in page
    for name, field in model.model_fields.items():
        if any(generated._models(field.annotation)):
            assert f"[{field.alias or name}]" in page


def test_ranges_and_defaults_are_in_the_reference() -> None:
    page = generated.settings()
    assert "| `most_hz` | number, at least 1, at most 60 | `10` |" in page
    assert '| `kind` | `"pixelopolis"`, `"original"` | `"pixelopolis"` |' in page


class Example(BaseModel):
    a: int = 1
    """What a | is."""
    b: float | None = None


def test_what_the_code_says_of_a_key_is_in_the_reference() -> None:
    assert generated._fields(Example.model_json_schema(), generated._said_of_fields(Example)) == (
        "| key | value | default |  |\n| --- | --- | --- | --- |\n"
        "| `a` | integer | `1` | What a \\| is. |\n| `b` | number |  |  |"
    )


def test_every_operation_and_body_is_in_the_reference() -> None:
    page = generated.http_api()
    for operation in (op for op in OPERATIONS if not op.is_socket):
        assert f"## {operation.method.upper()} {operation.path}\n" in page
        answer = operation.answer
        assert answer is None or f"\n### {answer.__name__}\n" in page
    assert sorted(set(re.findall(r"\]\(#(\w+)\)", page))) == sorted(
        {name.lower() for name in re.findall(r"^### (\w+)$", page, re.M)} - {"reasoncode"}
        | ({"reasoncode"} if "(#reasoncode)" in page else set())
    )


def test_every_code_is_in_the_reference() -> None:
    errors, reasons = generated.errors(), generated.reason_codes()
    assert all(f"`{error.code}`" in errors for error in PixelopolisError.__subclasses__())
    assert all(f"`{code}`" in reasons for code in ReasonCode)


@pytest.mark.parametrize(
    ("link", "source", "page", "led"),
    [
        ("b.md", "docs/how-to/x.md", "how-to/x.md", "(b.md)"),
        ("../decisions/1.md#b", "docs/how-to/x.md", "how-to/x.md", "(../decisions/1.md#b)"),
        ("../car/models/lane.md", "docs/x.md", "x.md", "(reference/models/lane.md)"),
        ("../docs/a/x.md", "firmware/README.md", "reference/firmware.md", "(../a/x.md)"),
        ("../LICENSE", "docs/x.md", "x.md", ""),
        ("../nowhere", "docs/x.md", "x.md", "(../nowhere)"),
        ("https://b.c/d", "docs/x.md", "x.md", "(https://b.c/d)"),
        ("#b", "docs/x.md", "x.md", "(#b)"),
    ],
)
def test_links_lead_to_where_the_site_has_their_pages(
    link: str, source: str, page: str, led: str
) -> None:
    assert links.lead(f"[a]({link})", source, page) == f"[a]{led}"


@pytest.mark.parametrize(
    ("tag", "foreign"),
    [
        ('<script src="https://a.b/c.js">', True),
        ('<link rel="stylesheet" href="//a.b/c.css">', True),
        ('<link href="https://a.b/font" rel="preconnect">', True),
        ('<img alt="a" src=http://a.b/c.png>', True),
        ('<script src="../assets/c.js">', False),
        ('<link rel="stylesheet" href="assets/c.css">', False),
        ('<a href="https://a.b">', False),
    ],
)
def test_a_page_that_needs_a_network_is_found(tag: str, foreign: bool) -> None:
    assert bool(links.FOREIGN.search(f"<p>{tag}</p>")) is foreign


def test_nothing_is_fetched_by_the_theme() -> None:
    assert SITE["theme"]["font"] is False
    assert SITE["strict"] is True
    assert not [page for page in DOCS.glob("**/*.md") if "```mermaid" in page.read_text("utf-8")]


def test_the_python_reference_covers_its_packages() -> None:
    pages = [path.read_text("utf-8") for path in DOCS.glob("reference/python/*.md")]
    named = {name for page in pages for name in re.findall(r"^::: ([\w.]+)$", page, re.M)}
    shared = ("city", "vehicle", "vda5050", "model_io")
    assert {f"pixelopolis.{package}" for package in shared} <= named
    assert {"car.driving", "car.perception", "server.traffic"} <= named
    assert {"sim.physics", "sim.camera", "sim.looks"} <= named
    for name in named:
        path = ROOT.joinpath(*name.split("."))
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


def test_every_warning_ends_the_build() -> None:
    """With `--quiet`, MkDocs counts no warnings, and strict is nothing."""
    (line,) = re.findall(r"mkdocs build.*", (ROOT / "Makefile").read_text("utf-8"))
    assert line == "mkdocs build --strict"
