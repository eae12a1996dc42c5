"""Random faults of a watcher and of its target, by seed, each mended some steps later."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

from conftest import Rig
from rig import processes


class Faults:
    """`step()` beside each step of the load; `mend()` brings everything back.

    At most one fault of the watcher and one of the target at a time.  `counted` says how often each one was made.
    """

    def __init__(self, rig: Rig, seed: int, likely: float, journal: Callable[[str], object] = len) -> None:
        self._rig = rig
        self._random = random.Random(seed)
        self._likely = likely
        self._journal = journal
        self._mends: dict[str, tuple[int, Callable[[], None]]] = {}  # of what: steps until, and how
        self.counted: dict[str, int] = {}
        self.may_end_watcher = True

    def step(self) -> None:
        for what, (steps, mend) in list(self._mends.items()):
            if steps > 0 or (what == "orders" and "watcher" in self._mends):  # which could not take one now
                self._mends[what] = (steps - 1, mend)
            else:
                self._mend(what)
        if self._random.random() < self._likely:
            what, fault = self._random.choice(
                [("watcher", self.kill_watcher), ("watcher", self.kill_watcher), ("watcher", self.stop_watcher),
                 ("watcher", self.freeze_watcher), ("target", self.cut_target), ("target", self.freeze_target),
                 ("rsync", self.kill_rsync), ("orders", self.pause), ("orders", self.resync), ("orders", self.reload)]
            )  # fmt: skip
            if self.may_end_watcher or fault not in (self.kill_watcher, self.stop_watcher):
                self.make(what, fault)

    def make(self, what: str, fault: Callable[[], None]) -> None:
        """This fault, unless there is one of the same part already."""
        if what not in self._mends:
            self.counted[fault.__name__] = self.counted.get(fault.__name__, 0) + 1
            self._journal(f"{time.monotonic():.4f} fault {fault.__name__}")
            fault()

    def mend(self) -> None:
        for what in sorted(self._mends, key=lambda what: what == "orders"):  # for a watcher that can take them again
            self._mend(what)

    def _mend(self, what: str) -> None:
        self._journal(f"{time.monotonic():.4f} mended {what}")
        self._mends.pop(what)[1]()

    def _after(self, what: str, steps: int, mend: Callable[[], None]) -> None:
        self._mends[what] = (self._random.randrange(steps), mend)

    # ------------------------------------------------------------------ the watcher

    def kill_watcher(self) -> None:
        self._rig.watcher.stop(signal.SIGKILL)
        self._after("watcher", self._random.choice([1, 80]), lambda: self._rig.watcher.start(wait=False))

    def stop_watcher(self) -> None:
        self._rig.watcher.stop()
        self._after("watcher", 80, lambda: self._rig.watcher.start(wait=False))

    def freeze_watcher(self) -> None:
        process = self._rig.watcher.process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        self._after("watcher", 150, lambda: process.send_signal(signal.SIGCONT))

    def kill_rsync(self) -> None:
        """One of those that it has under way or waiting."""
        process = self._rig.watcher.process
        if process is not None:
            own = [number for number, line in processes(self._rig.daemon.mark).items() if line.startswith("rsync")]
            for number in sorted(own)[: self._random.choice([1, 1, 100])]:
                _kill(number)

    # ------------------------------------------------------------------ the target

    def cut_target(self) -> None:
        self._rig.daemon.kill()
        self._after("target", 150, self._rig.daemon.start)

    def freeze_target(self) -> None:
        self._rig.daemon.freeze()
        self._after("target", 150, lambda: self._rig.daemon.freeze(False))

    # ------------------------------------------------------------------ orders

    def pause(self) -> None:
        if self._order("pause"):
            self._after("orders", 100, self._resume)

    def _resume(self) -> None:
        self._order("resume")  # a watcher that was started anew is paused no more

    def resync(self) -> None:
        self._order("resync")

    def reload(self) -> None:
        """With the same file: nothing may blink."""
        if self._order("status"):  # until it answers it takes SIGHUP for the end
            assert self._rig.watcher.process is not None
            self._rig.watcher.process.send_signal(signal.SIGHUP)

    def _order(self, command: str) -> bool:
        """Whether it was there to take it."""
        if "watcher" in self._mends:
            return False
        try:
            return bool(self._rig.watcher.ask(command=command, mirror="data")["ok"])
        except (OSError, ValueError):
            return False  # it has just been started


def _kill(number: int) -> None:
    try:
        os.kill(number, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself
