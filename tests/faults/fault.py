"""A fault from its beginning to the proof that nothing was lost: told in status and log, and then equal trees."""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable
from typing import Any

from journal import Journal
from load import Load
from polling import wait_for
from record import Record
from scene import COPIES, DATA, SOURCE_HOST, SOURCES, Copy, Scene

MOST_LINES = 10  # in the log, of a fault that comes and goes once, with two mirrors that it concerns
# said of any target while this machine has too much to do, and when that is over
SLOW = re.compile(r": (behind( \(was [^)]*\))?: the oldest change waits for |live \(was behind for )")


class Fault:
    """In this order: `about()`, `load()`, provoke it, `shows()`, `others_go_on()`, `cured()`.

    `at_the_end` holds what puts the hosts right again, whether or not the test gets as far as its cure.
    """

    def __init__(self, scene: Scene, test: str) -> None:
        self.scene = scene
        self.copy = DATA
        self.others = _elsewhere(DATA)
        self.record = Record(test)
        self.at_the_end = contextlib.ExitStack()
        self.at_the_end.callback(self._stop_loads)
        self.done = False
        self.journal = Journal(scene)
        self._loads: list[Load] = []
        self._probes = 0
        self._invocation = self._watcher()
        self._reconciled = self._reconciles()
        self._began = time.monotonic()

    def about(
        self, title: str, provoked: str, contract: str, copy: Copy = DATA, concerned: tuple[Copy, ...] | None = None
    ) -> None:
        """What the table of faults says of it; the target to look at, and all `concerned` (those of its host)."""
        self.record.title, self.record.provoked, self.record.contract = title, provoked, contract
        self.copy = copy
        self.others = [other for other in COPIES if other not in concerned] if concerned else _elsewhere(copy)

    # ------------------------------------------------------------------ while it lasts

    def load(self, *names: str, rate: float = 20.0, largest: int = 300_000) -> None:
        """Have the sources of these mirrors changed until the cure; all of them where none is named."""
        for name in names or ("data", "home", "small"):
            load = Load(
                self.scene.machines.disk(SOURCE_HOST, SOURCES[name]),
                random.SystemRandom().randrange(10**6),
                rate,
                largest,
            )
            load.start()
            self.record.seeds.append(load.seed)
            self._loads.append(load)
        self._began = time.monotonic()

    def is_under_load(self, entries: int = 10) -> None:
        """Wait until each load has made so many entries."""
        wait_for(lambda: all(load.entries() >= entries for load in self._loads), 30, "the load to change something")

    def shows(
        self, state: str, reason: str, seconds: float = 60, next_try: bool = True, copy: Copy | None = None
    ) -> dict[str, Any]:
        """Both statuses tell this state with this in its reason, a since and, where wanted, a next try."""
        copy = copy or self.copy
        seen: list[dict[str, Any]] = []

        def tells(target: dict[str, Any]) -> bool:
            return bool(
                target.get("state") == state
                and reason in (target["reason"] or "")
                and (not next_try or target["next_try"])
            )

        def is_so() -> bool:
            seen[:] = [self.scene.target(copy)]
            if tells(seen[0]):
                seen[:] = self.scene.both(copy)
            return len(seen) == 2 and all(map(tells, seen))

        wait_for(is_so, seconds, lambda: f"{copy.target} {state}: {reason}, but: {seen}; {self.said()}", every=0.05)
        for target in seen:
            assert target["since"] <= time.time() + 1, "since is in the future"
            if next_try:
                assert target["next_try"] <= time.time() + 75, "the next try is further away than the longest back-off"
        kept = {key: seen[0][key] for key in ("name", "state", "reason", "since", "next_try")}
        self.record.seen.append(kept)
        return seen[0]

    def others_go_on(self, seconds: float = 30) -> float:
        """A change reaches every target that is not concerned; how many seconds that takes at most."""
        self._probes += 1
        name = f"probe-{self._probes}-of-{self._began}"
        began = time.monotonic()
        for mirror in {copy.mirror for copy in self.others}:
            (self.scene.source(mirror) / name).write_text(f"{time.time()}\n")
        for copy in self.others:
            arrived = (self.scene.tree(copy.host, copy.path) / name).exists
            wait_for(arrived, seconds, lambda copy=copy: f"{name} on {copy.target}; {self.said()}")
        took = time.monotonic() - began
        self.record.others_within = max(took, self.record.others_within or 0.0)
        return took

    # ------------------------------------------------------------------ and after it

    def cured(
        self,
        cure: Callable[[], object],
        seconds: float = 150,
        drains: bool = False,
        same_watcher: bool = True,
        most_lines: int = MOST_LINES,
        told: bool = True,
        let_go: bool = False,
    ) -> None:
        """Cure it under load; all trees become equal, and the watcher says so, without leaving anything behind.

        `drains`: without a reconcile; `same_watcher`: without a new start; `told`: the log has a line when the fault
        began and one when it was over; `let_go`: what is held is released.
        """
        self.record.lasted = time.monotonic() - self._began
        cure()
        cured = time.monotonic()
        self._stop_loads()
        assert not self.record.seeds or sum(self.record.operations.values()) > 0, "the load did nothing"
        left = self.scene.become_equal(seconds, but_half_written=True, let_go=let_go)
        self.record.equal_after = time.monotonic() - cured
        self.scene.wait_in_step()
        if drains:
            assert self._reconciles() == self._reconciled, "it was compared as a whole"
        if left:
            self._reconcile_away(left)
        assert not self.scene.unequal(), "equal, and not so any more"
        wait_for(lambda: not self.scene.left_over(), 20, lambda: f"rsync is left: {self.scene.left_over()}")
        if same_watcher:
            assert self._watcher() == self._invocation, f"the watcher was started anew: {self.said()}"
        self._log_told(most_lines, told)
        self.record.write()
        self.done = True

    def _reconcile_away(self, left: list[str]) -> None:
        """What rsync itself left half-written on a target is nobody's change: a reconcile takes it away."""
        self.record.notes.append(f"{len(left)} of rsync's temporary files stayed until the next reconcile")
        self.scene.run(SOURCE_HOST, "".join(f"lockstep resync {mirror}\n" for mirror in SOURCES))
        self.scene.become_equal()
        self.scene.wait_in_step()

    def _log_told(self, most: int, told: bool) -> None:
        lines = [line for line in self.journal.lines() if not SLOW.search(line.text)]
        self.record.lines = len(lines)
        assert len(lines) <= most, f"{len(lines)} lines in the log: {self.said()}"
        if not told:
            return
        states = self.journal.of(self.copy)
        state = self.record.seen[0]["state"] if self.record.seen else "down"
        begin = [line for line in states if _names(line.text, state) and not SLOW.search(line.text)]
        assert begin, f"no line when it began: {self.said()}"
        assert _names(states[-1].text, "live"), f"no line when it was over: {self.said()}"
        self.record.begin, self.record.end = begin[0].text, states[-1].text

    def said(self) -> str:
        """The watcher's lines so far, for a person who reads why a test failed."""
        return "\n".join(["the log:", *(line.text for line in self.journal.lines()[-40:])])

    def _stop_loads(self) -> None:
        loads, self._loads = self._loads, []
        for load in loads:
            for what, count in load.stop().items():
                self.record.operations[what] = self.record.operations.get(what, 0) + count

    def _watcher(self) -> str:
        return self.scene.run(SOURCE_HOST, "systemctl show -p MainPID,InvocationID lockstep")

    def _reconciles(self) -> dict[str, object]:
        return {
            target["name"]: target["reconcile"]["started"]
            for mirror in self.scene.status()["mirrors"]
            for target in mirror["targets"]
        }


def _elsewhere(copy: Copy) -> list[Copy]:
    return [other for other in COPIES if other.host != copy.host]


def _names(line: str, state: str) -> bool:
    """Is this the line of the log by which a target came into this state?"""
    return re.match(rf"mirror \S+ target \S+: {state}( \(was |:|$)", line) is not None
