"""Who stayed where it was is known from inodes that were written down, once, and with the memory of that moment."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.source import stayed as module
from lockstep.source.stayed import Stayed, written_down

CONFIRMED = {"rsync://backup/data": 1_800_000_000.123456, "file:///backup": 1_800_000_001.5}
PATHS = [b"", b"a", b"a/b", b"c", b"\xff\n"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for path in PATHS:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/source/" + path)).mkdir()
    return tmp_path / "source"


@pytest.fixture
def make(tmp_path: Path, source: Path) -> Callable[[], Stayed]:
    return lambda: Stayed(written_down(str(tmp_path), "data"), os.fsencode(source))


def write(stayed: Stayed) -> None:
    there = stayed.look(PATHS)
    assert there is not None
    stayed.write(there, CONFIRMED)


@pytest.fixture
def after(make: Callable[[], Stayed]) -> Callable[[], Stayed]:
    """What the next watcher knows."""
    write(make())

    def recalled() -> Stayed:
        stayed = make()
        stayed.recall(CONFIRMED, keep=True)
        return stayed

    return recalled


def test_what_was_not_moved_stands_where_it_stood(source: Path, after: Callable[[], Stayed]) -> None:
    (source / "a/b/new").write_text("x")
    stayed = after()
    assert all(map(stayed.here, PATHS))


def test_what_changed_places_or_is_new_or_gone_does_not(source: Path, after: Callable[[], Stayed]) -> None:
    (source / "a").rename(source / "x")
    (source / "c").rename(source / "a")
    (source / "x").rename(source / "c")
    (source / "new").mkdir()
    stayed = after()
    assert stayed.here(b"")
    assert not any(map(stayed.here, (b"a", b"c", b"a/b", b"c/b", b"new", b"x")))


def test_it_is_believed_once(tmp_path: Path, make: Callable[[], Stayed], after: Callable[[], Stayed]) -> None:
    stayed = make()
    stayed.recall(CONFIRMED)
    assert stayed.here(b"a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
    stayed = make()
    stayed.recall(CONFIRMED)
    assert not stayed.here(b"a")


def test_it_counts_with_the_memory_of_the_same_moment_only(make: Callable[[], Stayed]) -> None:
    write(make())
    stayed = make()
    stayed.recall({**CONFIRMED, "file:///backup": 1_800_000_002.5})
    assert not stayed.here(b"a")


@pytest.mark.parametrize("what", ["empty", "no head", "cut", "longer", "other order", "not there", "zeros"])
def test_a_file_that_is_not_whole_is_not_believed(tmp_path: Path, make: Callable[[], Stayed], what: str) -> None:
    write(make())
    path = tmp_path / "data.directories"
    head, _, body = path.read_bytes().partition(b"\n")
    broken = {
        "empty": b"",
        "no head": body,
        "cut": head + b"\n" + body[:-3],
        "longer": head + b"\n" + body + bytes(8),
        "other order": json.dumps({**json.loads(head), "order": "middle"}).encode() + b"\n" + body,
        "zeros": bytes(len(head) + 1 + len(body)),
    }
    path.write_bytes(broken[what]) if what in broken else path.unlink()
    stayed = make()
    stayed.recall(CONFIRMED)
    assert not stayed.here(b"a")


def test_all_is_known_while_it_is_watched_and_nothing_after_that_was_lost(after: Callable[[], Stayed]) -> None:
    stayed = after()
    assert not stayed.here(b"nowhere")
    stayed.watched()
    assert stayed.here(b"nowhere")
    stayed.lost()
    assert not any(map(stayed.here, PATHS))


def test_what_was_written_down_counts_no_more_once_the_source_was_lost(after: Callable[[], Stayed]) -> None:
    stayed = after()
    stayed.lost()
    assert not stayed.here(b"a")


def test_another_file_system_has_inodes_of_its_own(
    make: Callable[[], Stayed], after: Callable[[], Stayed], monkeypatch: pytest.MonkeyPatch
) -> None:
    stayed = after()
    device = module._device
    monkeypatch.setattr(module, "_device", lambda source: device(source) + 1)
    assert not stayed.here(b"a")
    assert len(make().look(PATHS) or ()) == 0


def test_a_look_that_takes_too_long_is_given_up(make: Callable[[], Stayed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    assert make().look(PATHS) is None
