"""Whole trees: copied in at once, renamed, deleted."""

from __future__ import annotations

import shutil
import subprocess
import time

from bench import accounting, isolation, load
from bench.equality import inodes_used, sketch, strictly, wait_equal
from bench.extent import Extent
from bench.figures import Record
from bench.place import BenchError, Place
from bench.subjects import OURS, Subject

_SETTLES = 10.0  # seconds in which what promises equal trees must have them


def burst(place: Place, subject: Subject, extent: Extent) -> Record:
    """A tree copied in at once, beside the same copy and then one bare rsync through the same daemon."""
    tree, copy = place.top / "tree", place.top / "copy"
    load.make_tree(tree, extent.burst_files, extent.burst_directories, 1_000, 20_000)
    entries = 1 + len(sketch(tree))
    started, cpu = time.perf_counter(), accounting.machine_cpu_seconds()
    subprocess.run(["cp", "-r", str(tree), str(copy)], check=True)
    copied = time.perf_counter() - started
    bare, _cpu = place.send(copy, "bare")
    bare_cpu = accounting.machine_cpu_seconds() - cpu
    shutil.rmtree(copy)
    subject.start()
    subject.wait_live()
    before = inodes_used(place.top)
    started, cpu = time.perf_counter(), accounting.machine_cpu_seconds()
    subprocess.run(["cp", "-r", str(tree), str(place.source / "tree")], check=True)
    own_copy = time.perf_counter() - started
    # Everything is there twice when the target has it; then the walk that tells for sure is worth its time.
    wanted = before + 2 * entries
    equal = wait_equal(place.source, place.target, extent.tree_wait, lambda: inodes_used(place.top) >= wanted)
    seconds, busy = equal - started, accounting.machine_cpu_seconds() - cpu
    return {
        "machine_cpu_s": busy, "bare_machine_cpu_s": bare_cpu,
        "files": extent.burst_files, "directories": extent.burst_directories, "seconds": seconds,
        "copy_s": copied, "own_copy_s": own_copy, "bare_s": bare, "copy_and_bare_s": copied + bare,
        "ratio": seconds / (copied + bare),
        "differences": _left(place, subject),
    }  # fmt: skip


def rename(place: Place, subject: Subject, extent: Extent) -> Record:
    """A directory gets another name: until the target has it, and the bytes that went over the wire for it."""
    size = extent.rename_bytes // extent.rename_files
    load.make_tree(place.source / "before", extent.rename_files, 10, size, size)
    place.send(place.source)
    subject.start()
    subject.wait_live()
    wire = isolation.wire_bytes()
    started = time.perf_counter()
    (place.source / "before").rename(place.source / "after")
    old = place.target / "before"
    equal = wait_equal(place.source, place.target, extent.tree_wait, lambda: not old.exists(), 0.01)
    after = isolation.wire_bytes()
    return {
        "files": extent.rename_files, "bytes": extent.rename_bytes, "seconds": equal - started,
        "wire_bytes": None if wire is None or after is None else after - wire,
        "differences": _left(place, subject),
    }  # fmt: skip


def deletion(place: Place, subject: Subject, extent: Extent) -> Record:
    """A tree is deleted, beside the same rm and then one bare rsync of that deletion alone.

    More stays than goes: a loss of a quarter of everything would be held by whoever guards against mistakes.
    """
    load.make_tree(place.source / "tree", extent.deletion_files, extent.deletion_files // 10, 1_000, 10_000)
    copy = place.top / "copy"
    load.make_tree(place.source / "stays", 4 * extent.deletion_files, extent.deletion_files // 10, 500, 1_000)
    copy.mkdir()
    subprocess.run(["cp", "-a", str(place.source / "tree"), str(copy)], check=True)
    place.send(copy, "bare")
    removed = _remove(copy / "tree")
    dry, _cpu = place.send(copy, "bare", "--delete", "--dry-run")
    bare, _cpu = place.send(copy, "bare", "--delete")
    if (place.bare / "tree").exists():
        raise BenchError("the bare rsync did not delete")
    place.send(place.source)
    subject.start()
    subject.wait_live()
    started = time.perf_counter()
    _remove(place.source / "tree")
    gone = place.target / "tree"
    equal = wait_equal(place.source, place.target, extent.tree_wait, lambda: not gone.exists(), 0.01)
    seconds = equal - started
    return {
        "files": extent.deletion_files, "seconds": seconds,
        "rm_s": removed, "dry_s": dry, "bare_s": bare, "rm_and_bare_s": removed + bare,
        "ratio": seconds / (removed + bare), "differences": _left(place, subject),
    }  # fmt: skip


def _remove(tree: object) -> float:
    started = time.perf_counter()
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    return time.perf_counter() - started


def _left(place: Place, subject: Subject) -> int:
    """Differences that stay, by content; the others promise less, and are not waited for."""
    return strictly(place.source, place.target, _SETTLES if subject.name in OURS else 0.0)
