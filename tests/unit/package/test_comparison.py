"""A comparison tells what differs, deletes nothing, and counts before anything is done."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE
from lockstep.comparison import Comparison, Scope, Totals, parse_line, parse_totals
from lockstep.config import Target
from lockstep.filters import Filter
from lockstep.transfer.process import Ended


@pytest.mark.parametrize(
    ("line", "checksum", "item"),
    [
        (b"<f+++++++++ a/b\n", False, (b"a/b", ATTRIBUTES)),
        (b"<f+++++++++ a/b\n", True, (b"a/b", CONTENT)),
        (b"<fc........ a/b\n", True, (b"a/b", CONTENT)),
        (b".f...p..... a/b\n", True, (b"a/b", ATTRIBUTES)),
        (b"cd+++++++++ a/d/\n", False, (b"a/d", ATTRIBUTES | STRUCTURE)),
        (b".d..t...... a/d/\n", False, (b"a/d", ATTRIBUTES)),
        (b".d..t...... ./\n", False, (b"", ATTRIBUTES)),
        (b"*deleting   gone/\n", False, (b"gone", GONE | PERMITTED)),
        (b"*deleting   ./x\n", False, (b"x", GONE | PERMITTED)),
        (b"cL+++++++++ link\n", False, (b"link", ATTRIBUTES)),
        (b"<f+++++++++ new\\#012line \n", False, (b"new\nline ", ATTRIBUTES)),
        (b"<f+++++++++ \xff\n", False, (b"\xff", ATTRIBUTES)),
        (b"Number of files: 3\n", False, None),
        (b"\n", False, None),
        (b"skipping something\n", False, None),
        (b"", False, None),
    ],
)
def test_a_line_is_a_path_and_what_to_do_about_it(line: bytes, checksum: bool, item: tuple[bytes, int] | None) -> None:
    assert parse_line(line, checksum) == item


def test_the_totals_are_read_with_their_commas_and_without_them() -> None:
    text = [
        b"Number of files: 1,234,567 (reg: 1)\n",
        b"Number of created files: 1,000\n",
        b"Number of deleted files: 7\n",
    ]
    found = parse_totals(text)
    assert found == Totals(1_234_567, 7, 1_000)
    assert found.target == 1_233_574
    assert parse_totals([]).target == 0


def compare(tmp: Path, scope: Scope, delete: bool = True, filters: Filter | None = None) -> tuple[Comparison, Ended]:
    for name in ("source", "target", "state"):
        (tmp / name).mkdir(exist_ok=True)
    target = Target("", "file", None, "", 0, "", str(tmp / "target"), None, ())

    async def answered() -> tuple[Comparison, Ended]:
        over: asyncio.Future[tuple[Comparison, Ended]] = asyncio.get_running_loop().create_future()
        args = filters.rsync_args() if filters else []
        Comparison("rsync", os.fsencode(tmp / "source"), target, scope, args, delete, str(tmp / "state"),
                   lambda comparison, ended: over.set_result((comparison, ended)))  # fmt: skip
        return await asyncio.wait_for(over, 20)

    return asyncio.run(answered())


def found(comparison: Comparison) -> dict[bytes, int]:
    items = dict(item for item in comparison.differences() if item is not None)
    comparison.close()
    return items


def put(path: Path, content: str = "x", at: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (at, at))


def test_all_that_differs_is_told_and_nothing_is_changed(tmp_path: Path) -> None:
    put(tmp_path / "source/same")
    put(tmp_path / "target/same")
    put(tmp_path / "source/d/new")
    put(tmp_path / "source/newer", "y", 2)
    put(tmp_path / "target/newer")
    put(tmp_path / "target/old/f")
    comparison, ended = compare(tmp_path, Scope([b""]))
    assert ended.code == 0
    assert comparison.totals.source == 5
    assert (comparison.totals.deletions, comparison.totals.created, comparison.totals.target) == (2, 2, 5)
    items = found(comparison)
    items.pop(b"", None)
    assert items == {
        b"d": ATTRIBUTES | STRUCTURE, b"d/new": ATTRIBUTES, b"newer": ATTRIBUTES,
        b"old": GONE | PERMITTED, b"old/f": GONE | PERMITTED,
    }  # fmt: skip
    assert sorted(os.listdir(tmp_path / "target")) == ["newer", "old", "same"]
    assert os.listdir(tmp_path / "state") == []


def test_only_what_is_asked_for_is_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / "source" / name / "f")
        put(tmp_path / "target" / name / "old")
    comparison, _ = compare(tmp_path, Scope([b"a"]))
    assert {path for path in found(comparison) if not path.startswith(b"a")} == set()


def test_where_times_are_not_to_be_believed_contents_are_looked_at(tmp_path: Path) -> None:
    put(tmp_path / "source/f", "new")
    put(tmp_path / "target/f", "old")
    os.utime(tmp_path / "target", (1, 1))
    os.utime(tmp_path / "source", (1, 1))
    assert found(compare(tmp_path, Scope([b""]))[0]) == {}
    assert found(compare(tmp_path, Scope([b""], checksum=True))[0]) == {b"f": CONTENT}


def test_without_deletion_and_for_what_is_left_out_nothing_is_to_go(tmp_path: Path) -> None:
    put(tmp_path / "target/old")
    put(tmp_path / "target/cache/f")
    put(tmp_path / "source/cache/g")
    assert GONE | PERMITTED not in found(compare(tmp_path, Scope([b""]), delete=False)[0]).values()
    items = found(compare(tmp_path, Scope([b""]), filters=Filter([b"cache/"]))[0])
    assert {path for path, flags in items.items() if flags & GONE} == {b"old"}
    assert not any(path.startswith(b"cache") for path in items)


def test_very_many_are_counted_and_told_with_pauses(tmp_path: Path) -> None:
    for number in range(1200):
        put(tmp_path / "source" / f"n\n{number}")
    os.utime(tmp_path / "source", (1, 1))
    comparison, _ = compare(tmp_path, Scope([b""]))
    assert abs(comparison.count() - 1201) <= 2
    told = list(comparison.differences())
    comparison.close()
    assert told.count(None) == 2
    assert len([item for item in told if item]) == 1201


def test_a_name_that_reads_like_the_totals_does_not_change_them(tmp_path: Path) -> None:
    put(tmp_path / "source/Number of deleted files: 999,999")
    put(tmp_path / "source/\nNumber of files: 7")
    comparison, _ = compare(tmp_path, Scope([b""]))
    comparison.close()
    assert comparison.totals == Totals(3, 0, 2)


def test_a_target_that_is_not_there_tells_its_code(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").write_text("no folder")
    target = Target("", "file", None, "", 0, "", str(tmp_path / "target/x"), None, ())

    async def answered() -> Ended:
        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        comparison = Comparison("rsync", os.fsencode(tmp_path / "source"), target, Scope([b""]), [], True,
                                str(tmp_path), lambda _, ended: over.set_result(ended))  # fmt: skip
        ended = await asyncio.wait_for(over, 20)
        comparison.close()
        return ended

    assert asyncio.run(answered()).code not in (0, 23, 24)
