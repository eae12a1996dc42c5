# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script of the shell on a host: its arguments arrive as they are, and what it says is told without anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.lockstep.realtime.plugins.action.sh_info import BEGINS, command, said

HOSTILE = ["a b", "it's", '"', "$(touch {})", "`touch {}`", "; touch {}", "\\", "*", "", "-n", "a\nb", "ü", "{{ 1 }}"]
SHOW = r"""for a do printf '<%s>' "$a"; done"""


def test_each_argument_arrives_as_it_is(tmp_path):
    args = [word.format(tmp_path / "hurt") if "{}" in word else word for word in HOSTILE]
    # once more, as become does
    done = subprocess.run(["sh", "-c", command(SHOW, args)], check=True, capture_output=True, text=True)
    assert said(done.stdout) == "".join(f"<{word}>" for word in args)
    assert not (tmp_path / "hurt").exists()


@pytest.mark.parametrize(
    ("stdout", "text"),
    [
        (f"{BEGINS}\nthere\n", "there"),
        (f"{BEGINS}\r\nthere\r\n- -\r\n", "there\n- -"),
        (f"sudo: unable to resolve host nfs01\r\n{BEGINS}\r\nthere\r\n", "there"),
        (f"{BEGINS}\n", ""),
        ("sh: not found\n", "sh: not found"),
    ],
)
def test_what_is_told_is_what_the_script_said(stdout, text):
    assert said(stdout) == text


def play(folder: Path, *flags: str, environment: dict[str, str], **options: object) -> dict[str, object]:
    """The result of one task with the module, on this machine."""
    task = {
        "lockstep.realtime.sh_info": options, "environment": environment, "register": "done", "ignore_errors": True,
    }  # fmt: skip
    show = {
        "ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(folder / "done.json")},
        "check_mode": False,
    }
    playbook = folder / "playbook.yml"
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"word": "it's $HOME"}, "tasks": [task, show]}
    playbook.write_text(json.dumps([play]))
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [ansible, "-i", "localhost,", "-c", "local", *flags, str(playbook)],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[4] / ".collections"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return json.loads((folder / "done.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--check",)])
def test_a_task_looks_at_the_host_with_its_environment_in_check_mode_too(tmp_path, flags):
    script = r"""printf '%s\n' "$GREETING" "$1" "$2"; echo "$#" """
    done = play(tmp_path, *flags, environment={"GREETING": "good day"}, script=script, args=["{{ word }}", 7])
    assert done["stdout_lines"] == ["good day", "it's $HOME", "7", "2"]
    assert (done["rc"], done["changed"], done.get("skipped", False)) == (0, False, False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"script": "echo no such thing; exit 3"}, "the script ended with 3: no such thing"),
        ({"script": " "}, "sh_info: script is missing: give it as text"),
        ({"script": "true", "args": "one"}, "sh_info: args must be a list, not 'one'"),
    ],
)
def test_what_goes_wrong_is_one_clear_error(tmp_path, options, message):
    done = play(tmp_path, environment={}, **options)
    assert done["failed"] is True
    assert done["msg"] == message
