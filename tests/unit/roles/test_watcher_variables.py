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
    rsync: pathlib.Path | str,
    tmp_path: pathlib.Path,
    group: str = "nogroup",
    user: str = "none",
    fields: str = "",
    python: pathlib.Path | str = sys.executable,
    maker: pathlib.Path | str = "",
) -> list[str]:
    """What the preflight's script tells of a host with this rsync and this user: its first line, in words."""
    tasks = yaml.safe_load(VARIABLES.parents[1].joinpath("tasks/preflight.yml").read_text())
    script = next(task["vars"]["__watcher_look"] for task in tasks if "__watcher_look" in task.get("vars", {}))
    words = ["sh", "-c", script, "sh", str(rsync), str(python), "json", group]
    words += [str(tmp_path / "running"), user, fields, str(maker)]
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
    assert told_of("nowhere", tmp_path, group, "root", "lockstep mirrors:/:/bin/sh")[4] == "other"
    assert told_of("nowhere", tmp_path, group, "root", fields + "x")[4] == "-"
    assert told_of("nowhere", tmp_path, group, "none", fields)[4] == "-"


def test_a_user_that_the_role_did_not_make_is_neither_changed_nor_removed():
    tasks = VARIABLES.parents[1] / "tasks"
    (user,) = [task for task in yaml.safe_load((tasks / "account.yml").read_text()) if "ansible.builtin.user" in task]
    assert user["when"] == "__watcher_host[4] == '-'"
    kinds = ("ansible.builtin.user", "ansible.builtin.group")
    gone = [task for task in yaml.safe_load((tasks / "absent.yml").read_text()) if set(kinds) & set(task)]
    assert len(gone) == 2
    assert all("__watcher_made" in task["when"] for task in gone)
    assert "watcher_group == watcher_user" in gone[1]["when"]
    known = yaml.safe_load(VARIABLES.read_text())
    for line, made in (
        ("www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin", False),
        ("lockstep:x:999:999::/:/bin/sh", False),
        ("", False),
        (f"lockstep:x:999:999:{known['__watcher_comment']}:/var/lib/lockstep:/usr/sbin/nologin", True),
    ):
        given = {"__watcher_account": {"stdout": line}, "__watcher_comment": known["__watcher_comment"]}
        assert NativeEnvironment().from_string(known["__watcher_made"]).render(given) is made


def test_the_version_of_python_is_told_also_of_the_one_that_is_to_make_the_environment(tmp_path):
    here = "{}.{}".format(*sys.version_info)
    assert told_of("nowhere", tmp_path)[6] == here
    assert told_of("nowhere", tmp_path, python="/nowhere")[6] == "-"
    old = program(tmp_path, "echo 3.6; exit 1")
    assert told_of("/bin/true", tmp_path, python=old)[::6] == ["lacking", "3.6"]
    assert told_of("/bin/true", tmp_path, python="/nowhere", maker=sys.executable)[::6] == ["lacking", here]


def test_a_python_that_is_too_old_ends_the_run_before_anything_is_installed():
    tasks = yaml.safe_load((VARIABLES.parents[1] / "tasks/preflight.yml").read_text())
    (task,) = [task for task in tasks if "__watcher_python_now" in task.get("vars", {})]
    assert (
        "__watcher_python_now == '-' or __watcher_python_now is version(__watcher_oldest_python, '>=')"
        in (task["ansible.builtin.assert"]["that"])
    )
    assert yaml.safe_load(VARIABLES.read_text())["__watcher_oldest_python"] == "3.9"
