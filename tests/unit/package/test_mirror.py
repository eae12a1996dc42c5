"""What a mirror does once a second, and what it notes of what was seen; a real event loop, no rsync."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path

import pytest

from lockstep import mirror as module
from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.source import Reading, Seen
from lockstep.source.inotify import MOVED_FROM
from lockstep.source.spacing import LONGEST


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    for name in ("source", "state", "backup"):
        (tmp_path / name).mkdir()
    path = tmp_path / "lockstep.yml"
    path.write_text(
        f"state_dir: {tmp_path}/state\n"
        f"mirrors:\n  - name: data\n    source: {tmp_path}/source\n    reconcile_every: 3600\n"
        f"    targets:\n      - url: file://{tmp_path}/backup\n"
    )
    return path


def test_directories_that_could_not_be_watched_are_tried_again_and_compared_soon(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the scheduled reconcile, for nobody tells what changes there."""
    monkeypatch.setattr(module, "RESCUE", 0.05)

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        mirror.start()
        try:
            await _until(lambda: mirror.watched and not mirror.targets[0].reconcile.busy, mirror)
            assert mirror.tree is not None
            finished = mirror.targets[0].reconcile.finished
            mirror.tree.problems[b"d"] = "no watch was left"
            await _until(lambda: mirror.targets[0].reconcile.finished != finished, mirror)
            assert not mirror.tree.problems
            await _until(lambda: not mirror.targets[0].reconcile.busy, mirror)
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_a_mirror_is_at_rest_only_while_all_is_watched_and_in_step(config_file: Path) -> None:
    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        mirror.start()
        try:
            assert not mirror.at_rest
            await _until(lambda: mirror.watched and not mirror.targets[0].reconcile.busy, mirror)
            await _until(lambda: mirror.at_rest, mirror)
            mirror.targets[0].live.note(b"f", 1, time.monotonic())
            assert not mirror.at_rest
            del mirror.targets[0].live.paths[b"f"]
            assert mirror.at_rest
            mirror.custody.hold("for the test")
            assert not mirror.at_rest
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_events_that_were_lost_behind_a_long_queue_are_as_old_as_its_beginning(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes seconds to read a million events, and the one that tells of the loss comes last."""
    readings = [Reading(events=1, more=True), Reading(seen=[(Seen.GONE, b"f")], events=1, more=True)]
    readings += [Reading(events=1, overflow=True)]

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        mirror.start()
        try:
            await _until(lambda: mirror.watched and not mirror.targets[0].reconcile.busy, mirror)
            assert mirror.tree is not None
            monkeypatch.setattr(mirror.tree, "read", lambda: readings.pop(0))
            began, clock = time.monotonic(), time.time()
            mirror._readable()
            await asyncio.sleep(0.01)
            mirror._readable()
            assert mirror.targets[0].live.paths[b"f"].since <= time.monotonic() - 0.01
            assert mirror.targets[0].live.paths[b"f"].since >= began
            mirror._readable()
            assert mirror._missed_since is not None
            assert mirror._missed_since <= clock
            assert not readings
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_while_no_batch_may_start_events_gather_and_are_taken_to_be_half_that_old(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        mirror.start()
        try:
            await _until(lambda: mirror.watched and not mirror.targets[0].reconcile.busy, mirror)
            assert mirror.tree is not None
            target = mirror.targets[0]
            monkeypatch.setattr(target, "kick", lambda: None)
            monkeypatch.setattr(target, "paced", lambda now: 10.0)
            later = mirror._loop.call_later
            monkeypatch.setattr(
                mirror._loop, "call_later", lambda wait, *what: (pauses.append(wait), later(wait, *what))[1]
            )
            readings = [Reading(events=1), Reading(seen=[(Seen.GONE, b"f")], events=1)]
            monkeypatch.setattr(mirror.tree, "read", lambda: readings.pop(0))
            began = time.monotonic()
            mirror._readable()
            assert pauses[-1:] == [LONGEST]
            mirror._rest = (began - 62.0, began + 60.0)  # half of it is a second ago
            mirror._readable()
            (change,) = target.live.paths.values()
            assert began - 1.1 < change.since < began - 0.9
            target.live.paths.clear()
        finally:
            monkeypatch.undo()
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_an_overflow_while_everything_is_walked_has_it_walked_again(config_file: Path) -> None:
    """What was lost may lie where the walk has passed already; the first walk, or one for an overflow before."""

    async def run() -> None:
        settings = load(str(config_file))
        for number in range(50):
            (config_file.parent / "source" / f"d{number}" / "e").mkdir(parents=True)
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        walks = 0

        def walked() -> None:
            nonlocal walks
            walks += 1

        mirror.start()
        tree = mirror.tree
        assert tree is not None
        rescan = tree.rescan
        tree.rescan = lambda: (rescan(), walked())  # type: ignore[assignment,method-assign,func-returns-value]
        try:
            mirror._overflow()  # while the first walk is not over
            assert (mirror.watched, walks) == (False, 0)
            await _until(lambda: walks == 1, mirror)
            assert mirror.watched
            mirror._overflow()
            mirror._walk_on()  # as is done when events were read
            await _until(lambda: walks == 2, mirror)
            compared = mirror.targets[0].reconcile
            await _until(lambda: not tree.scanning and not compared.busy and not compared.whole_wanted, mirror)
            finished = compared.finished
            mirror._overflow()
            mirror._walk_on()
            await _until(lambda: walks == 3 and compared.finished != finished, mirror)
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_what_was_lost_is_not_confirmed_before_it_was_compared(config_file: Path) -> None:
    """Whenever it is killed, what the next one remembers is no later than what this one missed."""

    async def run() -> None:
        settings = load(str(config_file))
        (config_file.parent / "source" / "d").mkdir()
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        url = settings.mirrors[0].targets[0].url
        compared = mirror.targets[0].reconcile

        def remembered() -> float:
            mirror._remember()
            return mirror.memory.confirmed[url]

        mirror.start()
        try:
            await _until(lambda: mirror.watched and compared.whole_done and mirror.targets[0].oldest() is None, mirror)
            before = mirror._drained
            await asyncio.sleep(0.05)
            mirror._overflow()
            mirror._drained = time.monotonic()  # events came behind it
            missed = time.time() - (time.monotonic() - before)
            assert remembered() <= missed + 0.01
            while mirror.tree is not None and mirror.tree.scanning:
                mirror._walk()
            mirror._walk()
            assert compared.whole_wanted
            assert remembered() <= missed + 0.01
            await _until(lambda: not compared.whole_wanted and mirror.targets[0].oldest() is None, mirror)
            assert remembered() > missed + 0.01
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_a_mirror_that_is_closed_tells_no_more_states(config_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its end was told as a new start, 'starting: setting watches'."""
    caplog.set_level("INFO")

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        mirror.start()
        await _until(lambda: mirror.watched and not mirror.targets[0].reconcile.busy, mirror)
        mirror.close()
        told = len(caplog.records)
        mirror._tell()
        await _until(lambda: not any(target.busy for target in mirror.targets))
        assert len(caplog.records) == told

    asyncio.run(run())


def test_what_has_no_watch_is_not_confirmed_beyond_the_last_comparison(config_file: Path) -> None:
    """Killed before the next one, it would not be looked for what was rewritten there with its size and time."""

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        target = mirror.targets[0]
        mirror.start()
        try:
            await _until(lambda: mirror.watched and target.reconcile.whole_done and target.oldest() is None, mirror)
            await asyncio.sleep(0.05)
            mirror._drained = time.monotonic()
            assert mirror.tree is not None
            for problems in ({b"d": "no watch was left"}, {}):
                mirror.tree.problems = dict(problems)
                mirror._remember()
                remembered = mirror.memory.confirmed[target.config.url]
                assert (remembered <= mirror._scheduled) == bool(problems)
        finally:
            mirror.close()
            await _until(lambda: not any(target.busy for target in mirror.targets))

    asyncio.run(run())


def test_a_memory_that_cannot_be_written_is_told_once_and_when_it_can_again(
    config_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk for a day is no line every five seconds."""
    caplog.set_level("INFO")

    async def run() -> None:
        settings = load(str(config_file))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        memory = mirror.memory.path
        mirror.memory.path = "/nowhere/data.json"
        for _time in range(3):
            mirror._save()
        mirror.memory.path = memory
        for _time in range(3):
            mirror._save()

    asyncio.run(run())
    told = [record.getMessage() for record in caplog.records if "written" in record.getMessage()]
    assert len(told) == 2
    assert told[0].startswith("/nowhere/data.json cannot be written: No such file or directory")
    assert told[1].endswith("data.json is written again")


async def _until(met: object, mirror: MirrorSync | None = None) -> None:
    assert callable(met)
    for _turn in range(1000):
        if met():
            return
        if mirror is not None:
            mirror.tick()
        await asyncio.sleep(0.01)
    raise AssertionError("not within ten seconds")


def test_a_target_knows_whether_events_wait_that_may_tell_of_what_was_moved(config_file: Path) -> None:
    async def run() -> None:
        settings = load(str(config_file))
        source = config_file.parent / "source"
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        target = mirror.targets[0]
        assert not mirror.unread(math.inf)
        mirror.start()
        try:
            await _until(lambda: mirror.watched and target.oldest() is None, mirror)
            await _until(lambda: not mirror.unread(math.inf), mirror)
            since = time.monotonic()
            (source / "f").touch()
            assert mirror.unread(since)
            assert not mirror.unread(mirror._drained), "all that came before was read"
            assert not target._deletions._unread(since), "nothing was moved"
            target.moves.renamed(b"a", b"b", time.monotonic())
            assert target._deletions._unread(since)
        finally:
            mirror.close()
            await _until(lambda: not target.busy)

    asyncio.run(run())


def test_a_directory_that_is_moved_on_before_anybody_looked_into_it_is_no_mass_deletion(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is walked through stands elsewhere by then, and the event of that is not read yet."""
    config_file.write_text(
        config_file.read_text() + "    max_delete: {percent: 10, at_least: 5, window: 60}\n    delete: true\n"
    )

    async def run() -> None:
        settings = load(str(config_file))
        source, backup = (config_file.parent / name for name in ("source", "backup"))
        (source / "a").mkdir()
        for number in range(50):
            (source / f"a/f{number}").touch()
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        target = mirror.targets[0]
        mirror.start()
        try:
            await _until(lambda: mirror.watched and target.reconcile.whole_done and target.oldest() is None, mirror)
            await _until(lambda: not mirror.unread(math.inf), mirror)
            assert mirror.tree is not None
            kernel = mirror.tree._inotify
            (source / "a").rename(source / "b")
            (source / "b").rename(source / "c")
            events = kernel.read()
            second = next(at for at, event in enumerate(events) if event[3] == b"b" and event[1] & MOVED_FROM)
            late = events[second:]
            monkeypatch.setattr(type(kernel), "waits", property(lambda _self: bool(late)))
            monkeypatch.setattr(kernel, "read", lambda: events[:second])
            mirror._readable()
            monkeypatch.setattr(kernel, "read", list)
            asked = target._deletions
            await _until(lambda: asked._unread_since is not None or target.standing.held, mirror)
            rest = late.copy()
            late.clear()
            monkeypatch.setattr(kernel, "read", lambda: rest)
            mirror._readable()
            monkeypatch.setattr(kernel, "read", list)
            await _until(lambda: target.oldest() is None or target.standing.held, mirror)
            assert not target.standing.held
            assert sorted(path.name for path in backup.iterdir()) == ["c"]
        finally:
            mirror.close()
            await _until(lambda: not target.busy)

    asyncio.run(run())
