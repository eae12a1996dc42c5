# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inotify_info on this machine's kernel."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pyinotify


def test_limits_are_those_of_the_kernel(module):
    answer = module("inotify_info")
    assert not answer.failed, answer.output
    for name, value in answer.data["limits"].items():
        assert value == int(Path(f"/proc/sys/fs/inotify/{name}").read_text())
    assert set(answer.data["limits"]) == {"max_user_watches", "max_queued_events", "max_user_instances"}
    assert answer.data["directories"] == {}
    assert answer.data["needed_watches"] == 0
    assert answer.data["sufficient"] is True


def mine(usage):
    """Watches and instances of this very process."""
    found = [process for process in usage["processes"] if process["pid"] == os.getpid()]
    return next(((process["watches"], process["instances"]) for process in found), (0, 0))


def test_watches_of_a_process_and_its_user_are_counted(module, tmp_path):
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    before = mine(module("inotify_info").data["usage"])  # of other tests in this process
    manager = pyinotify.WatchManager()
    try:
        manager.add_watch([str(folder) for folder in folders], pyinotify.IN_CREATE)
        usage = module("inotify_info").data["usage"]
    finally:
        manager.close()
    assert mine(usage) == (before[0] + 5, before[1] + 1)
    assert next(process for process in usage["processes"] if process["pid"] == os.getpid())["uid"] == os.geteuid()
    user = next(user for user in usage["users"] if user["uid"] == os.geteuid())
    assert user["watches"] >= 5
    assert user["instances"] >= 1


def test_directories_are_counted_and_links_not_followed(module, tmp_path):
    for path in ("a/b/c", "a/d", "e"):
        (tmp_path / "tree" / path).mkdir(parents=True)
    (tmp_path / "tree/link").symlink_to(tmp_path)
    (tmp_path / "tree/file").write_text("")
    tree = str(tmp_path / "tree")
    answer = module("inotify_info", paths=[tree, tree])
    expected = subprocess.run(["find", tree, "-type", "d"], capture_output=True, text=True, check=True).stdout
    assert answer.data["directories"] == {tree: len(expected.splitlines())}
    assert answer.data["needed_watches"] == 6
    assert module("inotify_info", paths=[tree], exclude=["/a/*", "x"]).data["needed_watches"] == 3


def test_a_missing_path_is_an_error_unless_allowed(module, tmp_path):
    path = str(tmp_path / "none")
    assert f"{path}: no such directory" in module("inotify_info", paths=[path]).msg
    answer = module("inotify_info", paths=[path, str(tmp_path)], missing_ok=True)
    assert answer.data["missing_paths"] == [path]
    assert answer.data["needed_watches"] == 1


def test_a_path_that_is_a_file_or_relative_is_an_error(module, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert f"{file}: Not a directory" in module("inotify_info", paths=[str(file)], missing_ok=True).msg
    assert "not an absolute path" in module("inotify_info", paths=["some/where"]).msg


def test_a_pattern_that_is_none_is_an_error(module, tmp_path):
    answer = module("inotify_info", paths=[str(tmp_path)], exclude=["[z-a]"])
    assert answer.msg.startswith("exclude: [z-a]: bad character range")
