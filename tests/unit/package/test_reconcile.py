"""A reconcile hands over every difference, holds too many deletions at once, and forgets nothing when it fails."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Optional

import pytest

from lockstep.backoff import Backoff
from lockstep.changes import (
    ATTRIBUTES,
    CONTENT,
    DIRECTORY_GONE,
    FULL,
    GONE,
    PERMITTED,
    SUBTREE,
    SUSPECT,
    Change,
    Changes,
)
from lockstep.comparison import Totals
from lockstep.config import MaxDelete, Target
from lockstep.config_bandwidth import Bandwidth
from lockstep.config_deletion import MODES, Deletes
from lockstep.filters import Filter
from lockstep.guard import DeletionGuard
from lockstep.reconcile import PORTION, Reconcile
from lockstep.record import Record
from lockstep.standing import Standing


class Rig:
    """What a reconcile needs of its target; all that it hands over is taken at once."""

    def __init__(self, tmp: Path, limits: Optional[MaxDelete] = None) -> None:
        for name in ("source", "target", "state"):
            (tmp / name).mkdir()
        self.tmp = tmp
        self.config = Target("", "file", None, "", 0, "", str(tmp / "target"), None, ())
        self.source = SimpleNamespace(
            rsync="rsync", state_dir=str(tmp / "state"), filters=Filter([]),
            config=SimpleNamespace(
                source=os.fsencode(tmp / "source"), delete=Deletes(), bandwidth=Bandwidth(), hooks=(),
            ),
            unchanged=lambda: not self.lost,
        )  # fmt: skip
        self.standing = Standing()
        self.record = Record()
        self.backlog = Changes(limit=1 << 62)
        self.backlog_done = True
        self.guard = DeletionGuard(limits or MaxDelete())
        self.held: list[tuple[dict[bytes, Change], int, int]] = []
        self.released: dict[bytes, Change] = {}
        self.failures: list[str] = []
        self.taken: dict[bytes, int] = {}
        self.reconcile = Reconcile(self)  # type: ignore[arg-type]
        self.lost = self.silent = False
        self.ahead: list[tuple[int, int, str]] = []

    @property
    def sending(self) -> Target:
        return self.config

    def may_send(self) -> bool:
        return not self.silent

    def head_start_over(self, names: int, size: int, why: str) -> None:
        self.ahead.append((names, size, why))

    def kick(self) -> None:
        pass

    def hold(self, items: Any, of: int) -> None:
        self.standing.park(items, of, time.monotonic())
        self.held.append((dict(items), self.standing.held_count, of))

    def release(self) -> int:
        released = self.standing.release()
        self.released.update(released)
        return len(released)

    def comparison_failed(self, why: str) -> None:
        self.failures.append(why)

    def proceed(self) -> dict[bytes, int]:
        """Until nothing is left to do; what was handed over."""

        async def work() -> None:
            deadline = time.monotonic() + 20
            while self.reconcile.busy or self.reconcile.whole_wanted:
                assert time.monotonic() < deadline, self.reconcile.state
                if self.failures:
                    return
                self.reconcile.proceed()
                for path, change in self.backlog.paths.items():
                    self.taken[path] = self.taken.get(path, 0) | change.flags
                self.backlog.paths.clear()
                await asyncio.sleep(0.002)

        asyncio.run(work())
        return {path: flags for path, flags in self.taken.items() if path}

    def put(self, path: str, content: str = "x", at: int = 1) -> None:
        full = self.tmp / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(content)
        os.utime(full, (at, at))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_at_the_beginning_nothing_is_wanted_or_done(rig: Rig) -> None:
    found = rig.reconcile
    assert (found.busy, found.whole_done, found.whole_wanted, found.state, found.oldest()) == (
        False, False, False, "none", None,
    )  # fmt: skip


def test_every_difference_is_handed_over_and_then_it_is_done(rig: Rig) -> None:
    rig.put("source/new")
    rig.put("target/old")
    rig.reconcile.want_all(5.0)
    assert rig.reconcile.whole_wanted
    assert rig.reconcile.oldest() == 5.0
    assert rig.proceed() == {b"new": ATTRIBUTES, b"old": GONE | PERMITTED}
    found = rig.reconcile
    assert (found.state, found.error, found.whole_done, found.oldest()) == ("done", "", True, None)
    assert os.listdir(rig.tmp / "state") == []


def test_it_is_not_done_before_all_has_arrived(rig: Rig) -> None:
    rig.put("source/new")
    rig.backlog_done = False
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        deadline = time.monotonic() + 20
        while rig.reconcile.state != "done":
            assert time.monotonic() < deadline
            rig.reconcile.proceed()
            await asyncio.sleep(0.002)
        rig.reconcile.proceed()

    asyncio.run(work())
    assert not rig.reconcile.whole_done
    assert rig.reconcile.whole_wanted
    rig.backlog_done = True
    rig.reconcile.proceed()
    assert rig.reconcile.whole_done


def test_too_many_deletions_are_held_and_the_rest_goes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MaxDelete(percent=50.0, at_least=1, window=60.0))
    rig.put("source/new")
    for number in range(5):
        rig.put(f"target/{number}")
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {b"new": ATTRIBUTES}
    ((items, count, of),) = rig.held
    assert sorted(items) == [b"0", b"1", b"2", b"3", b"4"]
    assert (count, of) == (5, 6)
    assert not any(change.flags & PERMITTED for change in items.values())
    assert rig.guard.recent(time.monotonic()) == 0


def test_a_release_is_for_all_that_was_told_as_held_though_not_all_is_handed_over(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MaxDelete(percent=50.0, at_least=1, window=60.0))
    for number in range(PORTION + 10):
        rig.put(f"target/{number}")
    released = []

    def hold(items: Any, of: int) -> None:
        rig.standing.park(items, of, time.monotonic())
        released.append(rig.standing.held_count)
        rig.release()
        rig.reconcile.released()

    rig.hold = hold  # type: ignore[method-assign]
    rig.reconcile.want_all(5.0)
    assert set(rig.proceed().values()) == {GONE | PERMITTED}
    assert released == [PORTION + 10], "held once, and all of it told"
    assert len((rig.released.keys() | rig.taken.keys()) - {b""}) == PORTION + 10
    assert not rig.standing.held


def test_while_something_is_held_no_deletion_goes_however_few_there_are(rig: Rig) -> None:
    """What is left of a mass deletion, or its rest after a restart, is below the limit by itself."""
    for held, was_held in (({b"x": Change(GONE, 1.0)}, False), ({}, True)):
        rig.standing.release()
        rig.standing.park(held, 1, 1.0)
        rig.standing.was_held = was_held
        rig.put("target/old")
        rig.reconcile.want_all(5.0)
        assert rig.proceed() == {}
        assert [sorted(items) for items, _count, _of in rig.held] == [[b"old"]]
        assert not rig.standing.was_held
        rig.held.clear()


@pytest.mark.parametrize("path", [b"", b"d", b"above"])
def test_what_is_missing_in_a_directory_that_was_held_and_is_back_is_held(rig: Rig, path: bytes) -> None:
    """However it comes to be compared: by itself, with everything, or with a directory into which it was folded."""
    folder = "above/d" if path == b"above" else "d"
    for name in ("a", "b"):
        rig.put(f"target/{folder}/{name}")
    rig.put(f"source/{folder}/a")
    rig.standing.returning = {os.fsencode(folder)}
    rig.reconcile.want(path, Change(SUBTREE if path else FULL, 1.0))
    assert rig.reconcile.awaits(os.fsencode(folder)) == bool(path)
    assert os.fsencode(f"{folder}/b") not in rig.proceed()
    assert list(rig.standing.parked) == [os.fsencode(f"{folder}/b")]
    assert not rig.reconcile.awaits(os.fsencode(folder))


def test_what_is_missing_in_a_directory_that_is_back_is_held_where_only_the_start_deletes(rig: Rig) -> None:
    """And what is missing in another one is not looked for."""
    rig.source.config.delete = MODES["startup"]
    for name in ("d/a", "d/b", "e/b"):
        rig.put(f"target/{name}")
    rig.put("source/d/a")
    rig.put("source/e/a")
    rig.standing.returning = {b"d"}
    for path in (b"d", b"e"):
        rig.reconcile.want(path, Change(DIRECTORY_GONE, 1.0))
    rig.proceed()
    assert list(rig.standing.parked) == [b"d/b"]


def test_an_incomplete_comparison_says_nothing_of_what_was_held_before_the_start(rig: Rig) -> None:
    rig.standing.was_held = True
    rig.reconcile._permit(Totals(source=100), True, sure=False)
    assert rig.standing.was_held


def test_a_directory_is_awaited_until_its_comparison_is_complete(rig: Rig) -> None:
    for changes in (rig.reconcile._wanted, rig.reconcile._compared, rig.reconcile._incomplete):
        changes[b"d"] = Change(DIRECTORY_GONE, 1.0)
        assert rig.reconcile.awaits(b"d")
        changes.clear()
        changes[b""] = Change(FULL, 1.0)  # which may be unreadable somewhere else, for good
        assert not rig.reconcile.awaits(b"d")
        changes.clear()


def test_what_is_held_already_is_not_counted_again_by_a_comparison_of_everything(rig: Rig) -> None:
    for name in ("a", "b", "c"):
        rig.put(f"target/{name}")
    rig.standing.park({b"a": Change(GONE, 1.0), b"b": Change(GONE, 1.0)}, 4, 1.0)
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {}
    assert [(sorted(items), count) for items, count, _of in rig.held] == [([b"c"], 3)]
    assert rig.standing.held_count == 3


@pytest.mark.parametrize("path", [b"d", b""])
def test_what_is_held_already_is_not_counted_again_by_a_comparison_of_what_is_above_it(rig: Rig, path: bytes) -> None:
    """`resync PATH`: the directory that went stands for all below it, each of which the comparison names."""
    rig.put("source/d/f")
    for name in ("f", "gone/1", "gone/2", "gone/3", "new"):
        rig.put(f"target/d/{name}")
    rig.standing.park({b"d/gone": Change(GONE | DIRECTORY_GONE, 1.0)}, 10, 1.0, {b"d/gone": 4})
    for held in (5, 5):
        rig.reconcile.want(path, Change(ATTRIBUTES, time.monotonic() + 100))
        rig.proceed()
        assert sorted(rig.standing.parked) == [b"d/gone", b"d/new"]
        assert rig.standing.held_count == held


def doubtful(rig: Rig, name: str = "old") -> None:
    """One deletion kept back by what was known of the target, which may have grown since."""
    rig.standing.park({os.fsencode(name): Change(GONE, 1.0)}, 1, 1.0)
    rig.standing.doubted = time.monotonic()


def doubtful_beside_enough(tmp_path: Path) -> Rig:
    """It is few enough of what the target has by now."""
    rig = Rig(tmp_path, MaxDelete(percent=25.0, at_least=0, window=60.0))
    for number in range(10):
        rig.put(f"source/{number}")
        rig.put(f"target/{number}")
    rig.put("target/old")
    doubtful(rig)
    return rig


def test_what_was_held_in_doubt_goes_where_a_comparison_finds_that_there_is_enough_else(tmp_path: Path) -> None:
    rig = doubtful_beside_enough(tmp_path)
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {b"old": GONE | PERMITTED}
    assert list(rig.released) == [b"old"]
    assert (rig.standing.held, rig.standing.doubted) == (False, None)
    assert rig.guard.recent(time.monotonic()) == 1


def test_what_was_held_in_doubt_stays_held_beside_a_directory_that_is_back(tmp_path: Path) -> None:
    rig = doubtful_beside_enough(tmp_path)
    rig.standing.returning = {b"0"}
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {}
    assert list(rig.standing.parked) == [b"old"]


def test_what_was_held_in_doubt_stays_held_where_it_is_too_much(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MaxDelete(percent=25.0, at_least=0, window=60.0))
    rig.put("source/0")
    rig.put("target/0")
    rig.put("target/old")
    doubtful(rig)
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {}
    assert (list(rig.standing.parked), rig.standing.doubted, rig.standing.held_of) == ([b"old"], None, 3)
    assert rig.guard.recent(time.monotonic()) == 0


def test_what_was_held_in_doubt_stays_held_where_not_everything_can_be_compared(tmp_path: Path) -> None:
    """rsync tells no deletion at all then."""
    rig = Rig(tmp_path, MaxDelete(percent=90.0, at_least=1000, window=60.0))
    rig.put("target/old")
    doubtful(rig)
    rig.reconcile._whole_began = time.monotonic()
    rig.reconcile._permit(Totals(source=100), True, sure=False)
    assert (rig.standing.held, rig.standing.doubted, rig.released) == (True, None, {})


def test_a_comparison_that_began_before_the_doubt_does_not_end_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MaxDelete(percent=90.0, at_least=1000, window=60.0))
    rig.put("target/old")
    rig.reconcile.want_all(5.0)

    async def compared() -> None:
        rig.reconcile.proceed()
        doubtful(rig, "other")
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)

    asyncio.run(compared())
    rig.proceed()
    assert (rig.standing.held, rig.released) == (True, {})
    assert rig.standing.doubted is not None


def test_what_is_held_while_the_comparison_runs_counts_as_well(tmp_path: Path) -> None:
    """It may have passed there before."""
    rig = Rig(tmp_path, MaxDelete(percent=0.0, at_least=2, window=60.0))
    rig.put("target/old")
    doubtful(rig)
    rig.reconcile.want_all(5.0)

    async def compared() -> None:
        rig.reconcile.proceed()
        rig.standing.park({b"d": Change(GONE | DIRECTORY_GONE, 1.0)}, 10, 1.0, {b"d": 2})
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)

    asyncio.run(compared())
    rig.proceed()
    assert (rig.standing.held, rig.standing.doubted, rig.released) == (True, None, {})


def test_names_confirmed_since_it_was_compared_may_all_be_new_ones(rig: Rig) -> None:
    assert rig.reconcile.most_entries > 1 << 40  # nothing is known
    rig.put("target/old")
    rig.reconcile.grown = 5
    rig.reconcile.want_all(5.0)
    rig.proceed()
    assert rig.reconcile.most_entries == rig.reconcile.entries
    rig.reconcile.grown += 30
    assert rig.reconcile.most_entries == rig.reconcile.entries + 30


def test_what_a_comparison_of_a_part_finds_missing_may_be_more_than_there_was(rig: Rig) -> None:
    rig.reconcile.want_all(5.0)
    rig.proceed()
    rig.put("source/d/1")
    rig.put("source/d/2")
    rig.reconcile.want(b"d", Change(SUBTREE, time.monotonic() + 100))
    rig.proceed()
    assert rig.reconcile.most_entries == rig.reconcile.entries + 3


def test_deletions_that_may_go_count_against_later_ones(rig: Rig) -> None:
    rig.put("target/old")
    rig.reconcile.want_all(5.0)
    rig.proceed()
    assert rig.guard.recent(time.monotonic()) == 1


def test_what_was_rewritten_with_size_and_time_as_before_is_found_by_its_ctime(rig: Rig) -> None:
    begin = time.time()
    for place in ("source", "target"):
        rig.put(f"{place}/f", place[0])
        os.utime(rig.tmp / place, (1, 1))
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {}
    rig.reconcile.want_all(5.0, since=begin)
    assert rig.proceed() == {b"f": CONTENT}


@pytest.mark.parametrize("under_way", ["whole comparison", "one that fails"])
def test_ctimes_to_distrust_outlast_a_comparison_that_is_under_way(rig: Rig, under_way: str) -> None:
    """Events are lost while the first comparison still runs: its end is not theirs."""
    begin = time.time()
    rig.reconcile.want_all(5.0)
    if under_way == "one that fails":
        rig.source.rsync, rsync = "/nonexistent/rsync", rig.source.rsync
        rig.reconcile.want_all(5.0, since=begin)
        rig.proceed()
        rig.failures.clear()
        rig.source.rsync = rsync
    else:
        compared(rig)
        rig.reconcile.want_all(6.0, since=begin)
    for place in ("source", "target"):
        rig.put(f"{place}/f", place[0])
        os.utime(rig.tmp / place, (1, 1))
    assert rig.proceed() == {b"f": CONTENT}


def test_what_is_to_be_found_again_later_is_found_by_its_ctime_too(rig: Rig) -> None:
    for place in ("source", "target"):
        rig.put(f"{place}/f", place[0])
        os.utime(rig.tmp / place, (1, 1))
    changes = [Change(CONTENT, time.monotonic() + late) for late in (9.0, 0.0)]

    async def work() -> None:
        rig.reconcile.want_all_later(changes, Backoff(0.01, 0.01))
        assert not rig.reconcile.busy
        assert rig.reconcile.oldest() == changes[1].since
        deadline = time.monotonic() + 20
        while not rig.reconcile.busy:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)

    asyncio.run(work())
    assert rig.proceed() == {b"f": CONTENT}


def test_where_only_contents_tell_a_comparison_of_everything_is_not_enough(rig: Rig) -> None:
    for name in ("a/f", "b"):
        rig.put(f"source/{name}", "1")
        rig.put(f"target/{name}", "2")
    rig.reconcile.want(b"a", Change(SUBTREE | SUSPECT, time.monotonic() + 100))
    rig.reconcile.want_all(time.monotonic())
    assert {path: flags for path, flags in rig.proceed().items() if flags & CONTENT} == {b"a/f": CONTENT}


def test_what_only_ctimes_tell_is_unproven_until_all_that_was_found_has_arrived(rig: Rig) -> None:
    """Or a watcher that is killed meanwhile would not look at these ctimes again."""
    rig.put("source/f")
    assert rig.reconcile.unproven(None) is None
    rig.reconcile.want_all(5.0, since=100.0)
    assert rig.reconcile.unproven(5.0) == 100.0
    rig.proceed()
    assert rig.reconcile.unproven(5.0) == 100.0, "what was found may wait among the changes"
    rig.reconcile.want_all(6.0, since=200.0)
    rig.proceed()
    assert rig.reconcile.unproven(5.0) == 100.0
    assert rig.reconcile.unproven(time.monotonic()) is None


def test_where_even_ctimes_cannot_be_trusted_contents_are_compared(rig: Rig) -> None:
    for place in ("source", "target"):
        rig.put(f"{place}/f", place[0])
    rig.reconcile.want_all(5.0, suspect=True)
    assert rig.proceed() == {b"f": CONTENT}


def test_only_the_wanted_subtrees_are_compared_each_in_its_way(rig: Rig) -> None:
    for name in ("a", "b", "c"):
        rig.put(f"source/{name}/f", "1")
        rig.put(f"target/{name}/f", "2")
    now = time.monotonic()
    rig.reconcile.want(b"a", Change(SUBTREE, now - 100))
    rig.reconcile.want(b"b", Change(SUSPECT, now))
    found = rig.proceed()
    assert {path for path in found if path.endswith(b"f")} == {b"a/f", b"b/f"}
    assert found[b"a/f"] & CONTENT
    assert not rig.reconcile.whole_done


@pytest.mark.parametrize("link", [False, True])
def test_a_subtree_that_is_none_any_more_does_not_keep_others_from_being_compared(rig: Rig, link: bool) -> None:
    """rsync calls it an error, and tells no deletions then, however often it is asked."""
    rig.put("source/elsewhere/x/f")
    rig.put("target/elsewhere/x/f")
    rig.put("target/a/gone")
    (rig.tmp / "source/a").mkdir()
    (rig.tmp / "source/d").symlink_to("elsewhere") if link else rig.put("source/d")
    for path in (b"d/x", b"a"):
        rig.reconcile.want(path, Change(SUBTREE, 5.0))
    assert rig.proceed() == {b"a": ATTRIBUTES, b"a/gone": GONE | PERMITTED}
    assert rig.reconcile.oldest() is None
    rig.reconcile.want(b"d/x", Change(SUBTREE, 5.0))
    assert rig.proceed() == {b"a": ATTRIBUTES, b"a/gone": GONE | PERMITTED}
    assert not rig.reconcile.busy


def test_a_comparison_that_fails_is_told_and_still_wanted(rig: Rig) -> None:
    (rig.tmp / "target").rmdir()
    (rig.tmp / "target").write_text("no folder")
    rig.reconcile.want_all(5.0)
    assert rig.proceed() == {}
    assert len(rig.failures) == 1
    found = rig.reconcile
    assert (found.state, found.whole_wanted, found.whole_done, found.oldest()) == ("failed", True, False, 5.0)
    assert found.error == rig.failures[0]
    rig.failures.clear()
    (rig.tmp / "target").unlink()
    (rig.tmp / "target").mkdir()
    rig.put("source/new")
    assert rig.proceed() == {b"new": ATTRIBUTES}
    assert rig.reconcile.whole_done


def test_a_program_that_cannot_be_started_is_a_failure_too(rig: Rig) -> None:
    rig.source.rsync = "/nonexistent/rsync"
    rig.reconcile.want_all(5.0)
    rig.proceed()
    assert len(rig.failures) == 1
    assert rig.reconcile.whole_wanted


def test_wanted_twice_is_wanted_once_since_the_first_time(rig: Rig) -> None:
    rig.reconcile.want_all(5.0)
    rig.reconcile.want_all(9.0)
    rig.reconcile.want(b"d", Change(SUBTREE, 3.0))
    assert rig.reconcile.oldest() == 3.0
    assert rig.reconcile.left == 2


def test_after_a_stop_nothing_is_begun(rig: Rig) -> None:
    rig.reconcile.want_all(5.0)
    rig.reconcile.stop()
    assert not rig.reconcile.busy
    rig.reconcile.proceed()
    assert not rig.reconcile.running


def compared(rig: Rig) -> None:
    """Until the comparison is over and its differences are counted; nothing is handed over yet."""

    async def work() -> None:
        deadline = time.monotonic() + 20
        rig.reconcile.proceed()
        while rig.reconcile.state == "comparing":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)

    asyncio.run(work())


def test_a_comparison_that_ends_after_a_stop_hands_over_nothing_and_leaves_nothing_open(rig: Rig) -> None:
    rig.put("source/new")
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        rig.reconcile.proceed()
        assert rig.reconcile.running
        running = rig.reconcile._running
        rig.reconcile.stop()
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        assert running is not None
        assert all(part.found.closed for part in running._walk.parts)

    asyncio.run(work())
    assert not rig.reconcile.busy
    rig.reconcile.proceed()
    assert not rig.backlog.paths
    assert rig.failures == []
    assert rig.reconcile.oldest() == 5.0  # nothing of it has arrived, and none may think so


def test_a_stop_while_differences_wait_closes_what_they_come_from(rig: Rig) -> None:
    rig.put("source/new")
    rig.reconcile.want_all(5.0)
    compared(rig)
    feeding = rig.reconcile._feeding
    assert feeding is not None
    rig.reconcile.stop()
    assert all(part.found.closed for part in feeding._walk.parts)
    rig.reconcile.proceed()
    assert not rig.backlog.paths


@pytest.mark.parametrize("when", ["while comparing", "at its end", "while handing over"])
def test_what_was_seen_of_a_source_that_was_lost_counts_for_nothing(rig: Rig, when: str) -> None:
    """An empty mount point looks like a deletion of everything, which would be held for long, or worse."""
    for number in range(1_001):
        rig.put(f"target/{number}")
    rig.reconcile.want_all(5.0, since=1.0)

    async def work() -> None:
        rig.reconcile.proceed()
        if when == "while comparing":
            rig.reconcile.start_over()
        rig.lost = when == "at its end"
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        if when == "while handing over":
            rig.reconcile.start_over()

    asyncio.run(work())
    found = rig.reconcile
    assert (found.whole_wanted, found.running, found.state, rig.held) == (True, False, "none", [])
    rig.lost = False
    for number in range(1_001):
        rig.put(f"source/{number}")
    assert set(rig.proceed().values()) == {CONTENT}  # by their ctimes, which are not forgotten
    assert rig.held == []
    assert os.listdir(rig.tmp / "state") == []


def test_progress_counts_what_is_confirmed_and_not_what_is_handed_over(rig: Rig) -> None:
    for number in range(10):
        rig.put(f"source/{number}", "x" * 100)
    rig.reconcile.want_all(5.0)
    found = rig.reconcile
    assert found.progress(time.monotonic()).known == 0
    compared(rig)
    rig.reconcile.confirmed([])  # from now on it is told
    rig.backlog_done = False
    for _step in range(5):
        found.proceed()
    before = found.progress(time.monotonic())
    assert (before.known, before.done, before.bytes_known, before.bytes_done) == (11, 0, 1000, 0)
    assert before.entries == 11
    found.confirmed([b"1", b"2", b"something else"])
    found.confirmed([b"1"])
    some = found.progress(time.monotonic() + 10)
    assert (some.done, some.bytes_done) == (2, 200)
    rig.backlog.paths.clear()
    assert found.progress(time.monotonic()).done == 2
    rig.backlog_done = True
    found.proceed()
    end = found.progress(time.monotonic())
    assert (end.known, end.done, end.bytes_known, end.bytes_done) == (11, 11, 1000, 1000)
    assert (end.rate, end.left) == (None, None)


def test_without_being_told_what_left_the_backlog_counts_as_arrived(rig: Rig) -> None:
    for number in range(10):
        rig.put(f"source/{number}", "x" * 100)
    rig.reconcile.want_all(5.0)
    compared(rig)
    rig.backlog_done = False
    for _step in range(5):
        rig.reconcile.proceed()
    assert rig.reconcile.progress(time.monotonic()).done == 0
    for path in (b"3", b"4"):
        del rig.backlog.paths[path]
    found = rig.reconcile.progress(time.monotonic())
    assert (found.done, found.bytes_done) == (2, 200)


def test_the_rate_and_what_is_left_are_told_once_they_are_known(rig: Rig) -> None:
    for number in range(10):
        rig.put(f"source/{number}", "x" * 100)
    rig.reconcile.want_all(5.0)
    compared(rig)
    rig.backlog_done = False
    for _step in range(5):
        rig.reconcile.proceed()
    now = time.monotonic()
    first = rig.reconcile.progress(now)
    assert (first.rate, first.byte_rate, first.left) == (None, None, None)
    rig.reconcile.confirmed([b"%d" % number for number in range(5)])
    later = rig.reconcile.progress(now + 10)
    assert later.rate == pytest.approx(0.5, rel=0.2)
    assert later.byte_rate == pytest.approx(50.0, rel=0.2)
    assert later.left == pytest.approx(6 / 0.5, rel=0.2)
    assert later.elapsed == pytest.approx(10.0, rel=0.2)


def test_a_later_comparison_tells_how_long_the_last_one_took(rig: Rig) -> None:
    rig.put("source/new")
    rig.reconcile.want_all(5.0)
    rig.proceed()
    assert rig.reconcile._took is not None
    rig.reconcile._took = 100.0

    async def work() -> None:
        rig.reconcile.want_all(6.0)
        rig.reconcile.proceed()
        now = time.monotonic()
        found = rig.reconcile.progress(now + 30)
        assert (found.known, found.done, found.entries) == (0, 0, 2)
        assert found.left == pytest.approx(70.0, abs=5.0)
        assert found.elapsed == pytest.approx(30.0, abs=5.0)
        assert rig.reconcile.progress(now + 300).left is None
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        rig.reconcile.stop()

    asyncio.run(work())


def test_many_that_are_not_confirmed_are_counted_within_bounds(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.reconcile.OUTSTANDING", 4)
    for number in range(10):
        rig.put(f"source/{number}", "x")
    rig.reconcile.want_all(5.0)
    compared(rig)
    rig.backlog_done = False
    for _step in range(5):
        rig.reconcile.proceed()
    assert len(rig.reconcile._outstanding) == 4
    assert rig.reconcile._outstanding_bytes == sum(rig.reconcile._outstanding.values())


def test_what_could_not_be_compared_completely_is_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One end of a comparison with an error is followed by another comparison, whose good end takes the error away."""
    monkeypatch.setattr("lockstep.reconcile.RETRY", 0.01)
    (tmp_path / "again").mkdir()
    rig = Rig(tmp_path / "again")
    rig.put("source/new")
    program, once = tmp_path / "rsync", tmp_path / "once"
    program.write_text(
        f'#!/bin/sh\n[ -e {once} ] && exec rsync "$@"\n: > {once}\n'
        "echo 'rsync: [receiver] opendir \"d\" failed: Permission denied (13)' >&2\n"
        "echo 'rsync: [receiver] opendir \"e\" failed: Permission denied (13)' >&2\nexit 23\n"
    )
    program.chmod(0o755)
    rig.source.rsync = str(program)
    rig.reconcile.want_all(5.0)
    told = set()

    async def work() -> None:
        deadline = time.monotonic() + 20
        while not rig.reconcile.unread:
            assert time.monotonic() < deadline
            rig.reconcile.proceed()
            await asyncio.sleep(0.002)
        assert 'opendir "d"' in rig.reconcile.unread
        assert 'opendir "e"' in rig.reconcile.unread
        assert b"new" not in rig.backlog.paths
        while rig.reconcile.unread or rig.reconcile.busy:
            assert time.monotonic() < deadline
            rig.reconcile.proceed()
            told.add((rig.reconcile.state, bool(rig.reconcile.unread)))  # right after one has begun, at the latest
            await asyncio.sleep(0.002)
        rig.reconcile.stop()

    asyncio.run(work())
    assert b"new" in rig.backlog.paths
    assert ("comparing", True) in told, "it is told until a comparison has shown that it is over"


def test_after_an_error_of_reading_it_is_compared_again_though_nothing_is_to_be_complained_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that vanished meanwhile is no problem, but rsync tells no deletion at all then; another comparison in
    between must not make that forgotten."""
    monkeypatch.setattr("lockstep.reconcile.RETRY", 0.2)
    (tmp_path / "again").mkdir()
    rig = Rig(tmp_path / "again")
    rig.put("target/d/old")
    (tmp_path / "again" / "source" / "d").mkdir(parents=True)
    (tmp_path / "again" / "source" / "e").mkdir(parents=True)
    program, once = tmp_path / "rsync", tmp_path / "once"
    program.write_text(
        f'#!/bin/sh\n[ -e {once} ] && exec rsync "$@"\n: > {once}\n'
        f"echo 'rsync: [sender] link_stat \"{tmp_path}/again/source/d\" failed: No such file or directory (2)' >&2\n"
        "exit 23\n"
    )
    program.chmod(0o755)
    rig.source.rsync = str(program)
    rig.reconcile.want(b"d", Change(0, 5.0))

    async def work() -> None:
        deadline = time.monotonic() + 20
        while not once.exists() or rig.reconcile.busy:
            assert time.monotonic() < deadline
            rig.reconcile.proceed()
            await asyncio.sleep(0.002)
        assert rig.reconcile.error == ""
        assert rig.reconcile.oldest() == 5.0
        rig.reconcile.want(b"e", Change(0, 6.0))
        while b"d/old" not in rig.backlog.paths:
            assert time.monotonic() < deadline
            rig.reconcile.proceed()
            await asyncio.sleep(0.002)
        rig.reconcile.stop()

    asyncio.run(work())


def test_a_large_tree_is_shared_by_several_processes_with_the_same_outcome(rig: Rig) -> None:
    for number in range(12):
        rig.put(f"source/d{number}/new")
        rig.put(f"target/d{number}/old")
    rig.put("target/gone")
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        rig.reconcile.proceed()
        assert rig.reconcile._running is not None
        assert len(rig.reconcile._running._walk.parts) == 2
        deadline = time.monotonic() + 20
        while rig.reconcile.running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)

    asyncio.run(work())
    found = rig.proceed()
    for number in range(12):
        assert found[b"d%d/new" % number] == ATTRIBUTES
        assert found[b"d%d/old" % number] == GONE | PERMITTED
    assert found[b"gone"] == GONE | PERMITTED
    assert rig.guard.recent(time.monotonic()) == 13


def test_the_guard_decides_on_the_sum_of_all_processes(tmp_path: Path) -> None:
    rig = Rig(tmp_path, MaxDelete(percent=1.0, at_least=12, window=60.0))
    for number in range(12):
        rig.put(f"source/d{number}/new")
        rig.put(f"target/d{number}/old")
    rig.put("target/gone")
    rig.reconcile.want_all(5.0)
    found = rig.proceed()
    assert not any(flags & GONE for flags in found.values())
    assert sum(len(items) for items, _count, _of in rig.held) == 13
    assert rig.held[0][1] == 13


def test_a_directory_in_which_something_is_to_be_deleted_is_not_gone_itself(rig: Rig) -> None:
    rig.put("source/d/f")
    rig.put("target/d/f")
    rig.put("target/d/old")
    rig.reconcile.want(b"d", Change(SUBTREE, time.monotonic() + 100))
    assert rig.proceed() == {b"d": ATTRIBUTES, b"d/old": GONE | PERMITTED}


def test_a_file_where_a_directory_was_is_a_deletion_of_all_below(rig: Rig) -> None:
    rig.put("source/d")
    rig.put("target/d/old")
    rig.reconcile.want_all(5.0)
    found = rig.proceed()
    assert found[b"d/old"] & GONE
    assert found[b"d"] & DIRECTORY_GONE


async def until(so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def lacking(rig: Rig, monkeypatch: pytest.MonkeyPatch, files: int = 20) -> None:
    """So much that it is worth a head start."""
    monkeypatch.setattr("lockstep.head_start.LEAST", 10)
    for number in range(files):
        rig.put(f"source/d{number % 3}/{number}", "x" * 100)


def test_much_that_the_target_lacks_is_sent_ahead_and_all_is_compared_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking(rig, monkeypatch)
    rig.put("source/d0/differs", "new")
    rig.put("target/d0/differs", "older")
    rig.put("target/only-there")
    rig.reconcile.want_all(5.0)
    slow = rig.tmp / "rsync"
    slow.write_text('#!/bin/sh\ncase "$*" in *--max-size*) sleep 0.3;; esac\nexec rsync "$@"\n')
    slow.chmod(0o755)
    rig.source.rsync = str(slow)
    left = rig.proceed()
    assert rig.ahead == [(22, 2_003, "")]  # twenty files and two directories; one that differed is no new name
    assert rig.record.reconcile_took is not None
    assert rig.record.reconcile_took > 0.3, "with all that was done for it"
    assert left.pop(b"only-there") & GONE
    assert (rig.tmp / "target/d0/differs").read_text() == "new"
    assert {path for path, flags in left.items() if flags != ATTRIBUTES} == set()
    assert (rig.tmp / "target/d2/17").read_text() == "x" * 100
    assert (rig.tmp / "target/only-there").exists(), "it is asked about like any deletion"
    end = rig.reconcile.progress(time.monotonic())
    assert (rig.reconcile.state, rig.reconcile.whole_done) == ("done", True)
    assert end.known == end.done >= 23
    assert rig.reconcile.most_entries == rig.reconcile.entries + rig.reconcile.grown, "they are counted by now"
    assert end.bytes_known == end.bytes_done == 2_003
    assert os.listdir(rig.tmp / "state") == []


def test_a_rate_is_told_without_what_was_sent_ahead(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(rig, monkeypatch)
    rig.put("target/only-there")
    rig.backlog_done = False
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        def handed_over() -> bool:
            rig.reconcile.proceed()
            return bool(rig.ahead) and not rig.reconcile.running and rig.reconcile.state == "sending"

        await until(handed_over)
        found = rig.reconcile.progress(time.monotonic() + 10)
        assert found.done >= 22
        assert found.rate is not None
        assert found.rate < 1

    asyncio.run(work())
    rig.reconcile.stop()


def test_how_far_a_head_start_is_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(rig, monkeypatch)
    program = rig.tmp / "rsync"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *--max-size*) ;; *) exec rsync "$@";; esac\n'
        'case "$*" in *--ignore-missing*) exec sleep 60;; esac\n'  # the second process
        'i=0; while [ $i -lt 8 ]; do echo "<f+++++++++ 100"; i=$((i+1)); done; exec sleep 60\n'
    )
    program.chmod(0o755)
    rig.source.rsync = str(program)
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        rig.reconcile.proceed()
        await until(lambda: rig.reconcile.progress(time.monotonic()).done >= 8)
        some = rig.reconcile.progress(time.monotonic())
        assert (rig.reconcile.state, rig.reconcile.running, rig.reconcile.busy) == ("sending", True, True)
        assert (some.known, some.done, some.bytes_known, some.bytes_done) == (23, 8, 2_000, 800)
        assert rig.reconcile.left == 15
        assert rig.reconcile.most_entries == rig.reconcile.entries + 8, "they may be deleted meanwhile"
        assert rig.reconcile.whole_wanted
        assert rig.reconcile.oldest() == 5.0
        rig.reconcile.want(b"d0", Change(SUBTREE, 6.0))
        rig.reconcile.tick()
        rig.reconcile.proceed()
        assert rig.reconcile.state == "sending", "nothing else is compared meanwhile"
        assert rig.reconcile.running
        rig.silent = True  # paused, say, or the target is down
        rig.reconcile.tick()
        await until(lambda: not rig.reconcile.running)

    asyncio.run(work())
    assert [(names, size) for names, size, _why in rig.ahead] == [(8, 800)]
    assert "signal" in rig.ahead[0][2]
    assert rig.reconcile.whole_wanted
    rig.source.rsync = "rsync"
    assert len(rig.proceed()) >= 20, "it goes on in the way that every change goes"
    assert len(rig.ahead) == 1
    assert rig.reconcile.whole_done


@pytest.mark.parametrize("how", ["stop", "source lost"])
def test_a_head_start_ends_with_what_it_is_for(rig: Rig, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    lacking(rig, monkeypatch)
    program = rig.tmp / "rsync"
    program.write_text('#!/bin/sh\ncase "$*" in *--max-size*) exec sleep 60;; esac\nexec rsync "$@"\n')
    program.chmod(0o755)
    rig.source.rsync = str(program)
    rig.reconcile.want_all(5.0)

    async def work() -> None:
        rig.reconcile.proceed()
        await until(lambda: rig.reconcile.starts_ahead)
        if how == "stop":
            rig.reconcile.stop()
        else:
            rig.lost = True
            rig.reconcile.start_over()
        await until(lambda: not rig.reconcile.running)

    asyncio.run(work())
    assert rig.reconcile.oldest() == 5.0
    assert not rig.backlog.paths
    assert os.listdir(rig.tmp / "state") == []
    assert rig.reconcile.busy == (how == "source lost"), "which is compared when it is back"


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("delete", Deletes(live=True, start=False, found=False)),
        ("bandwidth", Bandwidth(((0, "1m"), (600, "2m")))),
        ("hooks", ("which is told each name",)),
        ("config", Target("", "file", None, "", 0, "", "", None, ("--delay-updates",))),
        ("filters", SimpleNamespace(rsync_args=list, sieve=lambda path, is_dir: False, excluded=lambda *_: False)),
    ],
)
def test_where_it_would_be_wrong_nothing_is_sent_ahead(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, what: str, value: Any
) -> None:
    lacking(rig, monkeypatch)
    if what == "config":
        rig.config = replace(value, path=rig.config.path)
    else:
        setattr(rig.source if what == "filters" else rig.source.config, what, value)
    if what == "filters":
        value.on_schedule = value
    rig.reconcile.want_all(5.0)
    assert len(rig.proceed()) >= 20
    assert rig.ahead == []


def test_nothing_is_sent_ahead_while_nothing_may_be_sent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause lets a comparison come to its end."""
    lacking(rig, monkeypatch)
    rig.silent = True
    rig.reconcile.want_all(5.0)
    assert len(rig.proceed()) >= 20
    assert rig.ahead == []


def test_a_little_is_not_sent_ahead(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(rig, monkeypatch, files=6)
    rig.reconcile.want_all(5.0)
    assert len(rig.proceed()) >= 6
    assert rig.ahead == []


def test_when_all_has_arrived_there_may_be_another_head_start(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lacking(rig, monkeypatch)
    for _time in range(2):
        rig.reconcile.want_all(5.0)
        rig.proceed()
        for path in sorted((rig.tmp / "target").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    assert [names for names, _size, _why in rig.ahead] == [23, 23]
