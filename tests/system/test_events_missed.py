"""`lockstep events` in new directories: nothing is missed there, and what is excluded is not even watched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rig import wait_for
from side_by_side import KERNEL, Running


def _burst(tree: Path) -> set[bytes]:
    """10,000 files in 1,000 new directories, in trees that appear as fast as they can; their paths."""
    made = set()
    for number in range(1000):
        folder = tree / f"a{number % 7}" / f"b{number}" / "c"
        folder.mkdir(parents=True)
        for file in range(10):
            (folder / f"f{file}").write_text("x")
            made.add(os.fsencode(f"tree/a{number % 7}/b{number}/c/f{file}"))
    return made


def test_of_10000_files_made_in_new_directories_at_once_none_is_missed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What inotifywait misses of the same is printed beside it; that it misses any is not for us to assert."""
    missed = {}
    for real in (True, False):
        place = tmp_path / str(real)
        (place / "tree").mkdir(parents=True)
        words = ["-m", "-r", "-e", "create,close_write", "--format", "%e %w%f", "tree"]
        with Running("events", real, words, place) as running:
            made = _burst(place / "tree")
            told = [tuple(line.split(b" ", 1)) for line in running.settled(place / "tree").splitlines()]
        assert len(made) == 10_000
        lines = set(told)
        for event in (b"CREATE", b"CLOSE_WRITE,CLOSE"):
            missed[real, event.decode()] = len(made - {line[1] for line in lines if line[0] == event})
    created = [line for line in told if line[0] == b"CREATE"]
    assert len(created) == len(set(created))
    with capsys.disabled():
        for (real, event), number in missed.items():
            print(f"\n  {'inotifywait' if real else 'lockstep events'}: {number} of 10,000 {event} missed", end="")
    assert missed[False, "CREATE"] == 0
    assert missed[False, "CLOSE_WRITE,CLOSE"] == 0


def test_what_is_in_a_directory_that_was_moved_in_is_told(tmp_path: Path) -> None:
    """The kernel has no event of it, and inotifywait says nothing."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "whole" / "deep").mkdir(parents=True)
    (tmp_path / "whole" / "deep" / "f").write_text("x")
    with Running("events", False, ["-m", "-r", "-e", KERNEL, "tree"], tmp_path) as running:
        (tmp_path / "whole").rename(tmp_path / "tree" / "whole")
        lines = running.settled(tmp_path / "tree").splitlines()
    # which is told as well where it was watched before its rename was over
    assert [line for line in lines if line != b"tree/whole/ MOVE_SELF "] == [
        b"tree/ MOVED_TO,ISDIR whole",
        b"tree/whole/ CREATE,ISDIR deep",
        b"tree/whole/deep/ CREATE f",
        b"tree/whole/deep/ MODIFY f",
        b"tree/whole/deep/ CLOSE_WRITE,CLOSE f",
    ]


def test_a_new_directory_is_watched_although_only_other_names_are_told(tmp_path: Path) -> None:
    """With --include inotifywait never hears of it."""
    (tmp_path / "tree").mkdir()
    with Running(
        "events", False, ["-m", "-r", "-e", "create", "--include", r"\.log$|fence", "tree"], tmp_path
    ) as running:
        (tmp_path / "tree" / "made").mkdir()
        (tmp_path / "tree" / "made" / "x.log").touch()
        (tmp_path / "tree" / "made" / "x.txt").touch()
        assert running.settled(tmp_path / "tree") == b"tree/made/ CREATE x.log\n"


def test_an_excluded_directory_is_not_even_watched(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("cache", "sub/cache", "sub/kept"):
        (tree / name).mkdir(parents=True)
    with Running("events", False, ["-m", "-r", "--exclude", "/cache$", "-e", "create", "tree"], tmp_path) as running:
        running.watches(3)
        (tree / "sub" / "kept" / "cache").mkdir()
        (tree / "sub" / "kept" / "cache" / "f").touch()
        assert running.settled(tree) == b""
        running.watches(3)


def test_what_looks_into_new_and_renamed_directories_is_told_too(tmp_path: Path) -> None:
    """They are watched without it for the moment in which we look into them ourselves."""
    tree = tmp_path / "tree"
    (tree / "old").mkdir(parents=True)
    with Running("events", False, ["-m", "-r", "tree"], tmp_path) as running:
        (tree / "new").mkdir()
        running.watches(3)
        (tree / "new" / "f").touch()
        (tree / "old").rename(tree / "renamed")
        wait_for(lambda: b"tree/renamed/ MOVE_SELF" in running.output(), 30, running.said)
        (tree / "renamed" / "g").touch()
        lines = running.settled(tree).splitlines()
    for line in (b"tree/new/ OPEN f", b"tree/renamed/ OPEN g"):
        assert line in lines
