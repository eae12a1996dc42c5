"""What a mirror does once a second, and what it notes of what was seen; a real event loop, no rsync."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from lockstep import mirror as module
from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.source import Reading, Seen


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


async def _until(met: object, mirror: MirrorSync | None = None) -> None:
    assert callable(met)
    for _turn in range(1000):
        if met():
            return
        if mirror is not None:
            mirror.tick()
        await asyncio.sleep(0.01)
    raise AssertionError("not within ten seconds")
