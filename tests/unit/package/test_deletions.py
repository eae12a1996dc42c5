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
        self.doubts = 0
        self.moved = 0  # entries of each name that have another one
        self.searching = False
        self.unread = False
        self.read = 0.0  # when all events had been read last
        self.answer = b""
        self.code = 0
        self.lost = False  # did the connection end while it waited?
        self.unchanged = True
        self.pending = Changes()
        self.deletions = Deletions(
            source, self, self.standing, (self.pending,), lambda: (entries, at_most),  # type: ignore[arg-type]
            lambda batch, verdict, outcome: self.verdicts.append(verdict), on_doubt=self.doubt,
            moved=lambda path, count: min(self.moved, count), searching=lambda: self.searching,
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

    def run(self, _lane: Lane, _names: bytes, on_end: Callable[[Any, Ended], None]) -> None:
        """Stands in for the pool: the target tells at once what it would delete."""
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by whoever has read it)
        self.output.write(self.answer)
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
    assert (rig.standing.went_before, rig.standing.held_count, rig.doubts) == (8, 3, 0)


def test_what_may_be_few_enough_of_a_target_that_has_grown_is_held_in_doubt(tmp_path: Path) -> None:
    rig = Rig(tmp_path, entries=10, at_most=1000)
    rig.ask(b"a", b"b")
    rig.ask(b"c")
    assert rig.verdicts == [Verdict.HELD, Verdict.HELD]
    assert rig.standing.doubted is not None
    assert rig.doubts == 1


def test_what_is_back_takes_along_what_was_held_only_for_its_sake(rig: Rig, tmp_path: Path) -> None:
    many = [b"%d" % number for number in range(50)]
    rig.ask(*many)
    rig.ask(b"few")
    for name in many[:40]:
        (tmp_path / os.fsdecode(name)).touch()
    assert len(rig.deletions.come_back()) == 40  # 11 are left, of which 10 might go
    (tmp_path / os.fsdecode(many[40])).touch()
    assert sorted(path for path, _change in rig.deletions.come_back()) == sorted([*many[40:], b"few"])
    assert not rig.standing.held


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
