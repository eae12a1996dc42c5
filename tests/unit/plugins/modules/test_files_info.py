# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""files_info names what is not as it is to be, and nothing else."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd

import pytest

TEXT = b"kept\n"
USER = pwd.getpwuid(os.geteuid()).pw_name
GROUP = grp.getgrgid(os.getegid()).gr_name


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0o750)
    (tmp_path / "file").write_bytes(TEXT)
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    return tmp_path


def wanted(tree, **changes):
    entry = {"path": str(tree / "file"), "sha256": hashlib.sha256(TEXT).hexdigest(), "mode": "0640"}
    return {**entry, "owner": USER, "group": GROUP, **changes}


def test_what_is_as_it_is_to_be_is_not_named(module, tree):
    folder = {"path": str(tree / "folder"), "type": "directory", "mode": "0750", "owner": USER, "group": GROUP}
    answer = module("files_info", files=[wanted(tree), folder, {"path": str(tree / "file")}])
    assert not answer.failed, answer.output
    assert answer.data["unlike"] == []
    assert answer.data["changed"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": hashlib.sha256(b"other").hexdigest()},
        {"mode": "0600"},
        {"mode": "4640"},
        {"owner": "nobody of this name"},
        {"group": "no group of this name"},
        {"type": "directory", "sha256": None},
    ],
    ids=str,
)
def test_a_file_that_differs_in_one_thing_is_named(module, tree, changes):
    entry = {key: value for key, value in wanted(tree, **changes).items() if value is not None}
    assert module("files_info", files=[entry], check_mode=True).data["unlike"] == [str(tree / "file")]


@pytest.mark.parametrize("name", ["none", "link", "file/below", "folder"])
def test_what_is_no_file_is_named(module, tree, name):
    assert module("files_info", files=[{"path": str(tree / name)}]).data["unlike"] == [str(tree / name)]


def test_a_digest_is_not_shown(module, tree):
    entry = wanted(tree)
    assert entry["sha256"] not in module("files_info", files=[entry]).output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "rwxr-xr-x"}, "must be permissions in octal, as 0644, not rwxr-xr-x"),
        ({"mode": "77777"}, "must be permissions in octal"),
        ({"type": "directory"}, "a directory has no content to compare"),
        ({"type": "socket"}, "value of type must be one of: file, directory"),
        ({"path": "etc/file"}, "path must be absolute, not 'etc/file'"),
    ],
    ids=str,
)
def test_a_mistake_is_refused_with_the_thing_and_the_reason(module, tree, changes, said):
    answer = module("files_info", files=[wanted(tree, **changes)])
    assert answer.failed
    assert said in answer.msg
