# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the source has at a path, without following a link, and what a tally keeps."""

from __future__ import annotations

from ansible_collections.lockstep.realtime.plugins.module_utils._difference import EXTRA, MISSING, Entry
from ansible_collections.lockstep.realtime.plugins.module_utils._drift import GONE, HERE, IN_THE_WAY, Drift, SourceView


def test_a_path_below_a_file_or_a_link_is_in_the_way(tmp_path):
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").write_text("x")
    view = SourceView(str(tmp_path))
    assert view.state(b"real/inner") == view.state(b"link") == HERE
    assert view.state(b"real/other") == view.state(b"no/such/place") == GONE
    assert view.state(b"link/inner") == view.state(b"file/a/b") == IN_THE_WAY
    assert (view.blocker(b"link/inner"), view.blocker(b"file/a/b")) == (b"link", b"file")
    assert view.is_directory(b"real")
    assert not view.is_directory(b"link")


def test_a_change_is_told_by_its_ctime(tmp_path):
    (tmp_path / "a").write_text("x")
    view = SourceView(str(tmp_path))
    ctime = (tmp_path / "a").stat().st_ctime
    assert view.changed_since(b"a", ctime - 1)
    assert not view.changed_since(b"a", ctime + 1)
    assert not view.changed_since(b"gone", 0)


def test_a_drift_keeps_the_first_and_counts_all():
    drift = Drift(2)
    for number in range(5):
        drift.note(Entry(MISSING, b"m%d" % number, (), 10))
    drift.note(Entry(EXTRA, b"line\nbreak"))
    assert drift.count == 6
    assert drift.missing.answer() == {"count": 5, "bytes": 50, "paths": ["m0", "m1"], "truncated": True}
    assert drift.lines() == ["missing    m0", "missing    m1", "extra      line\\nbreak", "and 3 more"]
