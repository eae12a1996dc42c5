"""Lag as an outside observer sees it: from close() of a file on the source to its appearance on the target.

`python3 tests/bench/lag.py SOURCE TARGET --rate 5 --seconds 20`: writes files of 10 to 100 KB into 50 directories and
watches the target's directories by inotify.  It knows nothing of the watcher, and writes one line of figures (ms).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "roles/watcher/files"))

from lockstep.source.inotify import MASK, MOVED_TO, Inotify

DIRECTORIES = 50


class Observer(threading.Thread):
    """Notes when each name appears below the target."""

    def __init__(self, target: str) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self.stop = False
        self._inotify = Inotify()
        self._where = {
            self._inotify.add(os.fsencode(os.path.join(target, f"d{number:02}"))): f"d{number:02}"
            for number in range(DIRECTORIES)
        }

    def run(self) -> None:
        while not self.stop:
            if not select.select([self._inotify], [], [], 0.1)[0]:
                continue
            now = time.perf_counter()
            for wd, mask, _cookie, name in self._inotify.read():
                if mask & MOVED_TO and mask & MASK:
                    self.seen.setdefault(f"{self._where[wd]}/{os.fsdecode(name)}", now)


def prepare(source: str, target: str, seconds: float) -> None:
    for number in range(DIRECTORIES):
        os.makedirs(os.path.join(source, f"d{number:02}"), exist_ok=True)
    until = time.monotonic() + seconds
    while not all(os.path.isdir(os.path.join(target, f"d{number:02}")) for number in range(DIRECTORIES)):
        if time.monotonic() > until:
            sys.exit("lag: the directories do not arrive on the target")
        time.sleep(0.05)


def write(source: str, rate: float, seconds: float, run: str) -> dict[str, float]:
    """Write at this rate; name → time of close."""
    source_random = random.Random(1)
    data = source_random.randbytes(100_000)
    closed: dict[str, float] = {}
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left if left > 0.002 else 0)
        name = f"d{number % DIRECTORIES:02}/{run}-{number}"
        with open(os.path.join(source, name), "wb", buffering=0) as file:
            file.write(data[: source_random.randrange(10_000, 100_000)])
        closed[name] = time.perf_counter()
    return closed


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--wait", type=float, default=30.0, help="seconds to wait for the last ones")
    given = parser.parse_args()
    prepare(given.source, given.target, given.wait)
    time.sleep(1)  # the directories' own changes are no part of the figure
    observer = Observer(given.target)
    observer.start()
    closed = write(given.source, given.rate, given.seconds, f"{os.getpid()}")
    written = time.perf_counter()
    while len(observer.seen) < len(closed) and time.perf_counter() < written + given.wait:
        time.sleep(0.05)
    observer.stop = True
    observer.join()
    lags = sorted(1000 * (observer.seen[name] - at) for name, at in closed.items() if name in observer.seen)
    if not lags:
        sys.exit("lag: nothing arrived")
    print(json.dumps({
        "rate": given.rate, "files": len(closed), "arrived": len(lags),
        "p50_ms": round(statistics.median(lags), 2), "p99_ms": round(lags[int(len(lags) * 0.99)], 2),
        "max_ms": round(lags[-1], 2), "wrote_for_s": round(max(closed.values()) - min(closed.values()), 2),
    }))  # fmt: skip
    return 0 if len(lags) == len(closed) else 1


if __name__ == "__main__":
    sys.exit(main())
