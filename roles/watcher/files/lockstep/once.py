"""One comparison of everything, all that it finds sent, and the end: `lockstep run --once`.

Nothing is watched.  What the mirrors remember is used and kept, so that a service that starts later goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass, replace

from lockstep.config import Config
from lockstep.mirror import MirrorSync
from lockstep.status import control
from lockstep.status.words import plain
from lockstep.target import TargetSync

PATIENCE = 15.0  # seconds without any progress after which a target that is down or behind is given up
STOP_TIMEOUT = 10.0
LOOK = 0.05


@dataclass
class Verdict:
    """`why` is empty when everything is in step."""

    mirror: str
    target: str
    why: str
    names: int = 0
    size: int = 0

    def __str__(self) -> str:
        said = self.why or f"in step ({self.names} names and {self.size} bytes went across)"
        return plain(f"{self.mirror} on {self.target}: {said}")


class _Watched:
    """A target, and since when it has made no progress."""

    def __init__(self, mirror: MirrorSync, target: TargetSync) -> None:
        self._mirror, self._target = mirror, target
        self._seen: tuple[int, int] = (-1, -1)
        self._since = time.monotonic()

    def verdict(self) -> Verdict | None:
        """None while it is at work."""
        target, condition = self._target, self._mirror.condition(self._target)
        standing, reconcile = target.standing, target.reconcile
        found = Verdict(self._mirror.config.name, target.config.name, "", standing.names, target.record.bytes)
        idle = not (target.pending or target.in_flight or reconcile.whole_wanted or reconcile.busy)
        if condition.state == "live" and reconcile.whole_done and idle and target.oldest() is None:
            return found
        seen = (standing.batches, reconcile.handed)
        if seen != self._seen or reconcile.starts_ahead or condition.state not in ("down", "behind", "held"):
            self._seen, self._since = seen, time.monotonic()
        if condition.state == "held" or time.monotonic() - self._since > PATIENCE:
            found.why = f"{condition.state}: {condition.reason}"
            return found
        return None


async def run(config: Config) -> list[Verdict]:
    """What came of it for each target.  Raises Running where a service runs with this configuration."""
    refuse_beside_a_service(config)
    os.makedirs(config.state_dir, mode=0o750, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    mirrors = [MirrorSync(replace(mirror, watch=False), config, lambda: None) for mirror in config.mirrors]
    for mirror in mirrors:
        mirror.start()
        if not mirror.custody.held and not any(target.reconcile.whole_wanted for target in mirror.targets):
            mirror.resync(None)
    found = await _until_done(mirrors, stop)
    for mirror in mirrors:
        mirror.close()
    await _ended(mirrors)
    for mirror in mirrors:
        for target in mirror.targets:
            target.kill()
        mirror.tell_nothing_more()
    return found


async def _ended(mirrors: list[MirrorSync]) -> None:
    """Until no rsync is left, for a while at most."""
    for _turn in range(int(STOP_TIMEOUT / LOOK)):
        if not any(target.busy for mirror in mirrors for target in mirror.targets):
            return
        await asyncio.sleep(LOOK)


async def _until_done(mirrors: list[MirrorSync], stop: asyncio.Event) -> list[Verdict]:
    watched = [_Watched(mirror, target) for mirror in mirrors for target in mirror.targets]
    ticked = 0.0
    while True:
        if time.monotonic() - ticked >= 1.0:
            ticked = time.monotonic()
            for mirror in mirrors:
                mirror.tick()
        found = [one.verdict() for one in watched]
        if all(found):
            return [verdict for verdict in found if verdict is not None]
        if stop.is_set():
            left = [(mirror, target) for mirror in mirrors for target in mirror.targets]
            return [
                verdict or Verdict(mirror.config.name, target.config.name, "stopped before it was in step")
                for verdict, (mirror, target) in zip(found, left)
            ]
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK)


def refuse_beside_a_service(config: Config) -> None:
    """Two that send to one target would undo each other's work.  Raises Running, ControlError."""
    with contextlib.suppress(control.NotRunning):
        control.ask(config.status.socket, {"command": "status"})
        raise Running(
            f"a service runs and answers at {config.status.socket}; ask it: lockstep resync MIRROR, or stop it first"
        )


class Running(Exception):
    """There is a service at work."""
