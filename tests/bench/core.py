"""The pure core by itself: raw events → what was seen → changes → batches, without rsync, and without a disk.

    python tests/bench/core.py [--save FILE] [--compare FILE [--within RATIO]] [--rounds N] [--profile]

Events as the kernel writes them, in several mixes, go through the real tree of watches, mirror and planner; the kernel
and the planner's looks at the disk are stood in for.  Prints microseconds of this process's CPU time per event and per
change.  Counting instructions would be steadier, but many virtual machines cannot; so each figure is the least of many
rounds, which is what is left when nobody disturbs.  Also printed is that least relative to a fixed piece of work of the
interpreter's own, measured in between: for machines whose speed drifts, and it is what `--compare` uses.  Exits with 1
if a mix takes more than RATIO (1.3) of what FILE says.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import logging
import os
import pstats
import stat
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Callable, Optional

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../roles/watcher/files"))

from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.plan import Planner
from lockstep.source import Reading
from lockstep.source import inotify as kernel
from lockstep.source.watches import WatchTree
from lockstep.target import TargetSync
from lockstep.transfer.command import Lane

DIRECTORIES = 50
FILES = 4_000
EVENTS_PER_READ = 60  # about 4 ms of 5,000 files/s
READS_PER_PLAN = 20
FILE = os.stat_result((stat.S_IFREG | 0o644, 1, 1, 1, 0, 0, 30_000, 0, 0, 0))
DIRECTORY = os.stat_result((stat.S_IFDIR | 0o755, 1, 1, 1, 0, 0, 4096, 0, 0, 0))

Event = tuple[int, int, int, bytes]  # directory's number, mask, cookie, name


class Recorded(kernel.Inotify):
    """Stands in for the kernel: descriptors are counted, and what is to be read has been put into `waiting`."""

    drained = True  # nothing waits behind a read

    def __init__(self) -> None:
        self._next = 0
        self._of: dict[bytes, int] = {}
        self.waiting = b""

    def fileno(self) -> int:
        return -1

    def add(self, path: bytes) -> int:
        return self._of.setdefault(path, len(self._of) + 1)

    def remove(self, wd: int) -> None:
        pass

    def read(self) -> list[kernel.Event]:
        return kernel.parse_events(self.waiting)

    def close(self) -> None:
        pass


# ---------------------------------------------------------------- what happens: the mixes


def _made(wd: int, name: bytes, writes: int) -> list[Event]:
    return [(wd, kernel.CREATE, 0, name), *[(wd, kernel.MODIFY, 0, name)] * writes, (wd, kernel.CLOSE_WRITE, 0, name)]


def _place(number: int) -> tuple[int, bytes]:
    """A directory's number and a name in it; few files go to the same one at once."""
    return number % DIRECTORIES, b"file-%06d.dat" % number


def made() -> Iterator[Event]:
    """One writer makes files with one write each."""
    for number in range(FILES):
        yield from _made(*_place(number), 1)


def larger() -> Iterator[Event]:
    """Eight writes each."""
    for number in range(FILES):
        yield from _made(*_place(number), 8)


def crossed() -> Iterator[Event]:
    """Eight writers at once, so that the events of a file lie apart."""
    for first in range(0, FILES, 8):
        for step in zip(*(_made(*_place(number), 3) for number in range(first, first + 8))):
            yield from step


def replaced() -> Iterator[Event]:
    """Written under another name and renamed, as rsync and careful programs do."""
    for number in range(FILES):
        wd, name = _place(number)
        hidden = b"." + name + b".Xa81kQ"
        yield from _made(wd, hidden, 2)
        yield wd, kernel.ATTRIB, 0, hidden
        yield wd, kernel.MOVED_FROM, number + 1, hidden
        yield wd, kernel.MOVED_TO, number + 1, name


def appended() -> Iterator[Event]:
    """The same hundred files, again and again."""
    for number in range(FILES):
        wd, name = _place(number % 100)
        yield wd, kernel.MODIFY, 0, name
        yield wd, kernel.CLOSE_WRITE, 0, name


def deleted() -> Iterator[Event]:
    for number in range(FILES):
        wd, name = _place(number)
        yield wd, kernel.DELETE, 0, name


MIXES: dict[str, Callable[[], Iterator[Event]]] = {
    mix.__name__: mix for mix in (made, larger, crossed, replaced, appended, deleted)
}


# ---------------------------------------------------------------- the core, from end to end


class Core:
    """A mirror with one target whose events are given to it, and whose batches are counted instead of sent."""

    def __init__(self, directory: str, present: bool) -> None:
        source = os.path.join(directory, "source")
        os.makedirs(os.path.join(directory, "state"), exist_ok=True)
        for number in range(DIRECTORIES):
            os.makedirs(os.path.join(source, f"section-{number:03}", "incoming"), exist_ok=True)
        path = os.path.join(directory, "lockstep.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                f"state_dir: {directory}/state\nmirrors:\n  - name: data\n    source: {source}\n"
                f"    exclude: ['.nfs*', '*.swp', '/lost+found']\n"
                f"    targets:\n      - url: file://{directory}/backup\n"
            )
        settings = load(path)
        self._mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        self._kernel = Recorded()
        self._tree = WatchTree(os.fsencode(source), self._mirror.filters.excluded, self._kernel)
        assert self._tree.scan(Reading(), 60.0)
        self._root = os.fsencode(source)
        self._directories = {
            path: DIRECTORY
            for number in range(DIRECTORIES)
            for path in (b"section-%03d" % number, b"section-%03d/incoming" % number)
        }
        self._directories[b""] = DIRECTORY
        self._file = FILE if present else None

    def reads(self, mix: Iterator[Event]) -> list[bytes]:
        """The events of a mix as the kernel would give them, read by read."""
        wds = [self._kernel.add(self._root + b"/section-%03d/incoming" % number) for number in range(DIRECTORIES)]
        raw = [_raw(wds[number], mask, cookie, name) for number, mask, cookie, name in mix]
        return [b"".join(raw[at : at + EVENTS_PER_READ]) for at in range(0, len(raw), EVENTS_PER_READ)]

    def look(self, path: bytes) -> Optional[os.stat_result]:
        return self._directories.get(path, self._file)

    def run(self, reads: list[bytes]) -> tuple[int, int]:
        """Take all that; how many events those were, and how many names were put into batches."""
        mirror, target = self._mirror, self._mirror.targets[0]
        events = names = 0
        for number, data in enumerate(reads, 1):
            self._kernel.waiting = data
            reading = self._tree.read()
            events += reading.events
            mirror._intake.take(reading)
            if number % READS_PER_PLAN == 0 or number == len(reads):
                names += self._send(target)
        return events, names

    def _send(self, target: TargetSync) -> int:
        names = 0
        while target.live.paths:
            plan = Planner(target.live, self.look, [], frozenset(Lane), 2).run()
            assert plan.batches, "nothing can be sent of what waits"
            names += sum(len(batch.items) for batch in plan.batches)
        return names


def _raw(wd: int, mask: int, cookie: int, name: bytes) -> bytes:
    length = -(-(len(name) + 1) // 16) * 16
    return struct.pack("iIII", wd, mask, cookie, length) + name.ljust(length, b"\0")


# ---------------------------------------------------------------- measuring


def fixed_work() -> float:
    """CPU seconds of work that never changes, of the kind that the core does: dictionaries, slices, tuples."""
    data = bytes(range(256)) * 40
    start = time.process_time()
    found: dict[bytes, tuple[int, bytes]] = {}
    for at in range(10_000):
        name = data[at : at + 24].rstrip(b"\0")
        found[name] = (at, b"directory/" + name)
    assert found
    return time.process_time() - start


def measure(name: str, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="lockstep-core-") as directory:
        core = Core(directory, present=name != "deleted")
        reads = core.reads(MIXES[name]())
        times, units = [], []
        events = 0
        for _round in range(rounds):
            units += [fixed_work() for _time in range(5)]
            start = time.process_time()
            events, _names = core.run(reads)
            times.append(time.process_time() - start)
    return {
        "events": events,
        "us per event": 1e6 * min(times) / events,
        "us per change": 1e6 * min(times) / FILES,
        "median us per change": 1e6 * statistics.median(times) / FILES,
        "relative": min(times) / min(units),
    }


def profile(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="lockstep-core-") as directory:
        core = Core(directory, present=name != "deleted")
        reads = core.reads(MIXES[name]())
        profiler = cProfile.Profile()
        profiler.runcall(core.run, reads)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(15)


def worse(found: dict[str, dict[str, float]], base: dict[str, dict[str, float]], within: float) -> list[str]:
    """A line for each mix that takes more than `within` of what it took."""
    return [
        f"{name}: {figures['relative'] / base[name]['relative']:.2f} of what it was, allowed are {within}"
        for name, figures in found.items()
        if name in base and figures["relative"] > within * base[name]["relative"]
    ]


async def _all(names: list[str], rounds: int) -> dict[str, dict[str, float]]:
    # within a loop that is never given its turn: whatever the mirror wants to do later is not measured
    return {name: measure(name, rounds) for name in names}


async def _profiles(names: list[str]) -> None:
    for name in names:
        profile(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mixes", nargs="*", choices=[[], *MIXES], help="default: all")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", metavar="FILE", help="write the figures as JSON")
    parser.add_argument("--compare", metavar="FILE", help="exit with 1 when something has become slower than it says")
    parser.add_argument("--within", type=float, default=1.3, metavar="RATIO", help="how much slower it may be (1.3)")
    parser.add_argument("--profile", action="store_true", help="where the time goes, instead of how much")
    given = parser.parse_args()
    logging.disable()
    names = given.mixes or list(MIXES)
    if given.profile:
        asyncio.run(_profiles(names))
        return 0
    found = asyncio.run(_all(names, given.rounds))
    print(f"{'mix':10} {'events':>8} {'us/event':>9} {'us/change':>10} {'median':>8} {'relative':>9}")
    for name, figures in found.items():
        print(
            f"{name:10} {figures['events']:8.0f} {figures['us per event']:9.2f} {figures['us per change']:10.2f}"
            f" {figures['median us per change']:8.2f} {figures['relative']:9.2f}"
        )
    if given.save:
        with open(given.save, "w", encoding="ascii") as file:
            json.dump(found, file, indent=2)
            file.write("\n")
    if given.compare:
        with open(given.compare, encoding="ascii") as file:
            complaints = worse(found, json.load(file), given.within)
        print("\n".join(complaints) or "nothing is slower than it was")
        return bool(complaints)
    return 0


if __name__ == "__main__":
    sys.exit(main())
