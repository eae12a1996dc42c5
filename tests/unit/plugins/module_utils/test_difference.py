# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rsync prints of a difference, read."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils import _difference
from ansible_collections.lockstep.realtime.plugins.module_utils._difference import DIFFERENT, EQUAL, EXTRA, MISSING


@pytest.mark.parametrize(
    ("line", "kind", "path", "why", "size"),
    [
        (b".f          12 a\n", EQUAL, b"a", (), 0),
        (b".d          4096 ./\n", EQUAL, b"", (), 0),
        (b"<f+++++++++ 12 a/b c\n", MISSING, b"a/b c", (), 12),
        (b"cd+++++++++ 4096 a/\n", MISSING, b"a", (), 0),
        (b"cL+++++++++ 7 link\n", MISSING, b"link", (), 0),
        (b"<f.st...... 12 a\n", DIFFERENT, b"a", ("size", "time"), 12),
        (b"<fc........ 12 a\n", DIFFERENT, b"a", ("content",), 12),
        (b">fc........ 12 a\n", DIFFERENT, b"a", ("content",), 12),
        (b".f...pog... 12 a\n", DIFFERENT, b"a", ("mode", "owner", "group"), 0),
        (b".d..t...... 4096 ./\n", DIFFERENT, b"", ("time",), 0),
        (b"cLc.T...... 7 link\n", DIFFERENT, b"link", ("content", "time"), 0),
        (b".f........x 12 a\n", DIFFERENT, b"a", ("xattr",), 0),
        (b"*deleting   0 x/y/\n", EXTRA, b"x/y", (), 0),
        (b"*deleting   0 #odd\\#012\\#134#012\n", EXTRA, b"#odd\n\\#012", (), 0),
    ],
)
def test_lines_are_read(line, kind, path, why, size):
    entry = _difference.parse(line)
    assert entry is not None
    assert (entry.kind, entry.path, entry.why, entry.size) == (kind, path, why, size)
    assert entry.is_directory == line.rstrip().endswith(b"/")


@pytest.mark.parametrize("line", [b"\n", b"Number of files: 9\n", b"cannot delete non-empty directory: a\n", b"<f a\n"])
def test_what_is_no_entry_is_none(line):
    assert _difference.parse(line) is None


def test_what_rsync_leaves_is_read_from_its_words():
    assert _difference.kept(b"cannot delete non-empty directory: x/y\\#012\n") == b"x/y\n"
    assert _difference.in_the_way(b"could not make way for new regular file: a: b\n") == b"a: b"
    assert _difference.kept(b"*deleting   0 x\n") is _difference.in_the_way(b"else\n") is None
