"""How often the service looks at its mirrors, and what it does beside that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from lockstep import service
from lockstep.config import load
from lockstep.service import AT_REST, TICK, Service, pause


@dataclass
class Mirror:
    at_rest: bool


@pytest.mark.parametrize(
    ("rests", "watchdog", "seconds"),
    [
        ([True, True], None, AT_REST),
        ([True, True], 15.0, AT_REST),
        ([True, False], 15.0, TICK),
        ([True, True], 1.0, TICK),  # a sign of life that comes late is a restart
        ([], None, AT_REST),
    ],
)
def test_mirrors_are_looked_at_less_often_only_while_all_are_at_rest(
    rests: list[bool], watchdog: float | None, seconds: float
) -> None:
    assert pause(map(Mirror, rests), watchdog) == seconds


def test_memory_is_given_back_at_the_right_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("source", "backup", "state"):
        (tmp_path / name).mkdir()
    config = tmp_path / "lockstep.yml"
    config.write_text(
        f"state_dir: {tmp_path}/state\nmirrors:\n  - name: data\n    source: {tmp_path}/source\n"
        f"    targets:\n      - url: file://{tmp_path}/backup\n"
    )
    ticks: list[float] = []

    class Heap:
        def tick(self, now: float) -> None:
            ticks.append(now)

    monkeypatch.setattr(service, "Heap", Heap)

    async def one_look() -> None:
        task = asyncio.create_task(Service(str(config), load(str(config)), None)._tick())
        await asyncio.sleep(0)
        task.cancel()

    before = time.monotonic()
    asyncio.run(one_look())
    assert len(ticks) == 1
    assert before <= ticks[0] <= time.monotonic()
