"""What a mirror does once a second, and what it notes of what was seen; a real event loop, no rsync."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from lockstep import mirror as module
from lockstep.config import load
from lockstep.mirror import MirrorSync


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


async def _until(met: object, mirror: MirrorSync | None = None) -> None:
    assert callable(met)
    for _turn in range(1000):
        if met():
            return
        if mirror is not None:
            mirror.tick()
        await asyncio.sleep(0.01)
    raise AssertionError("not within ten seconds")
