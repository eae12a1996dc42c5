"""What the watcher's role refuses, by its variables: before the first change, and before the first removal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
TASKS = ROOT / "roles/watcher/tasks"
PATHS = ["bin", "lib_dir", "config_dir", "secrets_dir", "state_dir", "runtime_dir", "unit_dir", "rsync", "venv"]
PATHS += ["log_file", "python", "status_file"]
HOSTILE = {
    "a second line": "/var/lib/x\nExecStartPre=+/bin/sh -c id",
    "a line break at the end": "/var/lib/x\n",
    "a quote": '/var/lib/"x"',
    "a specifier": "/var/lib/x%h",
    "a way up": "/var/lib/x/../../etc",
    "a space": "/var/lib/x y",
    "a relative path": "var/lib/x",
    "a backslash": "/var/lib/x\\ny",
    "a variable": "/var/lib/$HOME",
    "a second name": "/var/lib/x:y",
    "two slashes before it": "//etc",
}
PLAY = """
- hosts: all
  gather_facts: false
  vars_files: [defaults.yml, vars.yml, sure.yml]
  tasks:
    - ansible.builtin.copy:
        dest: "{{ playbook_dir }}/answers"
        content: >-
          [{% for case in cases %}
          {{ lookup('ansible.builtin.template', 'answer.j2', template_vars=case) }},
          {% endfor %} 0]
"""
ANSWER = "{{ {'mistakes': __watcher_mistakes, 'secrets': __watcher_odd_secrets} | to_json }}"


def asked(folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, list[str]]]:
    """What the role says of each case, as Ansible itself works it out."""
    for name in ("defaults", "vars"):
        shutil.copy(ROOT / "roles/watcher" / name / "main.yml", folder / f"{name}.yml")
    (folder / "sure.yml").write_text("watcher_service_manager: systemd\n")
    (folder / "answer.j2").write_text(ANSWER)
    (folder / "play.yml").write_text(PLAY)
    (folder / "cases.json").write_text(json.dumps({"cases": cases}))
    words = [sys.executable, "-m", "ansible.cli.playbook", "-i", "h,", "-c", "local", "-e", f"@{folder}/cases.json"]
    words += ["-e", f"ansible_python_interpreter={sys.executable}", str(folder / "play.yml")]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_HOME": str(folder)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((folder / "answers").read_text())[:-1]
    assert len(found) == len(cases)
    return found  # type: ignore[no-any-return]


HARMLESS: list[dict[str, Any]] = [
    {},
    {
        "watcher_state_dir": "/srv/watch-er_1.0//state/",
        "watcher_runtime_dir": "/run/a/b",
        "watcher_bin": "/opt/l/l",
    },
    {"watcher_user": "svc.lockstep@example", "watcher_group": "4711", "watcher_limit_nofile": "4096"},
    {"watcher_service_manager": "process", "watcher_lib_dir": "/home/somebody/two words/100%//lib"},
    {"watcher_passwords": {"backup01.example": "x"}, "watcher_notify_secrets": {"a shop": "x"}},
]
SHARED = ["/etc", "/etc/ssh/", "/usr/local/bin", "/var/lib", "/home/somebody", "/bin/x", "/run", "/data"]
NAMES = ["lockstep\nExecStartPre=+/bin/sh -c id", "a b", "%i", "-x", "", "x/y", "x\n", 'x"']
NUMBERS = ["1\nExecStartPre=+/bin/sh -c id", "1\n", "many", -1]


def each(names: list[str], value: object, **more: Any) -> tuple[list[str], dict[str, Any]]:
    """A case in which all these variables are so, and each of them is to be named."""
    variables = [f"watcher_{name}" for name in names]
    return variables, {**dict.fromkeys(variables, value), **more}


HOLDING = {"watcher_mirrors": [{"source": "/data/in/it", "targets": []}]}
WRONG = {
    **{f"path with {name}": each(PATHS, text) for name, text in HOSTILE.items()},
    **{f"name {text!r}": each(["user", "group"], text) for text in NAMES},
    **{f"number {text!r}": each(["limit_nofile", "stop_timeout"], text) for text in NUMBERS},
    **{f"{path} as {name}": each([name], path, **HOLDING) for path in SHARED for name in ("secrets_dir", "bin")},
    **{
        f"process and {path!r}": each(PATHS, path, watcher_service_manager="process")
        for path in ("/a\nb", "/a/../b", "a", "/a\n", "//a", "/")
    },
}
ODD = ["../x", "sub/y", ".status-token", "..", "", "a\nb", "ssh_known_hosts", "x\n"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[str]]]:
    """All cases in one run: it takes seconds to start."""
    odd = [{key: {name: "x" * 12}} for key in ("watcher_passwords", "watcher_notify_secrets") for name in ODD]
    return asked(tmp_path_factory.mktemp("preflight"), [*HARMLESS, *(case for _, case in WRONG.values()), *odd])


def test_what_is_harmless_is_taken(answers: list[dict[str, list[str]]]) -> None:
    assert answers[: len(HARMLESS)] == [{"mistakes": [], "secrets": []}] * len(HARMLESS)


@pytest.mark.parametrize("case", WRONG)
def test_what_would_break_out_of_a_file_or_remove_others_things_is_refused(
    answers: list[dict[str, list[str]]], case: str
) -> None:
    said = answers[len(HARMLESS) + list(WRONG).index(case)]["mistakes"]
    assert [name for name in WRONG[case][0] if not any(name in text for text in said)] == []


@pytest.mark.parametrize("number", range(2 * len(ODD)), ids=ODD * 2)
def test_a_secret_whose_name_is_no_file_s_is_refused(answers: list[dict[str, list[str]]], number: int) -> None:
    assert answers[len(HARMLESS) + len(WRONG) + number]["secrets"] == [ODD[number % len(ODD)]]


def test_every_path_of_the_role_is_looked_at() -> None:
    options = yaml.safe_load((ROOT / "roles/watcher/meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    paths = {name for name, option in options["options"].items() if option["type"] == "path"}
    assert paths <= {f"watcher_{name}" for name in PATHS}


def test_mistakes_end_the_run_before_anything_else_is_done() -> None:
    """In a playbook's preflight and in both states."""
    preflight = yaml.safe_load((TASKS / "preflight.yml").read_text())
    assert "__watcher_mistakes | length == 0" in preflight[0]["ansible.builtin.assert"]["that"]
    asked_of_names = [task for task in preflight if "__watcher_odd_secrets | length == 0" in str(task)]
    assert preflight.index(asked_of_names[0]) < next(n for n, task in enumerate(preflight) if "register" in task)
    own = yaml.safe_load((TASKS / "own_dirs.yml").read_text())
    assert own[0]["ansible.builtin.assert"]["that"] == "__watcher_mistakes | length == 0"
    absent, present = (yaml.safe_load((TASKS / f"{state}.yml").read_text()) for state in ("absent", "present"))
    assert absent[0]["ansible.builtin.import_tasks"] == "own_dirs.yml"
    assert present[0]["ansible.builtin.include_tasks"] == "preflight.yml"
    first = yaml.safe_load((TASKS / "main.yml").read_text())[0]
    assert (first["ansible.builtin.import_tasks"], "state" in str(first)) == ("names.yml", False)
