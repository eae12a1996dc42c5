"""A comparison tells what differs, deletes nothing, and counts before anything is done."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE
from lockstep.comparison import PAUSE, Comparison, Totals, parse_difference, parse_line, parse_totals
from lockstep.config import Target
from lockstep.filters import Filter
from lockstep.transfer.process import Ended
from lockstep.walk import LOOK, SHARED, Scope, merge, shares


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


def test_what_is_to_be_sent_is_told_with_its_size() -> None:
    assert parse_difference(b"<f+++++++++ 120 a/b\n", False) == (b"a/b", ATTRIBUTES, 120, False)
    assert parse_difference(b"<f+++++++++ 0 12 b\n", True) == (b"12 b", CONTENT, 0, False)
    assert parse_difference(b".f..t...... 120 a\n", False) == (b"a", ATTRIBUTES, 0, False)
    assert parse_difference(b"cd+++++++++ 4096 d/\n", False) == (b"d", ATTRIBUTES | STRUCTURE, 0, True)
    assert parse_difference(b"*deleting   0 gone/\n", False) == (b"gone", GONE | PERMITTED, 0, False)
    assert parse_difference(b"<f+++++++++ name\n", False) is None
    assert parse_difference(b"Number of files: 3\n", False) is None


def test_the_totals_are_read_with_their_commas_and_without_them() -> None:
    text = [
        b"Number of files: 1,234,567 (reg: 1)\n",
        b"Number of created files: 1,000\n",
        b"Number of deleted files: 7\n",
        b"Total file size: 9,999,999 bytes\n",
        b"Total transferred file size: 12,345 bytes\n",
    ]
    found = parse_totals(text)
    assert found == Totals(1_234_567, 7, 1_000, 12_345)
    assert found + Totals(1, 2, 3, 4) == Totals(1_234_568, 9, 1_003, 12_349)
    assert found.target == 1_233_574
    assert parse_totals([]).target == 0


def compare(
    tmp: Path, scope: Scope, delete: bool = True, filters: Filter | None = None, rsync: str = "rsync"
) -> tuple[Comparison, Ended]:
    for name in ("source", "target", "state"):
        (tmp / name).mkdir(exist_ok=True)
    target = Target("", "file", None, "", 0, "", str(tmp / "target"), None, ())

    async def answered() -> tuple[Comparison, Ended]:
        over: asyncio.Future[tuple[Comparison, Ended]] = asyncio.get_running_loop().create_future()
        args = filters.rsync_args() if filters else []
        Comparison(rsync, os.fsencode(tmp / "source"), target, scope, args, delete, str(tmp / "state"),
                   lambda comparison, ended: over.set_result((comparison, ended)))  # fmt: skip
        return await asyncio.wait_for(over, 20)

    return asyncio.run(answered())


def found(comparison: Comparison) -> dict[bytes, int]:
    items = {item[0]: item[1] for item in comparison.differences() if item is not None}
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
    assert not comparison.counted
    assert set(comparison.count()) == {None}
    assert comparison.counted
    assert abs(comparison.known - 1201) <= 2
    told = list(comparison.differences())
    comparison.close()
    assert told.count(None) == 1201 // PAUSE
    assert len([item for item in told if item]) == 1201


def test_a_name_that_reads_like_the_totals_does_not_change_them(tmp_path: Path) -> None:
    put(tmp_path / "source/Number of deleted files: 999,999")
    put(tmp_path / "source/\nNumber of files: 7")
    comparison, _ = compare(tmp_path, Scope([b""]))
    comparison.close()
    assert comparison.totals == Totals(3, 0, 2, 2)


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


def test_a_tree_shared_by_several_processes_is_compared_as_by_one(tmp_path: Path) -> None:
    """Top-level files, names that only the target has, new directories, and what is left out, too."""
    for number in range(6):
        put(tmp_path / f"source/d{number}/sub/f", "x", 1 + number % 2)
        if number:
            put(tmp_path / f"target/d{number}/sub/f")
        put(tmp_path / f"target/d{number}x/old")
    put(tmp_path / "target/d1/old")
    put(tmp_path / "target/d2/cache/f")
    put(tmp_path / "source/d3/cache/f")
    put(tmp_path / "source/top")
    put(tmp_path / "target/gone")
    leave_out = Filter([b"cache/"])
    one, _ = compare(tmp_path, Scope([b""]), filters=leave_out)
    divided = [[b"d0", b"d1"], [b"d3/sub", b"d4"]]
    several, ended = compare(tmp_path, Scope([b""], shares=divided), filters=leave_out)
    assert ended.code == 0
    assert several.totals == one.totals
    told = [item for item in several.differences() if item is not None]
    assert len(told) == len({item[0] for item in told})
    assert found(several) == found(one)


def test_a_shared_directory_that_is_gone_meanwhile_keeps_no_deletion_from_being_found(tmp_path: Path) -> None:
    put(tmp_path / "source/a/f")
    put(tmp_path / "target/a/old")
    put(tmp_path / "target/old")
    comparison, ended = compare(tmp_path, Scope([b""], shares=[[b"gone", b"a"]]))
    assert ended.code == 0
    assert {path for path, flags in found(comparison).items() if flags & GONE} == {b"a/old", b"old"}


def test_names_that_do_not_fit_a_command_line_go_by_list(tmp_path: Path) -> None:
    names = [b"%0200d" % number for number in range(400)]
    for name in names:
        put(tmp_path / "source" / os.fsdecode(name))
    comparison, ended = compare(tmp_path, Scope(names))
    assert ended.code == 0
    assert sorted(found(comparison)) == names


def test_one_that_fails_ends_the_others_and_is_the_reason() -> None:
    ends = [Ended(24, b"v", 1.0, 5.0), Ended(12, b"cut", 1.0, 2.0), Ended(-9, b"", 1.0, 3.0)]
    together = merge(ends)
    assert (together.code, together.stderr, together.cpu, together.seconds) == (12, b"cut", 3.0, 5.0)


def test_when_one_process_fails_the_others_do_not_go_on(tmp_path: Path) -> None:
    """The second one would run for a minute; the first says what is wrong."""
    put(tmp_path / "source/a/f")
    program = tmp_path / "rsync"
    program.write_text('#!/bin/sh\ncase "$*" in *ignore-missing*) exec sleep 60;; esac\necho cut >&2\nexit 12\n')
    program.chmod(0o755)
    comparison, ended = compare(tmp_path, Scope([b""], shares=[[b"a"]]), rsync=str(program))
    comparison.close()
    assert (ended.code, ended.stderr) == (12, b"cut\n")


def test_of_those_that_ended_well_the_worst_is_told_with_all_complaints() -> None:
    assert merge([Ended(0, b"", 1.0, 1.0), Ended(0, b"", 1.0, 1.0)]).code == 0
    together = merge([Ended(0, b"", 1.0, 1.0), Ended(23, b"r", 1.0, 1.0), Ended(24, b"v", 1.0, 1.0)])
    assert (together.code, together.stderr) == (23, b"rv")
    assert merge([Ended(0, b"", 1.0, 1.0), Ended(24, b"v", 1.0, 1.0)]).code == 24


def nothing(_path: bytes, _is_dir: bool) -> bool:
    return False


def test_plain_directories_of_the_top_are_shared_out(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"d{number:02}").mkdir()
    for odd in ("*", "a b", "-x", "[a]", "excluded"):
        (tmp_path / odd).mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("d00")
    dealt = shares(os.fsencode(tmp_path), lambda path, _is_dir: path == b"excluded", 3)
    given = [path for share in dealt for path in share]
    assert len(dealt) == 2
    assert len(given) == len(set(given)) == 8
    assert {path[:1] for path in given} == {b"d"}


def test_where_the_top_has_few_directories_those_below_are_shared_out(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / "data" / f"d{number}").mkdir(parents=True)
    (share,) = shares(os.fsencode(tmp_path), nothing, 2)
    assert len(share) == 5
    assert all(path.startswith(b"data/d") for path in share)


def test_a_bounded_number_of_directories_is_looked_at_and_shared_out(tmp_path: Path) -> None:
    for number in range(SHARED + 10):
        (tmp_path / f"d{number}").mkdir()
    assert len(shares(os.fsencode(tmp_path), nothing, 2)[0]) == SHARED // 2
    assert LOOK >= SHARED


def test_there_may_be_nothing_to_share(tmp_path: Path) -> None:
    (tmp_path / "only").mkdir()
    (tmp_path / "file").touch()
    assert shares(os.fsencode(tmp_path), nothing) == []
    assert shares(os.fsencode(tmp_path / "missing"), nothing) == []
