"""Spares wait connected, are replaced when taken or old, and their loss is told only if the target turned them away."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Callable

import pytest

from lockstep.transfer import pool as pools
from lockstep.transfer import process as processes
from lockstep.transfer.command import Lane
from lockstep.transfer.link import WIDEST
from lockstep.transfer.pool import Pool
from lockstep.transfer.process import Ended, Process

DEADLINE = 20.0
KEPT = {Lane.CONTENT, Lane.REST, Lane.REMOVE}
SPARES = 3
FULL = b'rsync: [receiver] write failed on "a" (in backup): No space left on device (28)\n'


class Rig:
    """A pool whose rsync is a shell: it writes what it was given to a file named by its lane, and leaves with 0."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.script = "exec cat >> '{tmp}/{lane}'"
        self.started: list[Lane] = []
        self.losses: list[str] = []
        self.ends: list[Ended] = []
        self.pids: set[int] = set()
        self.pool = Pool(self.argv, self.losses.append)

    def argv(self, lane: Lane) -> list[str]:
        self.started.append(lane)
        return ["/bin/sh", "-c", self.script.format(tmp=self.tmp, lane=lane.value)]

    def run(self, lane: Lane, names: bytes) -> Process:
        process = self.pool.run(lane, names, lambda _process, ended: self.ends.append(ended))
        self.note()
        return process

    def note(self) -> None:
        self.pids |= {process.pid for process in self.pool._on_end}

    def spares(self) -> dict[Lane, Process]:
        self.note()
        return {lane: spares[0] for lane, spares in self.pool._spares.items() if spares}

    async def until(self, what: Callable[[], object]) -> None:
        while not what():
            self.note()
            await asyncio.sleep(0.002)
        self.note()

    async def empty(self) -> None:
        """Everything has ended, and no process is left."""
        await self.until(lambda: self.pool.connections == 0)
        for pid in self.pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    for process in list(made.pool._on_end):  # of a test that failed
        process.kill(9)


def within(work: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, DEADLINE)

    asyncio.run(limited())


def test_an_open_pool_keeps_a_spare_for_each_lane_but_the_roots(rig: Rig) -> None:
    async def work() -> None:
        rig.pool.open()
        assert set(rig.spares()) == KEPT
        rig.pool.open()
        assert rig.pool.connections == SPARES
        rig.pool.close()
        await rig.empty()

    within(work())
    assert rig.losses == []


def test_a_batch_goes_to_the_spare_and_another_one_comes(rig: Rig) -> None:
    async def work() -> None:
        rig.pool.open()
        spare = rig.spares()[Lane.CONTENT]
        assert rig.run(Lane.CONTENT, b"a\0") is spare
        await rig.until(lambda: rig.ends and set(rig.spares()) == KEPT)
        assert rig.spares()[Lane.CONTENT] is not spare
        rig.pool.close()
        await rig.empty()

    within(work())
    assert (rig.tmp / "content").read_bytes() == b"a\0"
    assert [ended.code for ended in rig.ends] == [0]
    assert rig.losses == []


def test_two_batches_of_files_may_be_under_way_at_once_and_one_of_anything_that_deletes(rig: Rig) -> None:
    assert {lane for lane in Lane if rig.pool.width(lane) == 2} == {Lane.CONTENT, Lane.REST}
    assert all(rig.pool.width(lane) == 1 for lane in Lane if lane not in (Lane.CONTENT, Lane.REST))


def test_a_batch_without_a_spare_starts_its_own(rig: Rig) -> None:
    async def work() -> None:
        rig.run(Lane.REST, b"a\0")
        rig.run(Lane.REST, b"b\0")
        await rig.until(lambda: len(rig.ends) == 2)
        assert rig.spares() == {}
        await rig.empty()

    within(work())
    assert sorted((rig.tmp / "rest").read_bytes()) == sorted(b"a\0b\0")


def test_the_roots_lane_is_kept_from_its_first_need_until_it_has_been_idle(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        rig.pool.open()
        rig.run(Lane.ROOT, b"x\0")
        await rig.until(lambda: set(rig.spares()) == {*KEPT, Lane.ROOT})
        rig.spares()[Lane.ROOT].started -= pools.IDLE + 1
        rig.pool.recycle()
        assert set(rig.spares()) == KEPT
        rig.pool.close()
        await rig.empty()

    within(work())


def test_each_end_is_told_to_whoever_waits_for_it(rig: Rig) -> None:
    rig.script = "read -r n; exit $n"

    async def work() -> None:
        told: dict[int, int] = {}
        for code in (1, 2, 3):
            rig.pool.run(Lane.CONTENT, b"%d\n" % code, lambda _, ended, code=code: told.update({code: ended.code}))
            rig.note()
        await rig.until(lambda: len(told) == 3)
        assert told == {1: 1, 2: 2, 3: 3}
        await rig.empty()

    within(work())


def test_a_spare_that_dies_young_is_a_loss_and_is_not_replaced(rig: Rig) -> None:
    rig.script = "echo '@ERROR: Unknown module' >&2; exit 5"

    async def work() -> None:
        rig.pool.open()
        await rig.until(lambda: len(rig.losses) == SPARES)
        assert rig.spares() == {}
        await rig.empty()

    within(work())
    assert len(set(rig.losses)) == 1
    assert "@ERROR: Unknown module" in rig.losses[0]
    assert len(rig.started) == SPARES


@pytest.mark.parametrize("code", [10, 30, 35])
def test_one_that_could_not_connect_is_a_loss_however_long_it_tried(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A host that is silent takes longer to be given up than one that refuses."""
    monkeypatch.setattr(pools, "SETTLED", 0.0)
    rig.script = f"exit {code}"

    async def work() -> None:
        rig.pool.open()
        await rig.until(lambda: len(rig.losses) == SPARES)
        await rig.empty()

    within(work())
    assert len(rig.started) == SPARES


def test_spares_that_cannot_be_started_are_a_loss_with_its_mend(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors is a state of the target, and no end of the service."""
    monkeypatch.setattr(processes, "KEPT_FREE", 1 << 20)

    async def work() -> None:
        rig.pool.open()
        assert rig.spares() == {}
        assert rig.pool.connections == 0

    within(work())
    assert len(rig.losses) == 1
    assert "Too many open files" in rig.losses[0]
    assert "watcher_limit_nofile" in rig.losses[0]


def test_a_spare_that_dies_old_is_replaced_without_a_word(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SETTLED", 0.0)

    async def work() -> None:
        rig.pool.open()
        spare = rig.spares()[Lane.REST]
        spare.kill()
        await rig.until(lambda: rig.spares().get(Lane.REST) not in (None, spare))
        rig.pool.close()
        await rig.empty()

    within(work())
    assert rig.losses == []
    assert rig.started.count(Lane.REST) == 2


@pytest.mark.parametrize("code", [10, 12, 20, 255])
def test_what_fails_for_its_connection_ended_while_it_waited_was_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """What waited with it is made anew; what was started since then is not."""
    monkeypatch.setattr(pools, "SETTLED", 0.05)
    rig.script = f'read -r line; if [ "$line" ]; then sleep 0.05; exit {code}; fi'  # later than spares are refilled
    lost: list[bool] = []

    async def work() -> None:
        rig.pool.open()
        before = rig.spares()
        await rig.until(lambda: min(time.monotonic() - one.started for one in before.values()) > pools.SETTLED)
        process = rig.pool.run(Lane.REST, b"a\n", lambda process, ended: lost.append(rig.pool.was_lost(process, ended)))
        assert process is before[Lane.REST]
        await rig.until(lambda: lost)
        assert lost == [True]
        assert not set(rig.spares().values()) & set(before.values())
        young = rig.spares()
        assert set(young) == KEPT
        assert rig.pool.was_lost(process, Ended(code, b"", 0.0, 0.1))  # another one that failed like it
        assert rig.spares() == young
        rig.pool.close()
        await rig.empty()

    within(work())
    assert rig.losses == []


@pytest.mark.parametrize(
    ("waited", "ran", "code", "said"),
    [(4.0, 0.1, 12, b""), (60.0, 6.0, 12, b""), (60.0, 0.1, 12, FULL)]
    + [(60.0, 0.1, code, b"") for code in (5, 11, 30, 35, -9)],
)
def test_what_fails_otherwise_was_not_lost_while_it_waited(
    rig: Rig, waited: float, ran: float, code: int, said: bytes
) -> None:
    """One that had just been connected, one that was cut in the middle, a full disk, and no end of a connection."""
    rig.script = "read -r line"

    async def work() -> None:
        rig.pool.open()
        before = rig.spares()
        process = rig.run(Lane.CONTENT, b"a\n")
        process.started = process.fed - waited
        assert not rig.pool.was_lost(process, Ended(code, said, 0.0, waited + ran))
        assert [rig.spares()[lane] is before[lane] for lane in (Lane.REST, Lane.REMOVE)] == [True, True]
        rig.pool.close()
        await rig.empty()

    within(work())


def test_a_spare_that_has_waited_long_is_replaced_and_a_young_one_is_not(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        rig.pool.open()
        before = rig.spares()
        rig.pool.recycle()
        assert rig.spares() == before
        before[Lane.CONTENT].started = time.monotonic() - pools.IDLE - 1
        rig.pool.recycle()
        after = rig.spares()
        assert after[Lane.CONTENT] is not before[Lane.CONTENT]
        assert after[Lane.REST] is before[Lane.REST]
        await rig.until(lambda: before[Lane.CONTENT].ended)
        assert rig.spares() == after
        rig.pool.close()
        await rig.empty()

    within(work())
    assert rig.losses == []


def test_spares_are_replaced_one_after_the_other_and_none_becomes_too_old(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        rig.pool.open()
        clock = time.monotonic()
        monkeypatch.setattr(pools.time, "monotonic", lambda: clock)
        for _second in range(600):
            clock += 1
            before = rig.spares()
            rig.pool.recycle()
            after = rig.spares()
            for spare in after.values():
                spare.started = clock if spare not in before.values() else spare.started
            assert sum(spare not in before.values() for spare in after.values()) <= 1
            assert max(clock - spare.started for spare in after.values()) <= pools.OLDEST + pools.RENEW
        monkeypatch.undo()
        rig.pool.close()
        await rig.empty()

    within(work())
    assert len(rig.started) <= 4 + 600 / pools.RENEW


def test_the_second_spare_for_content_goes_when_none_was_sent_for_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        rig.pool.open()
        rig.run(Lane.CONTENT, b"a\0")
        await rig.until(lambda: len(rig.pool._spares[Lane.CONTENT]) == pools.TWO)
        clock = time.monotonic() + pools.IDLE + 1
        monkeypatch.setattr(pools.time, "monotonic", lambda: clock)
        rig.pool.recycle()
        assert {lane: len(spares) for lane, spares in rig.pool._spares.items()} == dict.fromkeys(KEPT, 1)
        monkeypatch.undo()
        rig.pool.close()
        await rig.empty()

    within(work())
    assert rig.losses == []


def test_a_close_lets_the_spares_go_and_what_is_under_way_end(rig: Rig) -> None:
    rig.script = "cat > /dev/null; while [ ! -e '{tmp}/go' ]; do sleep 0.005; done"

    async def work() -> None:
        rig.run(Lane.CONTENT, b"x\0")
        rig.pool.open()
        rig.pool.close()
        assert rig.spares() == {}
        (rig.tmp / "go").touch()
        await rig.empty()
        assert [ended.code for ended in rig.ends] == [0]

    within(work())
    assert rig.losses == []


def test_a_closed_pool_begins_no_spare_again(rig: Rig) -> None:
    async def work() -> None:
        rig.pool.open()
        rig.run(Lane.CONTENT, b"x\0")
        rig.pool.close()
        count = len(rig.started)
        await rig.until(lambda: rig.ends)
        await asyncio.sleep(3 * pools.REFILL)
        assert len(rig.started) == count
        await rig.empty()

    within(work())


def test_a_kill_ends_what_is_under_way(rig: Rig) -> None:
    rig.script = "exec sleep 600"

    async def work() -> None:
        rig.run(Lane.CONTENT, b"x\0")
        rig.run(Lane.REMOVE, b"x\0")
        rig.pool.kill()
        await rig.empty()

    within(work())
    assert all(ended.code < 0 for ended in rig.ends)
    assert len(rig.ends) == 2


def test_a_spare_that_died_unnoticed_is_not_given_a_batch(rig: Rig) -> None:
    async def work() -> None:
        rig.pool.open()
        spare = rig.spares()[Lane.CONTENT]
        spare.ended = True
        assert rig.run(Lane.CONTENT, b"x\0") is not spare
        spare.dismiss()
        rig.pool.close()
        await rig.empty()

    within(work())
    assert (rig.tmp / "content").read_bytes() == b"x\0"


@pytest.mark.parametrize("lane", list(Lane))
def test_a_program_that_cannot_be_started_is_an_error_or_its_end_is_told(rig: Rig, lane: Lane) -> None:
    rig.argv = lambda lane: ["/nonexistent/rsync"]  # type: ignore[method-assign]
    pool = Pool(rig.argv, rig.losses.append)

    async def work() -> None:
        try:
            pool.run(lane, b"x\0", lambda _, ended: rig.ends.append(ended))
        except OSError:
            return
        await rig.until(lambda: rig.ends)
        assert rig.ends[0].code == 127
        assert pool.connections == 0

    within(work())


def test_far_from_the_target_several_spares_wait_where_several_batches_may_be_under_way(rig: Rig) -> None:
    async def work() -> None:
        rig.pool.open()
        rig.pool.link.batch(1, 0, 0.31, 0.0)
        rig.pool.recycle()
        waiting = {lane: len(spares) for lane, spares in rig.pool._spares.items()}
        assert waiting == {Lane.CONTENT: WIDEST, Lane.REST: WIDEST, Lane.REMOVE: 1}
        first = rig.spares()[Lane.CONTENT]
        assert rig.run(Lane.CONTENT, b"a\0") is first
        assert rig.run(Lane.CONTENT, b"b\0") is not first
        assert rig.started.count(Lane.CONTENT) == WIDEST
        rig.pool.close()
        await rig.empty()

    within(work())
    assert sorted((rig.tmp / "content").read_bytes().split(b"\0")) == [b"", b"a", b"b"]
    assert rig.losses == []


def test_where_it_takes_long_to_connect_more_spares_of_content_wait(rig: Rig) -> None:
    rig.pool = Pool(rig.argv, rig.losses.append, ahead=4)

    async def work() -> None:
        rig.pool.open()
        rig.run(Lane.CONTENT, b"a\0")
        await rig.until(lambda: len(rig.pool._spares[Lane.CONTENT]) == 4)
        waiting = {lane: len(spares) for lane, spares in rig.pool._spares.items()}
        assert waiting == {Lane.CONTENT: 4, Lane.REST: 1, Lane.REMOVE: 1}
        rig.pool.close()
        await rig.empty()

    within(work())


def test_only_what_has_work_is_given_up_when_it_stands_still(rig: Rig) -> None:
    """A spare does nothing, and does well."""
    rig.script = "read line && exec sleep 60"

    async def talk() -> None:
        rig.pool.open()
        process = rig.run(Lane.CONTENT, b"name\n")
        spare = rig.spares()[Lane.REST]

        def over() -> bool:
            rig.pool.give_up(0.1)
            return bool(rig.ends)

        await rig.until(over)
        assert process.given_up
        assert not spare.given_up
        assert not spare.ended
        rig.pool.close()
        await rig.empty()

    within(talk())
