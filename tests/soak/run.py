"""Load and faults for hours: `make soak HOURS=0.5`.  Exit 0 when both trees are equal and nothing was left behind.

One watcher and one rsync daemon on this machine.  The watcher is killed, stopped and frozen, its rsync processes are
killed, its queue overflows, the daemon is killed and frozen; in between both trees must become equal.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system"), str(HERE.parent / "tools")]

import event_queue  # noqa: E402 (found by the line above)
import verdict  # noqa: E402
from churn_faults import Faults  # noqa: E402
from conftest import Rig, assembled  # noqa: E402
from load import Load  # noqa: E402
from rig import processes, wait_for  # noqa: E402
from sampling import Sample, Sampler, children  # noqa: E402
from trees import differences  # noqa: E402

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}
LIKELY = 0.002  # faults for each operation
ENDINGS = 0.25  # share of the time in which watchers are killed and stopped
OVERFLOW_EVERY = 2_500  # operations


class Soak:
    def __init__(self, rig: Rig, folder: Path, seed: int) -> None:
        self.rig = rig
        outside = folder / "outside"
        outside.mkdir()
        self.load = Load(rig.source, outside, seed)
        self.faults = Faults(rig, seed, LIKELY)
        self.problems: list[str] = []
        self.checks = self.overflows = self.events = 0
        self._last_events: tuple[int, int] = (0, 0)
        rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--timeout=10"]
        rig.start(max_delete=NO_LIMIT, reconcile_every=300)
        self.sampler = Sampler(self._pid, self._events)
        self.at_start = self._rest()

    def _pid(self) -> int | None:
        process = self.rig.watcher.process
        return process.pid if process is not None and process.poll() is None else None

    def _events(self) -> int:
        """Of the watcher that runs; the last known where it does not answer."""
        pid = self._pid()
        if pid is not None:
            try:
                self._last_events = (pid, int(self.rig.watcher.status()["mirrors"][0]["events"]))
            except (OSError, ValueError, KeyError, IndexError):
                return self._last_events[1] if self._last_events[0] == pid else 0
        return self._last_events[1] if self._last_events[0] == pid else 0

    def run(self, seconds: float) -> None:
        began = time.monotonic()
        check_every = max(10.0, min(180.0, seconds / 5))
        next_check = began + check_every
        self.faults.make("watcher", self.faults.kill_watcher)  # once at least, however short it is
        while time.monotonic() < began + seconds:
            # the last watcher lives long enough to tell whether it grows
            self.faults.may_end_watcher = time.monotonic() < began + seconds * ENDINGS
            self.load.step()
            self.faults.step()
            if self.load.churn.number % OVERFLOW_EVERY == 0:
                self.overflow()
            if time.monotonic() > next_check:
                self.check()
                next_check = time.monotonic() + check_every
        self.check()

    def overflow(self) -> None:
        """More events than the kernel's queue holds, while the watcher is stopped."""
        process = self.rig.watcher.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGSTOP)
        try:
            event_queue.fill(self.rig.source)
        finally:
            process.send_signal(signal.SIGCONT)
        self.overflows += 1

    def check(self) -> None:
        """Everything is mended, and both trees become equal."""
        self.checks += 1
        self.faults.mend()
        self.load.churn.close()
        watcher = self.rig.watcher
        watcher.wait_answers()
        found: list[str] = []
        result = "equal trees"

        def equal() -> bool:
            watcher.wait_in_step(seconds=300)
            found[:] = differences(self.rig.source, self.rig.target, owners=os.geteuid() == 0)
            return not found

        try:
            wait_for(equal, 60)
        except AssertionError:
            result = f"NOT equal: {found[:10]}"
            self.problems.append(f"not equal after {self.load.churn.number} operations: {found[:10]}")
        latest = self.sampler.samples[-1:]
        told = f", {latest[0].memory / 1024:.1f} MB after {latest[0].at:.0f} s" if latest else ""
        print(f"soak: {self.load.churn.number} operations, {result}{told}", flush=True)

    def _rest(self) -> Sample:
        """A sample of a moment with nothing to do."""
        self.rig.watcher.wait_in_step(seconds=300)
        taken: list[Sample] = []

        def at_rest() -> bool:
            one = self.sampler.take()
            taken[:] = [] if one is None else [one]
            return one is not None and one.pipes == 2 * one.children and not one.zombies

        directories = sum(1 for _ in os.walk(self.rig.source))
        with contextlib.suppress(AssertionError):  # the verdict says what is wrong with it
            # watches of what was moved away are given back once a second or two
            wait_for(lambda: self.rig.watcher.status()["mirrors"][0]["watches"] == directories, 20)
        with contextlib.suppress(AssertionError):
            wait_for(at_rest, 20)
        return taken[0]

    def finish(self) -> dict[str, object]:
        """The last watcher's leftovers, the verdict, and all that is to be told."""
        samples = self.sampler.samples
        idle = self._rest()
        self.sampler.stop()
        directories = sum(1 for _ in os.walk(self.rig.source))
        strangers = set(processes(self.rig.daemon.url())) - children(idle.pid).keys()
        self.problems += verdict.problems(samples, idle, self.at_start, directories, len(strangers))
        lives = [verdict.warm(life) for life in verdict.lives(samples)]
        hour, million = verdict.slope(lives, verdict.by_hour), verdict.slope(lives, verdict.by_million_events)
        return {
            "operations": self.load.churn.number,
            "large": self.load.done,
            "faults": self.faults.counted,
            "overflows": self.overflows,
            "checks": self.checks,
            "watchers": len(lives),
            "memory_largest_kib": max(one.memory for one in samples),
            "memory_kib_per_hour": asdict(hour) if hour else None,
            "memory_kib_per_million_events": asdict(million) if million else None,
            "at_start": asdict(self.at_start),
            "idle": asdict(idle),
            "directories": directories,
            "problems": self.problems,
            "samples": [asdict(one) for one in samples],
        }


def main() -> int:
    parser = argparse.ArgumentParser(description="Load and faults for hours, then equal trees and nothing left behind.")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--results", type=Path, help="where to write everything as JSON")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with all that it started
    print(f"soak: {given.hours * 3600:.0f} s, seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="lockstep-soak-") as name, assembled(Path(name)) as rig:
        soak = Soak(rig, Path(name), given.seed)
        soak.run(given.hours * 3600)
        result = {"hours": given.hours, "seed": given.seed, **soak.finish()}
        print("\n".join(verdict.table(soak.sampler.samples)))
        if soak.problems:
            print(rig.log()[-5000:], file=sys.stderr)
    for key, value in result.items():
        if key not in ("samples", "problems", "at_start", "idle"):
            print(f"{key}: {value}")
    if given.results:
        given.results.write_text(json.dumps(result, indent=1) + "\n")
    for problem in soak.problems:
        print(f"soak: {problem}", file=sys.stderr)
    print("soak: FAILED" if soak.problems else "soak: equal trees, flat, nothing left behind")
    return 1 if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
