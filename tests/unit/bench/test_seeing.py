"""Who writes and who observes: what they write and see is what is there."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from bench import load, scenarios_reconcile
from bench.observer import Observer, Overflow, names_in


def event(name: bytes, mask: int = 0x80) -> bytes:
    padded = name + b"\0" * (16 - len(name) % 16)
    return struct.pack("iIII", 1, mask, 0, len(padded)) + padded


def test_every_name_of_a_read_is_found() -> None:
    assert names_in(event(b"one") + event(b"a-name-that-is-longer") + event(b"\xff")) == [
        b"one",
        b"a-name-that-is-longer",
        b"\xff",
    ]
    assert names_in(b"") == []


def test_dropped_events_are_an_error_and_no_missing_files() -> None:
    with pytest.raises(Overflow):
        names_in(event(b"one") + struct.pack("iIII", -1, 0x4000, 0, 0))


def test_the_observer_sees_what_is_renamed_into_place_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    observer = Observer([tmp_path, tmp_path / "a"], expected=2)
    try:
        (tmp_path / "temporary").write_bytes(b"x")
        (tmp_path / "temporary").rename(tmp_path / "one")
        (tmp_path / "written").write_bytes(b"x")
        (tmp_path / "written").rename(tmp_path / "a" / "two")
        seen = observer.result(30)
    finally:
        observer.close()
    assert set(seen) == {b"one", b"two"}
    assert seen[b"one"] <= seen[b"two"]


def test_an_observer_that_cannot_watch_says_so(tmp_path: Path) -> None:
    observer = Observer([tmp_path / "missing"])
    try:
        with pytest.raises(FileNotFoundError):
            observer.result(30)
    finally:
        observer.close()


def test_the_load_is_files_of_the_sizes_that_are_said_spread_over_the_directories(tmp_path: Path) -> None:
    for folder in load.folders(tmp_path):
        folder.mkdir()
    writer = load.Load(tmp_path, rate=2000, seconds=0.06)
    try:
        closed = writer.result()
    finally:
        writer.close()
    assert len(closed) == writer.count == 120
    assert closed == sorted(closed)
    sizes = [load.file_of(tmp_path, "f", number).stat().st_size for number in range(120)]
    assert all(load.SMALLEST <= size < load.LARGEST for size in sizes)
    assert len(set(sizes)) > 60


def test_a_load_that_is_ended_tells_of_what_it_wrote_and_of_nothing_else(tmp_path: Path) -> None:
    for folder in load.folders(tmp_path):
        folder.mkdir()
    writer = load.Load(tmp_path, rate=200, seconds=60, prefix="s")
    try:
        while scenarios_reconcile.names_below(tmp_path) < 3:
            pass
        writer.end()
        closed = writer.result()
    finally:
        writer.close()
    assert 3 <= len(closed) < writer.count
    assert len(closed) == scenarios_reconcile.names_below(tmp_path) == len(list(tmp_path.glob("d*/s*")))
    assert closed == sorted(closed)
    assert closed[0] > 0


def test_what_is_seen_of_a_load_is_known_by_number() -> None:
    seen = {b"s7": 1.0, b".s8.Xa81bc": 2.0, b"s": 3.0, b"s1x": 4.0, b"f9": 5.0, b"s10": 6.0}
    assert load.numbers(seen, "s") == {7: 1.0, 10: 6.0}


def test_a_tree_has_as_many_files_and_directories_as_asked(tmp_path: Path) -> None:
    load.make_tree(tmp_path / "tree", 107, 20, 100, 200)
    found = list(os.walk(tmp_path / "tree"))
    sizes = [os.stat(os.path.join(top, name)).st_size for top, _folders, names in found for name in names]
    assert len(sizes) == 107
    assert all(100 <= size < 200 for size in sizes)
    assert len(found) == 1 + 20 + 20  # itself, one above each, and each
    load.make_tree(tmp_path / "even", 4, 2, 3_000_000, 3_000_000)
    assert {path.stat().st_size for path in (tmp_path / "even").rglob("f*")} == {3_000_000}
