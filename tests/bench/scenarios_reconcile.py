"""The first comparison of a large tree with its target, which is equal already or empty, and live changes meanwhile."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Callable

from bench import accounting, load
from bench.equality import differing, inodes_used, sketch, strictly, wait_equal
from bench.extent import Extent
from bench.figures import Record, between, ratio
from bench.observer import Observer
from bench.place import BenchError, Place
from bench.subjects import OURS, Ours, Subject

_RATE = 50.0  # small files a second, meanwhile
_ASK = 0.05  # seconds between questions to whoever says himself when he is done
_WALK_EVERY = 60.0  # seconds; the count of inodes tells when a walk is worth its time
_SETTLES = 10.0  # seconds in which what promises equal trees must have them


def same(place: Place, subject: Subject, extent: Extent) -> Record:
    """The target is equal beforehand: until the contender says that it is done, for nothing else is to be seen.

    Beside it the dry run of one bare rsync over the same trees.
    """
    _small_folders(place)
    load.make_tree(place.source / "tree", extent.reconcile_files, extent.reconcile_directories, 500, 1_500)
    subprocess.run(["cp", "-a", f"{place.source}/.", str(place.target)], check=True)  # three times as fast as rsync
    bare, bare_cpu = place.send(place.source, "target", "--dry-run", "--delete")

    def until_done() -> float:
        until = time.monotonic() + extent.tree_wait
        while True:
            moment = time.perf_counter()
            subject.running()
            if subject.caught_up():
                return moment
            if time.monotonic() > until:
                raise BenchError(f"{subject.title} is not done within {extent.tree_wait:g} s: {subject.output()}")
            time.sleep(_ASK)

    return _meanwhile(place, subject, extent, until_done, bare, bare_cpu)


def new(place: Place, subject: Subject, extent: Extent) -> Record:
    """The target has nothing of the tree: until it is equal, as seen from outside, beside one bare rsync of it."""
    _small_folders(place)
    place.send(place.source)
    tree = place.source / "tree"
    load.make_tree(tree, extent.reconcile_files, extent.reconcile_directories, 500, 1_500)
    entries = 1 + sum(1 for _top in tree.iterdir()) + extent.reconcile_directories + extent.reconcile_files
    bare, bare_cpu = place.send(tree, "bare")
    wanted = inodes_used(place.top) + entries

    def all_there() -> bool:
        small = sum(map(names_below, (place.source, place.target)))
        return inodes_used(place.top) - small >= wanted

    def until_equal() -> float:
        return wait_equal(tree, place.target / "tree", extent.tree_wait, all_there, walk_every=_WALK_EVERY)

    return _meanwhile(place, subject, extent, until_equal, bare, bare_cpu)


def _small_folders(place: Place) -> None:
    for folder in load.folders(place.source):
        folder.mkdir()


def names_below(top: Path) -> int:
    """How many names the directories have that the load is written into."""
    return sum(len(os.listdir(folder)) for folder in load.folders(top))


def _meanwhile(
    place: Place, subject: Subject, extent: Extent, end: Callable[[], float], bare: float, bare_cpu: float
) -> Record:
    """From the start of the contender to `end`; of the small files count those closed when all was watched already.

    Where nobody can tell when that is, those closed since its start.
    """
    observer = Observer(load.folders(place.target))
    writer = load.Load(place.source, _RATE, extent.tree_wait, "s")
    try:
        busy = accounting.machine_cpu_seconds()
        started = watched = time.perf_counter()
        subject.start()
        if isinstance(subject, Ours):
            subject.wait_watched(extent.tree_wait)
            watched = time.perf_counter()
        ended = end()
        used, busy = subject.cpu(), accounting.machine_cpu_seconds() - busy
        writer.end()
        closed = writer.result()
        _wait_for(place.target, len(closed), extent.lag_wait)
        seen = load.numbers(observer.result(0.0), "s")
    finally:
        observer.close()
        writer.close()
    return {
        "seconds": ended - started, "watched_s": watched - started, "bare_s": bare,
        "ratio": ratio(ended - started, bare), "cpu_s": used, "bare_cpu_s": bare_cpu,
        "machine_cores": ratio(busy, ended - started),
        **between(closed, seen, watched, ended),
        "differences": _left(place, subject),
    }  # fmt: skip


def _left(place: Place, subject: Subject) -> int:
    """Differences that stay, by content; of a peer's only those of the large tree that a walk shows, as the small files
    may well be a second late."""
    if subject.name in OURS:
        return strictly(place.source, place.target, _SETTLES)
    return len(differing(sketch(place.source / "tree"), sketch(place.target / "tree")))


def _wait_for(top: Path, count: int, seconds: float) -> None:
    """Until so many small files are below, or `seconds` are over."""
    until = time.monotonic() + seconds
    while names_below(top) < count and time.monotonic() < until:
        time.sleep(0.02)
