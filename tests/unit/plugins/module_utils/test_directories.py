# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync's exclude patterns, for the counting of directories."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils import _directories

TREE = ["a/b/c", "a/bb/c", "x/a/b", ".snapshots/daily", "a[1]/b", "new\nline/b"]
PATTERNS = ["b", "/a", "a/b", "/a/*", "/a/**", "b?", "[ab]", "[!ab]", ".snap*/", "/x/a/", "**/c", "a\\[1\\]", "*", "/"]


@pytest.mark.parametrize("exclude", PATTERNS)
def test_the_count_is_that_of_rsync(tmp_path, exclude):
    source, target = tmp_path / "source", tmp_path / "target"
    for path in TREE:
        (source / path).mkdir(parents=True)
    subprocess.run(["rsync", "-a", f"--exclude={exclude}", f"{source}/", target], check=True)
    arrived = sum(1 for _ in os.walk(target))
    assert _directories.count(str(source), _directories.pattern([exclude])).directories == arrived


def test_no_pattern_excludes_nothing():
    assert _directories.pattern([]) is None


def test_a_pattern_that_is_none_is_an_error():
    with pytest.raises(re.error):
        _directories.pattern(["[z-a]"])


def test_names_that_are_not_utf8_are_counted(tmp_path):
    os.mkdir(os.fsencode(tmp_path) + b"/\xff\xfe")
    assert _directories.count(str(tmp_path)) == (2, 0)
