"""What it costs to begin, and to stand by."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from pathlib import Path

from bench import accounting, load
from bench.extent import Extent
from bench.figures import Record, ratio
from bench.place import BenchError, Place
from bench.subjects import Ours, Subject

_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")


def watches_held(pid: int) -> int:
    """How many inotify watches a process and its descendants hold, by the kernel's word.  proc_pid_fdinfo(5)."""
    total = 0
    for one in accounting.family(pid):
        for path in Path(f"/proc/{one}/fdinfo").glob("*"):
            try:
                total += path.read_bytes().count(b"inotify wd:")
            except OSError:
                continue  # it was closed, or its process ended
    return total


def start(place: Place, subject: Subject, extent: Extent) -> Record:
    """Until a large tree is watched, beside `inotifywait -r` on the same tree just before."""
    directories = extent.start_directories
    allowed = int(_LIMIT.read_text())
    if allowed < directories * 1.1:
        raise BenchError(f"fs.inotify.max_user_watches is {allowed}: {directories} directories cannot be watched")
    load.make_tree(place.source, 0, directories, 0, 0)
    wanted = 1 + sum(1 for _entry in place.source.iterdir()) + directories
    place.send(place.source)
    peer_seconds, peer_resident = _inotifywait(place)
    started = time.perf_counter()
    subject.start()
    if isinstance(subject, Ours):
        subject.wait_watched(extent.tree_wait)
        seconds = time.perf_counter() - started
    else:
        # It does not tell: ask the kernel, seldom, for the answer takes the list of watches for itself.
        while True:
            asked = time.perf_counter()
            if watches_held(subject.running()) >= wanted:
                break
            if time.perf_counter() - started > extent.tree_wait:
                raise BenchError(f"not watched within {extent.tree_wait:g} s")
            time.sleep(max(0.1, 3 * (time.perf_counter() - asked)))
        seconds = asked - started
    resident = subject.resident()
    held = watches_held(subject.running())
    if held < wanted:
        raise BenchError(
            f"{subject.title} says that all is watched, and has {held} watches for {wanted} directories "
            f"(fs.inotify.max_user_watches allows {allowed} to all processes of this user together)"
        )
    return {
        "directories": wanted, "seconds": seconds, "resident": resident,
        "inotifywait_s": peer_seconds, "inotifywait_resident": peer_resident, "ratio": ratio(seconds, peer_seconds),
    }  # fmt: skip


def start_quarter(place: Place, subject: Subject, extent: Extent) -> Record:
    """The same over a quarter of the directories: whether it grows as the tree does shows in the two."""
    return start(place, subject, dataclasses.replace(extent, start_directories=extent.start_directories // 4))


def _inotifywait(place: Place) -> tuple[float, int]:
    """Seconds until `inotifywait -r` says that it watches, and the bytes that it then has resident."""
    started = time.perf_counter()
    process = subprocess.Popen(
        ["inotifywait", "-mr", "-e", "close_write,create,delete,move,attrib", str(place.source)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if re.search(rb"Watches established", line):
                break
        else:
            raise BenchError("inotifywait could not watch the tree")
        return time.perf_counter() - started, accounting.resident(process.pid)
    finally:
        process.kill()
        process.wait()


def idle(place: Place, subject: Subject, extent: Extent) -> Record:
    """Nothing happens: the CPU that it takes all the same, with the processes that it keeps."""
    load.make_tree(place.source / "tree", 2_000, 1_000, 1_000, 2_000)
    place.send(place.source)
    subject.start()
    subject.wait_live()
    time.sleep(1.0)
    before, alone = subject.cpu(), accounting.own_cpu_seconds(subject.running())
    time.sleep(extent.idle_seconds)
    used, alone = subject.cpu() - before, accounting.own_cpu_seconds(subject.running()) - alone
    return {
        "seconds": extent.idle_seconds, "cpu_s": used, "cpu_percent": 100 * used / extent.idle_seconds,
        "own_cpu_percent": 100 * alone / extent.idle_seconds, "resident": subject.resident(),
        "resident_all": sum(accounting.resident(one) for one in accounting.family(subject.running())),
        "processes": len(accounting.family(subject.running())),
    }  # fmt: skip
