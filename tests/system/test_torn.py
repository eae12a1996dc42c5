"""No half-written file is ever seen under its name on the target (C4)."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from conftest import Rig
from rig import wait_for

SIZE = 8 << 20


@contextlib.contextmanager
def _observed(path: Path) -> Iterator[set[tuple[bytes, int]]]:
    """Reads the file over and over; yields what it was seen to be: the bytes that are in it, and its size."""
    seen: set[tuple[bytes, int]] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            with contextlib.suppress(FileNotFoundError):
                content = path.read_bytes()
                seen.add((bytes(sorted(set(content[:: 1 << 12] + content[-1:]))), len(content)))
            time.sleep(0.002)

    worker = threading.Thread(target=look)
    worker.start()
    try:
        yield seen
    finally:
        over.set()
        worker.join()


def test_only_complete_versions_are_seen_of_a_file_that_is_replaced(rig: Rig) -> None:
    """C4: new versions come by rename, faster than they can be sent."""
    rig.start()
    with _observed(rig.target / "f") as seen:
        for number in range(25):
            new = rig.source / "new"
            new.write_bytes(bytes([65 + number]) * SIZE)
            new.rename(rig.source / "f")
        rig.equal()
    assert {(bytes([65 + number]), SIZE) for number in range(25)} >= seen
    assert (b"Y", SIZE) in seen


def test_only_complete_versions_are_seen_of_a_file_that_is_written_in_place(rig: Rig) -> None:
    """C4: slowly written, closed, and written again when it has arrived."""
    rig.start()
    versions = set()
    with _observed(rig.target / "f") as seen:
        for number in range(4):
            content, size = bytes([65 + number]), SIZE + number * 4096
            versions.add((content, size))
            with (rig.source / "f").open("wb", buffering=0) as file:
                for _ in range(0, size, size // 8):
                    file.write(content * (size // 8))
                    time.sleep(0.02)  # between writes, as slow programs do
                file.truncate(size)
                file.seek(0)
                file.write(content * size)
            rig.equal()
    assert versions >= seen
    assert len(seen) == 4


def test_a_transfer_that_is_cut_leaves_the_old_version(rig: Rig) -> None:
    """C4, C12: and nothing beside it once the daemon is back."""
    rig.start()
    (rig.source / "f").write_bytes(b"A" * SIZE)
    rig.equal()
    with _observed(rig.target / "f") as seen:
        for number in range(2):
            new = rig.source / "new"
            new.write_bytes(bytes([66 + number]) * (SIZE * 4))
            new.rename(rig.source / "f")
            wait_for(lambda: rig.watcher.target()["in_flight"] or not rig.differences(), 30, rig.log)
            rig.daemon.kill()
            rig.daemon.start()
        assert {(b"A", SIZE), *((bytes([66 + number]), SIZE * 4) for number in range(2))} >= seen
        wait_for(lambda: (rig.target / "f").read_bytes()[:1] == b"C", 30, rig.log)
    assert os.listdir(rig.source) == ["f"]


def _half_written(rig: Rig, folder: str = "") -> list[str]:
    return [path.name for path in (rig.target / folder).glob(".f.*")]


def test_what_a_killed_daemon_left_half_written_is_removed_when_it_is_back(rig: Rig) -> None:
    """C12: without a reconcile; and nothing else that the target alone has is touched by that."""
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--bwlimit=4000"]  # KiB/s: time to cut it in
    (rig.source / "d/below").mkdir(parents=True)
    rig.start()
    rig.equal()
    compared = rig.watcher.target()["reconcile"]
    for folder in ("d", ""):
        (rig.source / folder / "f").write_bytes(os.urandom(12 << 20))
        wait_for(lambda folder=folder: _half_written(rig, folder), 20, rig.log)
        rig.daemon.kill()
        assert _half_written(rig, folder)
        others = [rig.target / folder / name for name in (".g.AbCdEf", ".f.AbC", "own")]
        for path in others:
            path.write_text("of the target alone")
        rig.daemon.start()
        wait_for(lambda folder=folder: _half_written(rig, folder) == [".f.AbC"], 30, rig.log)
        for path in others:
            path.unlink()  # which must still be there
    (rig.source / "d").touch()  # whose time on the target that has changed, as it has the source's own
    (rig.source / "last").touch()
    rig.equal()
    assert rig.watcher.target()["reconcile"] == compared


def test_a_log_that_never_stops_growing_arrives_all_the_time(rig: Rig) -> None:
    """C4: every max_wait, and its last state after it is quiet; each state is a beginning of it."""
    rig.start(quiet=0.2, max_wait=0.4)
    lines, states = 0, set()
    there = rig.target / "log"
    with (rig.source / "log").open("w") as file:
        until = time.monotonic() + 30
        while len(states) < 5:
            assert time.monotonic() < until, f"{sorted(states)}; {rig.log()[-3000:]}"
            file.write(f"{lines:08}\n")
            file.flush()
            lines += 1
            if there.exists():
                states.add(there.stat().st_size)
            time.sleep(0.02)
        assert all(size % 9 == 0 for size in states)
        wait_for(lambda: there.stat().st_size == 9 * lines, 30, rig.log)
    rig.equal()
