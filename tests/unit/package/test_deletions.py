"""Deletions are counted once, however often they are tried; what is too much is held."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from lockstep import deletions
from lockstep.batch import Batch
from lockstep.changes import DIRECTORY_GONE, GONE, PERMITTED, Change, Changes
from lockstep.config import MaxDelete
from lockstep.deletions import FORGOTTEN, READ_WITHIN, Deletions, Verdict
from lockstep.filters import Filter
from lockstep.removal import SLICE
from lockstep.standing import Standing
from lockstep.transfer.command import Lane
from lockstep.transfer.process import Ended


class Rig:
    def __init__(self, tmp: Path, entries: int = 100, at_most: int = 100) -> None:
        config = SimpleNamespace(
            source=os.fsencode(tmp), max_delete=MaxDelete(percent=10.0, at_least=0, window=60.0), delete=True
        )
        source: Any = SimpleNamespace(config=config, filters=Filter([]), unchanged=lambda: self.unchanged)
        self.standing = Standing()
        self.verdicts: list[Verdict] = []
        self.doubts = self.asked = 0
        self.moved = 0  # entries of each name that have another one
        self.renamed: set[bytes] = set()  # files that stand under another name
        self.searching = False
        self.unread = False
        self.read = 0.0  # when all events had been read last
        self.absent: set[bytes] = set()  # names that the target has not
        self.answer: bytes | None = None  # else it has the others
        self.code = 0
        self.lost = False  # did the connection end while it waited?
        self.unchanged = True
        self.pending = Changes()
        self.deletions = Deletions(
            source, self, self.standing, (self.pending,), lambda: (entries, at_most),  # type: ignore[arg-type]
            lambda batch, verdict, outcome: self.verdicts.append(verdict), on_doubt=self.doubt,
            moved=lambda path, count: min(self.moved, count), renamed=lambda path: path in self.renamed,
            searching=lambda: self.searching,
            unread=lambda since: self.unread and since > self.read,
        )  # fmt: skip

    def doubt(self) -> None:
        self.doubts += 1

    def ask(self, *names: bytes, batch: Batch | None = None) -> Batch:
        batch = batch or Batch(Lane.REMOVE)
        for name in names:
            batch.take(name, Change(GONE, 1.0))
        self.deletions.ask(batch)
        return batch

    def run(self, lane: Lane, names: bytes, on_end: Callable[[Any, Ended], None]) -> None:
        """Stands in for the pool: the target tells at once what it would delete."""
        assert lane is Lane.COUNT
        self.asked += 1
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by whoever has read it)
        asked = [name.partition(b"/./")[2] for name in names.split(b"\0") if name]
        there = [name for name in asked if name not in self.absent]
        answer = b"".join(b"*deleting   %s\n" % name for name in there) if self.answer is None else self.answer
        self.output.write(answer)
        self.output.flush()
        process = SimpleNamespace(output=self.output)
        on_end(process, Ended(self.code, b"", 0.0, 0.0))
        if process.output is not None:
            process.output.close()

    def was_lost(self, _process: Any, _ended: Ended) -> bool:
        return self.lost

    def recent(self) -> int:
        return self.deletions.guard.recent(time.monotonic())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.mark.parametrize(("lost", "verdict"), [(True, Verdict.AGAIN), (False, Verdict.FAILED)])
def test_a_question_that_is_cut_off_is_a_failure_unless_its_connection_had_ended_before(
    rig: Rig, lost: bool, verdict: Verdict
) -> None:
    rig.code, rig.lost = 12, lost
    batch = Batch(Lane.REMOVE)
    batch.take(b"tree", Change(GONE | DIRECTORY_GONE, 1.0))
    rig.ask(batch=batch)
    assert rig.verdicts == [verdict]
    assert rig.recent() == 0


def test_what_is_tried_again_for_the_target_failed_is_counted_once(rig: Rig) -> None:
    batch = rig.ask(b"a", b"b", b"c", b"d")
    for _try in range(5):
        rig.ask(batch=batch)
    assert rig.recent() == 4
    retried = Batch(Lane.REMOVE)
    for path, change in batch.items.items():
        retried.take(path, change)
    rig.ask(b"new", batch=retried)
    assert rig.recent() == 5
    assert rig.verdicts == [Verdict.GO] * 7


def test_more_than_the_limit_is_held_and_not_let_through(rig: Rig) -> None:
    rig.ask(*(b"%d" % number for number in range(8)))
    batch = rig.ask(b"x", b"y", b"z")
    assert rig.verdicts == [Verdict.GO, Verdict.HELD]
    assert sorted(rig.standing.parked) == [b"x", b"y", b"z"]
    assert not any(change.flags & PERMITTED for change in batch.items.values())
    assert (rig.recent(), rig.standing.held_count, rig.doubts) == (8, 3, 0)


def test_what_may_be_few_enough_of_a_target_that_has_grown_is_held_in_doubt(tmp_path: Path) -> None:
    rig = Rig(tmp_path, entries=10, at_most=1000)
    rig.ask(b"a", b"b")
    rig.ask(b"c")
    assert rig.verdicts == [Verdict.HELD, Verdict.HELD]
    assert rig.standing.doubted is not None
    assert rig.doubts == 1


def test_what_is_not_back_stays_held_however_few(rig: Rig, tmp_path: Path) -> None:
    many = [b"%d" % number for number in range(50)]
    rig.ask(*many)
    rig.ask(b"few")
    for name in many:
        (tmp_path / os.fsdecode(name)).touch()
    assert sorted(path for path, _change in rig.deletions.come_back()) == sorted(many)
    assert list(rig.standing.parked) == [b"few"]
    rig.ask(b"another")
    assert rig.verdicts == [Verdict.HELD] * 3
    (tmp_path / "few").touch()
    (tmp_path / "another").touch()
    assert len(rig.deletions.come_back()) == 2
    assert not rig.standing.held


def test_a_directory_that_is_back_is_held_until_it_is_known_what_of_it(rig: Rig, tmp_path: Path) -> None:
    batch = Batch(Lane.REMOVE)
    batch.take(b"d", Change(GONE | DIRECTORY_GONE, 1.0))
    rig.answer = b"".join(b"*deleting   d/%d\n" % number for number in range(19)) + b"*deleting   d/\n"
    rig.ask(batch=batch)
    assert (rig.standing.held_count, rig.standing.held_of) == (20, 100)
    (tmp_path / "d").mkdir()
    assert [path for path, _change in rig.deletions.come_back()] == [b"d"]
    assert (rig.standing.held, rig.standing.held_count) == (True, 0)
    rig.answer = None
    rig.ask(b"another")
    assert rig.verdicts == [Verdict.HELD] * 2
    rig.standing.have_returned(lambda path: path == b"d")
    assert rig.standing.returning == {b"d"}
    rig.standing.have_returned(lambda _path: False)
    assert (rig.standing.held, rig.standing.held_count) == (True, 1)
    (tmp_path / "another").touch()
    rig.deletions.come_back()
    assert (rig.standing.held, rig.standing.held_of) == (False, 0)


def test_a_release_is_for_directories_that_are_back_too(rig: Rig, tmp_path: Path) -> None:
    rig.standing.park({b"d": Change(GONE | DIRECTORY_GONE, 1.0), b"f": Change(GONE, 1.0)}, 100, 0.0)
    (tmp_path / "d").mkdir()
    rig.deletions.come_back()
    assert [path for path, _change in rig.deletions.release()] == [b"f"]
    assert not rig.standing.held


def test_names_that_never_got_to_the_target_are_no_mass_deletion(rig: Rig) -> None:
    """Programs write to a name of their own, and rename that: it comes and goes."""
    for turn in range(10):
        names = [b"%d-%d" % (turn, number) for number in range(9)]
        rig.absent.update(names)
        rig.ask(*names)
    assert rig.verdicts == [Verdict.GO] * 10
    assert rig.recent() == 0
    rig.ask(b"a", b"b")
    assert (rig.verdicts[-1], rig.recent()) == (Verdict.GO, 2)


def test_a_directory_that_was_moved_goes_beside_what_is_held_though_that_is_told_once(rig: Rig) -> None:
    left = {b"moved": 20}
    rig.deletions._moved = lambda path, count: left.pop(path, 0)
    names = {b"moved": 19, b"gone": 29}
    rig.answer = b"".join(
        b"*deleting   %s\n" % (name + tail)
        for name, number in names.items()
        for tail in (*(b"/%d" % each for each in range(number)), b"/")
    )
    batch = Batch(Lane.REMOVE)
    for name in names:
        batch.take(name, Change(GONE | DIRECTORY_GONE, 1.0))
    rig.ask(batch=batch)
    assert (rig.verdicts, rig.standing.held_count) == ([Verdict.AGAIN], 30)
    again = Batch(Lane.REMOVE)
    for name, change in batch.items.items():
        again.take(name, change)
    rig.ask(batch=again)
    assert rig.verdicts[-1] is Verdict.GO
    assert list(rig.standing.parked) == [b"gone"]


def test_files_that_stand_under_another_name_are_no_deletion(rig: Rig) -> None:
    many = [b"%d" % number for number in range(50)]
    rig.renamed.update(many)
    rig.ask(*many)
    assert (rig.verdicts, rig.recent(), rig.asked) == ([Verdict.GO], 0, 0)
    rig.ask(*(b"gone-%d" % number for number in range(20)))
    rig.ask(b"temporary", b"49")
    assert rig.verdicts[1:] == [Verdict.HELD, Verdict.AGAIN]
    rig.ask(b"49")
    assert rig.verdicts[-1] is Verdict.GO, "while something is held too"
    assert rig.asked == 2, "of renamed ones alone nobody asks"
    assert b"49" not in rig.standing.parked


def test_what_went_as_renamed_is_counted_when_it_is_tried_again_and_lost_by_then(rig: Rig) -> None:
    """The target failed, and meanwhile somebody has emptied the folder to which everything was moved."""
    many = [b"%d" % number for number in range(50)]
    rig.renamed = set(many)
    batch = rig.ask(*many)
    rig.renamed.clear()
    rig.ask(batch=batch)
    assert rig.verdicts == [Verdict.GO, Verdict.HELD]


def test_a_directory_that_stands_where_a_renamed_file_was_is_counted(rig: Rig) -> None:
    rig.renamed.add(b"f")
    rig.answer = b"".join(b"*deleting   f/%d\n" % number for number in range(19)) + b"*deleting   f/\n"
    batch = Batch(Lane.REMOVE)
    batch.take(b"f", Change(GONE | DIRECTORY_GONE, 1.0))
    rig.ask(batch=batch)
    assert (rig.verdicts, rig.standing.held_count) == ([Verdict.HELD], 20)


def test_of_what_was_let_through_nobody_asks_again(rig: Rig) -> None:
    batch = Batch(Lane.REMOVE)
    for number in range(50):
        batch.take(b"%d" % number, Change(GONE | PERMITTED, 1.0))
    rig.ask(batch=batch)
    assert (rig.verdicts, rig.asked) == ([Verdict.GO], 0)


def test_half_of_what_may_go_is_guessed_without_a_question(rig: Rig) -> None:
    rig.absent = {b"%d" % number for number in range(8)}
    for number in range(8):
        rig.ask(b"%d" % number)
    assert rig.recent() == 5
    rig.ask(*(b"there-%d" % number for number in range(5)))
    assert rig.verdicts == [Verdict.GO] * 9
    rig.ask(b"one more")
    assert rig.verdicts[-1] is Verdict.HELD


def test_what_the_target_has_not_is_not_held_beside_what_is(rig: Rig) -> None:
    rig.ask(*(b"%d" % number for number in range(20)))
    assert rig.verdicts == [Verdict.HELD]
    rig.absent = {b"temporary"}
    batch = rig.ask(b"temporary", b"there")
    assert rig.verdicts[-1] is Verdict.AGAIN
    assert list(batch.items) == [b"temporary"]
    rig.ask(b"temporary")
    assert rig.verdicts[-1] is Verdict.GO
    assert b"there" in rig.standing.parked
    assert b"temporary" not in rig.standing.parked


def test_what_was_held_before_a_restart_stays_held_though_some_of_it_is_back(rig: Rig, tmp_path: Path) -> None:
    rig.standing.was_held = True
    rig.ask(*(b"%d" % number for number in range(50)))
    for number in range(49):
        (tmp_path / f"{number}").touch()
    assert len(rig.deletions.come_back()) == 49
    assert list(rig.standing.parked) == [b"49"]


def test_what_has_another_name_by_now_is_no_deletion(rig: Rig) -> None:
    rig.moved = 1
    rig.ask(*(b"%d" % number for number in range(50)))
    assert rig.verdicts == [Verdict.GO]
    assert rig.recent() == 0


def test_while_it_is_looked_for_what_moved_too_much_waits_and_is_not_held(rig: Rig) -> None:
    rig.searching = True
    many = [b"%d" % number for number in range(50)]
    batch = rig.ask(*many)
    rig.ask(b"few")
    assert rig.verdicts == [Verdict.AGAIN, Verdict.GO]
    assert not rig.standing.held
    rig.searching = False
    rig.ask(batch=batch)
    assert rig.verdicts[2:] == [Verdict.HELD]


def test_while_events_wait_that_may_tell_where_it_is_too_much_is_not_held_for_a_second(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(deletions.time, "monotonic", lambda: now)
    rig.unread = True
    batch = rig.ask(*(b"%d" % number for number in range(50)))
    now += READ_WITHIN - 0.01
    rig.ask(batch=batch)
    rig.ask(b"few")
    assert rig.verdicts == [Verdict.AGAIN, Verdict.AGAIN, Verdict.GO]
    rig.unread = False
    rig.moved = 1
    rig.ask(batch=batch)
    assert rig.verdicts[3:] == [Verdict.GO], "it was found elsewhere"
    rig.unread, rig.moved = True, 0
    rig.ask(*(b"b%d" % number for number in range(50)))
    now += READ_WITHIN - 0.01
    batch = rig.ask(*(b"b%d" % number for number in range(50)))
    now += 0.02
    rig.ask(batch=batch)
    assert rig.verdicts[4:] == [Verdict.AGAIN, Verdict.AGAIN, Verdict.HELD], "events come without end"
    rig.ask(*(b"c%d" % number for number in range(50)))
    assert rig.verdicts[7:] == [Verdict.HELD], "the next batch of what is held waits no second of its own"


def test_events_that_came_after_the_question_are_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(deletions.time, "monotonic", lambda: now)
    rig.unread = True
    batch = rig.ask(*(b"%d" % number for number in range(50)))
    now += 0.01
    rig.read = now  # and others came at once
    rig.ask(batch=batch)
    assert rig.verdicts == [Verdict.AGAIN, Verdict.HELD]


@pytest.mark.parametrize("before", ["a search", "another question"])
def test_each_question_has_a_second_of_its_own(rig: Rig, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    """Not what one before it has left of it: it may have waited while directories were walked through, or came to
    nothing before it was asked again."""
    now = 100.0
    monkeypatch.setattr(deletions.time, "monotonic", lambda: now)
    rig.unread = True
    batch = rig.ask(*(b"%d" % number for number in range(50)))
    rig.searching = before == "a search"
    if rig.searching:
        now += 5.0
        rig.ask(batch=batch)
        rig.searching = False
    else:
        now += FORGOTTEN + 1.0
    verdicts = len(rig.verdicts)
    rig.ask(*(b"b%d" % number for number in range(50)))
    assert rig.verdicts[verdicts:] == [Verdict.AGAIN]


TREE = GONE | DIRECTORY_GONE


@pytest.mark.parametrize(
    ("released", "flags", "path", "own", "verdict"),
    [
        (b"d", TREE, b"d", TREE, Verdict.GO),
        (b"d", TREE, b"d/e", TREE, Verdict.GO),
        (b"d", GONE, b"d", GONE, Verdict.GO),
        (b"d", GONE, b"d", TREE, Verdict.HELD),  # a file was released, not a directory of its name
        (b"d", GONE, b"d/e", GONE, Verdict.HELD),
        (b"d/e", TREE, b"d", TREE, Verdict.HELD),
        (b"d", TREE, b"dd", TREE, Verdict.HELD),
    ],
)
def test_a_release_is_for_the_deletion_that_is_being_asked_about_too(
    tmp_path: Path, released: bytes, flags: int, path: bytes, own: int, verdict: Verdict
) -> None:
    """Its next event came while the first was held, and the release while the target was asked about that."""
    rig = Rig(tmp_path, entries=1, at_most=1)
    rig.standing.park({released: Change(flags, 1.0)}, 100, 1.0)
    rig.pending.put_back(rig.deletions.release())
    batch = Batch(Lane.REMOVE)
    batch.take(path, Change(own, 1.0))
    rig.answer = b"*deleting   %s/f\n" % path

    async def asked() -> None:
        rig.ask(batch=batch)
        for _turn in range(20):
            await asyncio.sleep(0)

    asyncio.run(asked())
    assert rig.verdicts == [verdict]
    assert not any(change.flags & PERMITTED for change in rig.standing.parked.values())
    assert path == released or rig.pending.paths[released].flags & PERMITTED, "what was released still goes"


def test_what_was_released_is_not_held_again_by_a_comparison(rig: Rig) -> None:
    rig.pending.put_back([(b"d", Change(TREE | PERMITTED, 1.0))])
    rig.deletions.hold({b"d/x": Change(GONE, 1.0), b"d": Change(TREE, 1.0), b"other": Change(GONE, 1.0)}, 100)
    assert list(rig.standing.parked) == [b"other"]
    assert rig.pending.paths[b"d"].flags & PERMITTED


def test_a_release_is_not_for_what_was_made_anew_since(rig: Rig, tmp_path: Path) -> None:
    rig.pending.put_back([(b"d", Change(TREE | PERMITTED, 1.0))])
    (tmp_path / "d").mkdir()
    rig.deletions.hold({b"d/x": Change(GONE, 1.0)}, 100)
    assert list(rig.standing.parked) == [b"d/x"]


def directory(rig: Rig) -> Batch:
    """A batch that deletes `d`, of which the target tells in several slices what it has below it."""
    rig.answer = b"*deleting   d/f\n" * (5 * SLICE)
    batch = Batch(Lane.REMOVE)
    batch.take(b"d", Change(GONE | DIRECTORY_GONE, 1.0))
    return batch


def test_while_a_long_answer_is_read_the_loop_has_its_turns(tmp_path: Path) -> None:
    async def turns() -> int:
        count = 0
        rig.ask(batch=directory(rig))
        assert rig.deletions.reading
        while rig.deletions.reading:
            count += 1
            await asyncio.sleep(0)
        return count

    rig = Rig(tmp_path, entries=1_000_000, at_most=1_000_000)
    assert asyncio.run(turns()) >= 4
    assert rig.verdicts == [Verdict.GO]
    assert rig.recent() == 5 * SLICE
    assert rig.output.closed


def test_what_is_being_asked_about_when_all_is_stopped_is_given_back(rig: Rig) -> None:
    async def stopped() -> None:
        rig.ask(batch=directory(rig))
        rig.deletions.stop_reading()
        for _turn in range(20):
            await asyncio.sleep(0)

    asyncio.run(stopped())
    assert rig.verdicts == [Verdict.AGAIN]
    assert rig.output.closed
    assert not rig.deletions.reading


def test_nothing_goes_by_an_answer_if_the_source_was_lost_while_it_was_read(rig: Rig) -> None:
    async def lost() -> None:
        rig.ask(batch=directory(rig))
        rig.unchanged = False
        for _turn in range(20):
            await asyncio.sleep(0)

    asyncio.run(lost())
    assert rig.verdicts == [Verdict.AGAIN]


@pytest.mark.parametrize(
    ("flags", "backlog", "refused", "trees"),
    [
        (GONE, False, False, False),
        (GONE | DIRECTORY_GONE | PERMITTED, False, False, True),
        (GONE | PERMITTED, True, False, True),  # a comparison told of all below it, too
        (GONE, False, True, True),  # asked about
    ],
)
def test_only_where_directories_are_known_to_go_may_one_go_with_all_below_it(
    rig: Rig, flags: int, backlog: bool, refused: bool, trees: bool
) -> None:
    batch = Batch(Lane.REMOVE, backlog=backlog)
    batch.take(b"f", Change(flags, 1.0))
    if refused:
        rig.standing.refuse(b"f", "a directory stands there", Change(GONE, 1.0), 1.0)
    rig.ask(batch=batch)
    assert rig.verdicts == [Verdict.GO]
    assert batch.trees is trees
