"""A reconcile hands over every difference, holds too many deletions at once, and forgets nothing when it fails."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Optional

import pytest

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, SUBTREE, SUSPECT, Change, Changes
from lockstep.config import MaxDelete, Target
from lockstep.filters import Filter
from lockstep.guard import DeletionGuard
from lockstep.reconcile import Reconcile
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
            config=SimpleNamespace(source=os.fsencode(tmp / "source"), delete=True),
        )  # fmt: skip
        self.standing = Standing()
        self.backlog = Changes(limit=1 << 62)
        self.backlog_done = True
        self.guard = DeletionGuard(limits or MaxDelete())
        self.held: list[tuple[dict[bytes, Change], int, int]] = []
        self.failures: list[str] = []
        self.taken: dict[bytes, int] = {}
        self.reconcile = Reconcile(self)  # type: ignore[arg-type]

    def kick(self) -> None:
        pass

    def hold(self, items: Any, count: int, of: int) -> None:
        self.held.append((dict(items), count, of))

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
