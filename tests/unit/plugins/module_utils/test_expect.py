# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was fetched, judged against what was wanted."""

from __future__ import annotations

import os

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want, judge, show

MISSING = b'rsync: [sender] link_stat "a\\#012b" (in data) failed: No such file or directory (2)\n'
LAST = b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956)\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "file").write_text("new")
    (tmp_path / "file").chmod(0o640)
    os.symlink("no/where", tmp_path / "link")
    return os.fsencode(tmp_path)


@pytest.mark.parametrize(
    ("name", "want", "reason"),
    [
        (b"file", Want(b"new"), None),
        (b"file", Want(b"new", mode=0o640), None),
        (b"file", Want(b"new", mode=0o600), "file has mode 0640, wanted 0600"),
        (b"file", Want(b"other"), "file holds other content (3 bytes, wanted 5)"),
        (b"file", Want(), "file is still there"),
        (b"file", Want(link=b"x"), "file is not a symbolic link"),
        (b"link", Want(link=b"no/where"), None),
        (b"link", Want(link=b"else"), "link points to no/where, wanted else"),
        (b"link", Want(b"new"), "link is not a file"),
    ],
)
def test_what_is_there(folder, name, want, reason):
    assert judge({name: want}, folder, 0, b"") == reason


def test_a_name_reported_missing_is_absent(folder):
    assert judge({b"a\nb": Want(), b"file": Want(b"new")}, folder, 23, MISSING + LAST) is None
    assert judge({b"a\nb": Want(b"x")}, folder, 23, MISSING + LAST) == "a\\nb is not there"


@pytest.mark.parametrize(
    ("returncode", "stderr"),
    [
        (0, b""),
        (23, b""),
        (23, b'rsync: [sender] link_stat "a" (in data) failed: Permission denied (13)\n' + LAST),
        (23, MISSING + b'rsync: [sender] opendir "b" (in data) failed: Permission denied (13)\n' + LAST),
        (23, MISSING + MISSING + LAST),
        (24, b'file has vanished: "a" (in data)\n'),
        (10, b"rsync: [Receiver] failed to connect to 127.0.0.1 (127.0.0.1): Connection refused (111)\n"),
        (12, b""),
        (None, b""),
    ],
)
def test_no_other_answer_proves_an_absence(folder, returncode, stderr):
    assert judge({b"a": Want()}, folder, returncode, stderr) is not None


def test_names_are_shown_in_one_printable_line():
    assert show(b"a b\n\xff") == "a b\\n\\xff"
