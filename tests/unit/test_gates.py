"""The hooks of .pre-commit-config.yaml are this checkout's own, and both lists of requirements agree."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
REPOS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = [hook for repo in REPOS for hook in repo["hooks"]]


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def pinned(name: str) -> dict[str, str]:
    """The versions that a list of requirements asks for, by the package's name."""
    lines = (ROOT / name).read_text().splitlines()
    return {
        re.sub(r"[-_.]+", "-", package).lower(): version
        for package, version in (re.split("==|;| ", line)[:2] for line in lines if "==" in line)
    }


def test_no_hook_fetches_anything() -> None:
    assert [repo["repo"] for repo in REPOS] == ["local"]
    assert {hook["id"]: hook["language"] for hook in HOOKS if hook["language"] != "system"} == {}


def test_every_hook_names_a_tool_that_exists() -> None:
    wrong = []
    for hook in HOOKS:
        program, *words = shlex.split(hook["entry"])
        if program == "make":
            there = bool(words) and set(words) <= make_targets()
        else:
            there = program.startswith(".venv/bin/") and Path(sys.executable).with_name(Path(program).name).is_file()
        if not there:
            wrong.append(hook["entry"])
    assert len(HOOKS) > 3
    assert wrong == []


def test_what_both_lists_of_requirements_have_is_of_one_version_where_it_judges_the_collection() -> None:
    tests, documents = pinned("requirements-dev.txt"), pinned("requirements-docs.txt")
    for package in ("ansible-core", "ansible-lint", "yamllint"):
        assert tests[package] == documents[package]
