"""A day of a target that is down, or comes and goes, is less than 100 lines, and what it is at the end is told."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from lockstep import mirror as module
from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.sparing import AT_ONCE, EVERY, Sparing

DAY = 86400


def test_of_many_lines_a_few_are_told_at_once_and_then_one_at_a_time() -> None:
    sparing = Sparing()
    assert [sparing.may(0.0) for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    assert not sparing.may(EVERY - 1)
    assert sparing.may(EVERY)


def test_the_last_line_says_that_more_are_left_out_and_the_next_one_how_many() -> None:
    sparing = Sparing()
    said = [sparing.untold() for _ in range(AT_ONCE) if sparing.may(0.0)]
    assert said == [""] * (AT_ONCE - 1) + [" (further such lines are left out for a while)"]
    for _ in range(3):
        assert not sparing.may(1.0)
        sparing.keep_back()
    assert sparing.may(1.0 + EVERY)
    assert sparing.untold() == " (of such lines 3 were left out before this one)"


class Day:
    """A mirror whose one target is told to fail and to answer, second by second, by a clock that is set."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "source").mkdir()
        config = folder / "lockstep.yml"
        config.write_text(
            f"state_dir: {folder}\nmirrors:\n  - name: data\n    source: {folder}/source\n"
            f"    targets:\n      - url: rsync://127.0.0.1:9/data\n"
        )
        self.settings = load(str(config))
        self.now = 1000.0
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now, time=time.time))

    def pass_by(self, failing_every: int) -> str:
        """A day in which each try fails, or, with `failing_every` above 1, all but one of so many gets through."""
        mirror = MirrorSync(self.settings.mirrors[0], self.settings, lambda: None)
        assert mirror.custody.check()
        standing = mirror.targets[0].standing
        for second in range(DAY):
            self.now += 1
            if standing.retry_due(self.now) or not standing.waiting:
                if second % failing_every:
                    standing.answered(self.now, self.now)
                else:
                    standing.fail("nothing listens", self.now)
            standing.recover(self.now + 0.9)
            mirror._tell()
        standing.answered(self.now, self.now)
        for _ in range(2 * int(EVERY)):
            self.now += 1
            standing.recover(self.now)
            mirror._tell()
        return mirror.condition(mirror.targets[0]).state


@pytest.mark.parametrize("failing_every", [1, 3, 20, 600])
def test_a_day_of_a_target_that_fails_is_less_than_100_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failing_every: int
) -> None:
    async def run() -> str:
        return Day(tmp_path, monkeypatch).pass_by(failing_every)

    with caplog.at_level(logging.DEBUG):
        state = asyncio.run(run())
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("lockstep")]
    assert len(lines) < 100
    assert any(line.startswith("down") and ": nothing listens" in line for line in lines)
    assert lines[-1].startswith(state), "the state at the end was not told"
    if failing_every == 1:
        assert len(lines) <= 2
