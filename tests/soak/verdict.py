"""Is it flat?  From samples to a slope, a table and a list of what is wrong.  Plain data in, plain data out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sampling import Sample

WARM_UP = 120.0  # seconds of each watcher's life in which its memory may grow: caches fill, pages are touched first
LONG_ENOUGH = 600.0  # seconds behind the warm-up from which on a slope is judged
STEEP = 2048.0  # KiB an hour that are no leak worth a word: what an allocator's fragments come to
LARGEST = 200 * 1024  # KiB
SPARE = 3  # descriptors that may be open at one moment and not at another: a file that is just written


@dataclass(frozen=True)
class Slope:
    """A straight line through the samples: what it rises by for each unit, how sure that is, and over how many."""

    each: float
    error: float
    samples: int


def lives(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The samples of each watcher, for it is killed and started anew."""
    found: dict[int, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.pid, []).append(one)
    return list(found.values())


def warm(life: Sequence[Sample]) -> list[Sample]:
    """What is judged of a watcher's life: its second half, behind the warm-up.

    What a burst took is free again, but in pieces: memory rises to what the largest bursts need, ever more slowly, and
    stays there.  What leaks goes on rising in the second half.
    """
    began, ended = life[0].at, life[-1].at
    return [one for one in life if one.at >= began + max(WARM_UP, (ended - began) / 2)]


def slope(groups: Iterable[Sequence[Sample]], along: Callable[[Sample], float]) -> Slope | None:
    """One slope of memory for all lives, each with a level of its own (least squares); None where nothing is told."""
    xx = xy = yy = 0.0
    count = used = 0
    for group in groups:
        if len(group) < 2:
            continue
        used += 1
        count += len(group)
        mean_x = sum(map(along, group)) / len(group)
        mean_y = sum(one.memory for one in group) / len(group)
        xx += sum((along(one) - mean_x) ** 2 for one in group)
        xy += sum((along(one) - mean_x) * (one.memory - mean_y) for one in group)
        yy += sum((one.memory - mean_y) ** 2 for one in group)
    free = count - used - 1
    if not xx or free < 1:
        return None
    each = xy / xx
    return Slope(each, math.sqrt(max(0.0, yy - each * xy) / free / xx), count)


def by_hour(one: Sample) -> float:
    return one.at / 3600


def by_million_events(one: Sample) -> float:
    return one.events / 1e6


def problems(samples: Sequence[Sample], idle: Sample, at_start: Sample, directories: int, strangers: int) -> list[str]:
    """What is wrong with what was held.

    `at_start`, `idle`: the first watcher and the last one, both with nothing to do; `directories`: in the source, its
    root among them; `strangers`: processes that are left and nobody's.
    """
    found = []
    behind = [warm(life) for life in lives(samples)]
    observed = sum(life[-1].at - life[0].at for life in behind if life)
    rise = slope(behind, by_hour)
    if rise is not None and observed >= LONG_ENOUGH and rise.each - 2 * rise.error > STEEP:
        found.append(f"memory grows by {rise.each:.0f} ± {rise.error:.0f} KiB an hour")
    largest = max((one.memory for one in samples), default=0)
    if largest > LARGEST:
        found.append(f"memory reached {largest} KiB, more than {LARGEST}")
    if idle.pipes != 2 * idle.children:
        found.append(f"{idle.pipes} pipes are open for {idle.children} processes, which have two each")
    others, before = idle.descriptors - idle.pipes, at_start.descriptors - at_start.pipes
    if others > before + SPARE:
        found.append(f"{others} descriptors are open beside pipes, {before} were at the start")
    if idle.zombies:
        found.append(f"{idle.zombies} processes have ended and nobody has asked how")
    if idle.watches != directories:
        found.append(f"{idle.watches} inotify watches stand for {directories} directories")
    if strangers:
        found.append(f"{strangers} processes are left of watchers that ended")
    return found


def table(samples: Sequence[Sample], rows: int = 12) -> list[str]:
    """The samples at even distances, for people."""
    lines = ["    time  memory    CPU  descriptors  processes  watches    events"]
    step = max(1, math.ceil(len(samples) / rows))
    last: Sample | None = None
    for one in samples[::step]:
        known = last is not None and last.pid == one.pid
        cpu = (one.cpu - last.cpu) / (one.at - last.at) * 100 if known and last is not None else None
        shown = f"{cpu:5.1f} %" if cpu is not None else "new pid"
        lines.append(
            f"{one.at:6.0f} s {one.memory / 1024:5.1f} MB {shown} {one.descriptors:10} {one.children:10} "
            f"{one.watches:9} {one.events:9}"
        )
        last = one
    return lines
