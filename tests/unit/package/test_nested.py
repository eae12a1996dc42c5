"""What is mounted below a source is known, so that its absence is not taken for a deletion; and watches are counted."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path

import pytest

from lockstep.source import limits
from lockstep.source.nested import nested_mounts

MOUNTS = (
    b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    b"30 22 8:2 / /srv rw - ext4 /dev/sda2 rw\n"
    b"31 30 8:3 / /srv/data rw - ext4 /dev/sda3 rw\n"
    b"32 31 8:4 / /srv/data/b rw shared:1 - xfs /dev/sda4 rw\n"
    b"33 31 8:5 / /srv/data/a/with\\040space rw - ext4 /dev/sda5 rw\n"
    b"34 31 8:6 / /srv/data/b rw - ext4 /dev/sda6 rw\n"
    b"35 30 8:7 / /srv/database rw - ext4 /dev/sda7 rw\n"
)


def test_only_what_is_strictly_below_is_told_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "open", lambda *_, **__: io.BytesIO(MOUNTS))
    found = nested_mounts(b"/srv/data")
    also = nested_mounts(b"/srv/data/")
    none = nested_mounts(b"/srv/database")
    monkeypatch.undo()
    assert found == also == [b"a/with space", b"b"]
    assert none == []


def test_this_machines_own_mounts_are_read() -> None:
    assert b"proc" in nested_mounts(b"/")


def test_each_directory_needs_a_watch_but_not_the_excluded_and_no_link(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "cache/deep").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("a")
    assert limits.needed(os.fsencode(tmp_path), lambda path, is_dir: path == b"cache") == 3
    assert limits.needed(os.fsencode(tmp_path / "nowhere"), lambda path, is_dir: False) == 1


def test_the_kernel_says_how_many_it_allows() -> None:
    assert limits.allowed() > 0


def test_too_few_name_both_numbers_and_the_variable() -> None:
    text = limits.shortage(1_234_567, 8192)
    assert "1,234,567" in text
    assert "8,192" in text
    assert "inotify_limits_max_user_watches" in text
