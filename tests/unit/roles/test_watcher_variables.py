"""What the watcher's role says again of what its package says, and what it asks a host with."""

from __future__ import annotations

import grp
import json
import pathlib
import pwd
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

from lockstep.preflight import OLDEST_RSYNC
from lockstep.source.network import NETWORK_FILESYSTEMS

VARIABLES = pathlib.Path(__file__).parents[3] / "roles/watcher/vars/main.yml"


def test_the_role_and_the_package_know_the_same_network_file_systems():
    listed = yaml.safe_load(VARIABLES.read_text())["__watcher_network_file_systems"]
    assert len(set(listed)) == len(listed)
    assert set(listed) == NETWORK_FILESYSTEMS


def test_the_role_and_the_package_want_the_same_rsync():
    wanted = yaml.safe_load(VARIABLES.read_text())["__watcher_oldest_rsync"]
    assert wanted == ".".join(map(str, OLDEST_RSYNC))


def test_programs_files_and_sockets_that_are_named_are_not_hidden_from_the_service():
    """A pattern that looks like a path is none, and hides and shows nothing."""
    environment = NativeEnvironment()
    environment.filters.update(to_json=json.dumps, regex_findall=lambda text, what: re.findall(what, text))
    mirrors = [
        {"name": "plain", "source": "/srv", "exclude": ["/home/x", "/tmp/"], "targets": [{"url": "rsync://h/m"}]},
        {
            "name": "told",
            "hooks": [{"command": ["/opt/hook", "-v"], "include": ["*.jpg"]}, {"socket": "unix:/run/user/7/hook"}],
            "exclude_from": ["/home/ops/patterns"],
        },
    ]
    notify = {"to": [{"command": ["/root/page"]}, {"url_file": "/etc/lockstep/secrets/chat"}]}
    text = yaml.safe_load(VARIABLES.read_text())["__watcher_named"]
    named = environment.from_string(text).render(watcher_mirrors=mirrors, watcher_notify=notify)
    assert set(named) == {
        *("/root/page", "/etc/lockstep/secrets/chat", "/opt/hook", "/run/user/7/hook", "/home/ops/patterns"),
    }


def told_of(
    rsync: pathlib.Path | str, tmp_path: pathlib.Path, group: str = "nogroup", user: str = "none", fields: str = ""
) -> list[str]:
    """What the preflight's script tells of a host with this rsync and this user: its first line, in words."""
    tasks = yaml.safe_load(VARIABLES.parents[1].joinpath("tasks/preflight.yml").read_text())
    script = next(task["vars"]["__watcher_look"] for task in tasks if "__watcher_look" in task.get("vars", {}))
    words = ["sh", "-c", script, "sh", str(rsync), sys.executable, "json", group]
    words += [str(tmp_path / "running"), user, fields]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={"TMPDIR": str(tmp_path)})
    assert done.stderr == ""
    return done.stdout.splitlines()[0].split()


def program(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    found = tmp_path / "program"
    found.write_text(f"#!/bin/sh\n{text}\n")
    found.chmod(0o755)
    return found


def test_a_good_rsync_is_told_by_its_version_and_leaves_nothing_behind(tmp_path):
    rsync = shutil.which("rsync")
    first = subprocess.run([rsync, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    assert told_of(rsync, tmp_path)[3] == first.lstrip("v")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('[ "$1" = --version ] && echo "rsync  version v3.4.3  protocol version 32"', "3.4.3-defect"),
        ('[ "$1" = --version ] && echo "rsync  version 3.1.3  protocol version 31"', "3.1.3-defect"),
        ("echo hello", "defect"),
    ],
)
def test_an_rsync_that_deletes_nothing_or_is_none_is_told(tmp_path, text, word):
    assert told_of(program(tmp_path, text), tmp_path)[3] == word


def test_no_rsync_is_for_the_package_manager(tmp_path):
    assert told_of(tmp_path / "nowhere", tmp_path)[3] == "missing"


def test_a_user_is_as_wanted_only_with_group_comment_home_and_shell(tmp_path):
    root = pwd.getpwnam("root")
    group, fields = grp.getgrgid(root.pw_gid).gr_name, f"{root.pw_gecos}:{root.pw_dir}:{root.pw_shell}"
    assert told_of("nowhere", tmp_path, group, "root", fields)[4] == "user"
    assert told_of("nowhere", tmp_path, "nogroup", "root", fields)[4] == "-"
    assert told_of("nowhere", tmp_path, group, "root", fields + "x")[4] == "-"
    assert told_of("nowhere", tmp_path, group, "none", fields)[4] == "-"
