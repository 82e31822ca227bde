"""Dockerfile and compose.yaml fit the project: what they copy, install, run and call exists."""

import re
import tomllib
from fnmatch import fnmatch

import pytest
import typer
import yaml

from pixelopolis.cli.main import app
from server.http.app import OPERATIONS
from server.http.openapi import document
from tests.project.dockerfile import argv, in_force, read_stages
from tests.support.commands import all_commands
from tests.support.paths import ROOT

TARGETS = ("demo", "desk", "car")
STAGES = read_stages(ROOT / "Dockerfile")
IGNORE = (ROOT / ".dockerignore").read_text("utf-8").split("\n")
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
DESKS = [name for name in SERVICES if name.startswith("desk-")]
MONGOS = [name for name in SERVICES if re.fullmatch(r"mongo-\d", name)]
COMMANDS = all_commands()
PORT = next(p.default for p in COMMANDS["server"].parameters if p.name == "port")


def check_line(words: list[str]) -> str:
    """Parse a command line as our program would, without running it; return its command."""
    program, name, *rest = words
    assert program == "pixelopolis"
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, rest)
    return name


def images() -> list[str]:
    bases = [stage.base for stage in STAGES.values() if stage.base not in STAGES]
    return [*bases, *(each["image"] for each in SERVICES.values() if "build" not in each)]


def test_the_page_lists_the_targets() -> None:
    page = (ROOT / "docs/how-to/run-in-containers.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(TARGETS)
    assert set(re.findall(r"--target (\w+)", page)) <= set(TARGETS) <= STAGES.keys()


@pytest.mark.parametrize("image", images())
def test_an_image_from_outside_has_a_tag_and_no_host(image: str) -> None:
    assert re.fullmatch(r"[a-z]+:[\w.-]*\d[\w.-]*", image)


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    known = list(STAGES)
    for name, stage in STAGES.items():
        for line in stage.all("COPY"):
            flags = [word for word in line.split() if word.startswith("--")]
            *sources, _ = [word for word in line.split() if not word.startswith("--")]
            if flags:
                (from_,) = [flag.removeprefix("--from=") for flag in flags]
                assert known.index(from_) < known.index(name)
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
                assert f"!{source.split('/')[0]}" in IGNORE, source


def test_the_wheel_gets_every_package_and_all_that_its_metadata_name() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    copied = {source for line in STAGES["build"].all("COPY") for source in line.split()[:-1]}
    packages = pyproject["tool"]["setuptools"]["packages"]["find"]["include"]
    assert [name for name in packages if not any(fnmatch(each, name) for each in copied)] == []
    project = pyproject["project"]
    assert {"pyproject.toml", project["readme"], *project["license-files"]} <= copied


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_a_command_of_ours_with_what_it_needs(target: str) -> None:
    command = check_line(argv(STAGES, target))
    (source,) = re.findall(r"--from=(\S+) /venv", " ".join(STAGES[target].all("COPY")))
    locks = re.findall(r"locks/(\w+)\.txt", " ".join(STAGES[source].all("RUN")))
    assert tuple(locks) == COMMANDS[command].extras


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_has_a_user_without_rights(target: str) -> None:
    (user,) = in_force(STAGES, target, "USER")
    assert int(user) >= 1000
    assert any(f"useradd --uid {user} " in line for line in in_force(STAGES, target, "RUN"))


def test_nothing_is_installed_without_a_hash_but_our_own_wheel() -> None:
    installs = [
        line
        for stage in STAGES.values()
        for run in stage.all("RUN")
        for line in run.split("&&")
        if "pip install" in line
    ]
    ours = [line.strip() for line in installs if "--require-hashes" not in line]
    assert set(ours) == {"pip install --no-deps /wheels/*.whl"}
    assert "--no-build-isolation" in " ".join(STAGES["build"].all("RUN"))


@pytest.mark.parametrize("target", ["desk", "demo"])
def test_health_is_asked_where_the_server_answers(target: str) -> None:
    (check,) = STAGES[target].all("HEALTHCHECK")
    assert f"http://127.0.0.1:{PORT}/healthz" in check
    assert STAGES[target].all("EXPOSE") == [str(PORT)]


def test_there_are_two_desks_of_the_desk_image_that_accept_their_command() -> None:
    assert len(DESKS) == 2
    for name in DESKS:
        desk = SERVICES[name]
        assert desk["build"] == {"context": ".", "target": "desk"}
        words = [re.sub(r"\$\{\w+:-(.*)\}", r"\1", word) for word in desk["command"]]
        check_line([*argv(STAGES, "desk")[:2], *words])
        assert words[:2] == ["--host", "0.0.0.0"]


def test_desks_wait_for_one_replica_set_of_all_its_members() -> None:
    (variable,) = [p.info.envvar for p in COMMANDS["server"].parameters if p.name == "mongodb"]
    script = (ROOT / "containers/replica_set.js").read_text("utf-8")
    assert len(MONGOS) == 3
    assert f"MEMBERS = {MONGOS}".replace("'", '"') in script
    (set_,) = re.findall(r'replSetInitiate: \{ _id: "(\w+)"', script)
    for name in DESKS:
        desk = SERVICES[name]
        assert desk["environment"] == {variable: f"mongodb://{','.join(MONGOS)}/?replicaSet={set_}"}
        assert desk["depends_on"] == {"mongo-init": {"condition": "service_completed_successfully"}}
    for name in MONGOS:
        assert SERVICES[name]["command"][:2] == ["--replSet", set_]
        assert SERVICES[name]["volumes"] == [f"{name}:/data/db"], "each has data of its own"


def test_the_address_leads_to_every_desk_and_only_this_machine_gets_in_by_default() -> None:
    caddyfile = (ROOT / "containers/Caddyfile").read_text("utf-8")
    assert f"reverse_proxy {' '.join(f'{name}:{PORT}' for name in DESKS)} {{" in caddyfile
    assert "health_uri /readyz" in caddyfile
    assert "/readyz" in document(OPERATIONS)["paths"]
    (inside,) = re.findall(r"^:(\d+) \{$", caddyfile, re.M)
    (published,) = SERVICES["address"]["ports"]
    assert re.fullmatch(rf"\$\{{\w+:-127\.0\.0\.1:\d+\}}:{inside}", published)
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["address"]


def test_files_that_services_mount_exist() -> None:
    mounts = [m for each in SERVICES.values() for m in each.get("volumes", []) if m[0] == "."]
    assert len(mounts) == 2
    assert [m for m in mounts if not (ROOT / m.split(":")[0]).is_file()] == []
