"""Which lanes are free: what a comparison found never keeps live changes waiting, and one deletion goes at a time."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lockstep.batch import Batch
from lockstep.carrier import Carrier
from lockstep.config import parse
from lockstep.transfer.command import Lane


@pytest.fixture
def carrier(tmp_path: Path) -> Carrier:
    mirrors = [{"name": "data", "source": str(tmp_path / "s"), "targets": [{"url": f"file://{tmp_path}/t"}]}]
    (mirror,) = parse(json.dumps({"mirrors": mirrors}).encode(), "lockstep.yml").mirrors

    async def make() -> Carrier:
        return Carrier("rsync", mirror, mirror.targets[0], str(tmp_path), pytest.fail)

    return asyncio.run(make())


def test_files_that_a_comparison_found_leave_live_changes_their_lanes(carrier: Carrier) -> None:
    found = [Batch(Lane.CONTENT, backlog=True) for _ in range(carrier.pool.width(Lane.CONTENT))]
    assert Lane.CONTENT in carrier.free_lanes(found)
    assert Lane.CONTENT not in carrier.free_lanes(found, backlog=True)


def test_what_a_comparison_found_waits_for_live_changes(carrier: Carrier) -> None:
    live = [Batch(Lane.CONTENT) for _ in range(carrier.pool.width(Lane.CONTENT))]
    assert Lane.CONTENT not in carrier.free_lanes(live, backlog=True)
    assert Lane.CONTENT not in carrier.free_lanes(live)


def test_two_deletions_never_go_at_once_whoever_found_them(carrier: Carrier) -> None:
    for backlog in (False, True):
        assert Lane.REMOVE not in carrier.free_lanes([Batch(Lane.REMOVE, backlog=True)], backlog)
        assert Lane.REMOVE not in carrier.free_lanes([Batch(Lane.REMOVE)], backlog)
