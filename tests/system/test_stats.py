"""`lockstep stats` beside inotifywatch: the same table of the same operations."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import wait_for
from side_by_side import Running, once


def _operations(tree: Path, running: Running, renamed: bool) -> None:
    for number in range(3):
        (tree / "old" / f"f{number}").write_text("x")
    with (tree / "file").open("a") as file:
        file.write("y")  # one event: a second one would be merged with it, or not
    (tree / "made").mkdir()
    running.watches(3)
    (tree / "made" / "g").write_text("z")
    (tree / "made" / "h").write_text("z")
    (tree / "old" / "f1").rename(tree / "made" / "f1")
    if renamed:
        (tree / "made").rename(tree / "called")
        (tree / "called" / "i").write_text("z")


@pytest.mark.parametrize(
    ("words", "column", "ascending"),
    [
        (["-e", "create,modify,close_write,move,delete"], 0, False),
        (["-e", "create", "-e", "modify", "-a", "create"], 2, True),
        (["-z", "-e", "create,moved_to,moved_from,unmount", "-d", "moved_to"], 2, False),
        (["-e", "create,modify", "--exclude", "/f[0-9]$"], 0, False),
        (["-e", "create,modify", "--includei", "/([GF][0-9]?|MADE|CALLED)$"], 0, False),
        (["-e", "create,modify", "@tree/old"], 0, False),
    ],
    ids=str,
)
def test_the_table_is_that_of_inotifywatch(tmp_path: Path, words: list[str], column: int, ascending: bool) -> None:
    """Rows of equal numbers may stand in any order: that tool's is none."""
    tables = []
    for real in (True, False):
        place = tmp_path / str(real)
        tree = place / "tree"
        (tree / "old").mkdir(parents=True)
        (tree / "file").write_text("x")
        with Running("stats", real, ["-r", *words, "tree"], place) as running:
            if "@tree/old" in words:
                _operations_without_old(tree, running)
            else:  # it goes on under the old name where renames are not asked for
                _operations(tree, running, renamed="move" in words[1])
            assert running.ask_to_end() == 0, running.said()
            tables.append(running.output().splitlines())
    assert tables[1][0] == tables[0][0]
    assert tables[1][0].startswith(b"total  ")
    assert sorted(tables[1]) == sorted(tables[0])
    for table in tables:
        numbers = [int(row.split()[column]) for row in table[1:]]
        assert numbers == sorted(numbers, reverse=not ascending)


def _operations_without_old(tree: Path, running: Running) -> None:
    (tree / "old" / "f").write_text("x")
    (tree / "made").mkdir()
    running.watches(2)
    (tree / "made" / "g").write_text("z")


@pytest.mark.parametrize(
    "words",
    [[], ["-a", "nonsense", "tree"], ["-e", "create", "-d", "delete", "tree"], ["-e", "x", "tree"]],
    ids=" ".join,
)
def test_mistakes_are_told_as_inotifywatch_tells_them(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    assert once("stats", False, words, tmp_path) == once("stats", True, words, tmp_path)


def test_no_events_are_said_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    words = ["-v", "-t", "1", "tree"]
    assert once("stats", False, words, tmp_path) == once("stats", True, words, tmp_path)


def test_files_in_new_directories_are_all_counted_and_a_signal_ends_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with Running("stats", False, ["-r", "-e", "create", "tree"], tmp_path) as running:
        for number in range(300):
            (tmp_path / "tree" / f"d{number}").mkdir()
            for file in range(3):
                (tmp_path / "tree" / f"d{number}" / f"f{file}").touch()
        running.watches(301)
        assert running.ask_to_end() == 0
    counted = dict(line.split(b"  create")[0].rsplit(None, 1)[::-1] for line in running.output().splitlines()[1:])
    assert len(counted) == 301
    assert sum(int(numbers.split()[0]) for numbers in counted.values()) == 1200


def test_sorting_by_a_group_of_events_does_not_crash(tmp_path: Path) -> None:
    """inotifywatch 3.22 ends with a segmentation fault on -d close."""
    (tmp_path / "tree").mkdir()
    with Running("stats", False, ["-d", "close", "tree"], tmp_path) as running:
        (tmp_path / "tree" / "f").write_text("x")
        running.watches(1)
        assert running.ask_to_end() == 0
    wait_for(lambda: b"close_write" in running.output(), 1, running.said)
