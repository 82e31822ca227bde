"""The workflow runs `.ci/run` for every Python that we support; the hooks run our tools."""

import os
import tomllib

import yaml
from packaging.specifiers import SpecifierSet

from tests.support.paths import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
(JOB,) = WORKFLOW["jobs"].values()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_every_python_that_we_support_is_tested_and_no_other() -> None:
    supported = SpecifierSet(PROJECT["requires-python"])
    minors = [f"3.{minor}" for minor in range(100) if f"3.{minor}.0" in supported]
    assert JOB["strategy"]["matrix"]["python"] == minors


def test_it_runs_what_a_person_runs_with_the_python_of_the_matrix() -> None:
    (step,) = [step for step in JOB["steps"] if "run" in step]
    assert step["run"] == ".ci/run"
    assert os.access(ROOT / ".ci/run", os.X_OK)
    (setup,) = [step for step in JOB["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"]["python-version"] == "${{ matrix.python }}"
    assert step["env"] == {"PYTHON": "python${{ matrix.python }}"}
    assert "$$PYTHON" in (ROOT / "Makefile").read_text("utf-8")


def test_it_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_hooks_fetch_nothing_and_run_the_tools_of_make_check() -> None:
    assert [repo["repo"] for repo in HOOKS] == ["local"]
    lines = [hook["entry"].split() for hook in HOOKS[0]["hooks"]]
    assert {hook["language"] for hook in HOOKS[0]["hooks"]} == {"system"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for program, *rest in lines:
        assert program.startswith(".venv/bin/")
        words = [program.removeprefix(".venv/bin/"), *[w for w in rest if not w.startswith("-")]]
        assert f"@$(BIN)/{' '.join(words)}" in makefile
