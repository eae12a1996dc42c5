"""A first reconcile tells how far it is, and ends in equal trees with what changed meanwhile (C3, C8)."""

from __future__ import annotations

import os
from typing import Any

from conftest import Rig
from rig import wait_for

FILES, SIZE = 6_000, 700


def _fill(rig: Rig) -> None:
    for number in range(FILES):
        folder = rig.source / f"d{number % 20}" / f"e{number % 300}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"x" * SIZE)


def test_progress_grows_to_its_end_while_live_changes_arrive(rig: Rig) -> None:
    _fill(rig)
    rig.watcher.start(wait=False)
    rig.watcher.wait_answers()
    seen: list[dict[str, Any]] = []
    arrived = 0

    def is_over() -> bool:
        nonlocal arrived
        target = rig.watcher.target()
        seen.append(target["reconcile"])
        if target["state"] in ("reconciling", "live"):  # its watches stand
            (rig.source / f"live{arrived}").write_text(str(arrived))
            wait_for((rig.target / f"live{arrived}").exists, 10, rig.log)
            arrived += 1
        return bool(target["state"] == "live")

    wait_for(is_over, 60, rig.log)
    sending = [each for each in seen if each["state"] == "sending"]
    assert sending
    assert arrived > 3
    assert all(0 <= each["done"] <= each["known"] for each in seen)
    assert all(0 <= each["bytes_done"] <= each["bytes_known"] for each in seen)
    assert [each["done"] for each in sending] == sorted(each["done"] for each in sending)
    # the comparison may have seen what was made first
    assert all(FILES * SIZE <= each["bytes_known"] < FILES * SIZE + 1_000 for each in sending)
    assert any(0 < each["done"] < each["known"] for each in sending)
    assert all(each["remaining"] is None or 0 <= each["remaining"] < 600 for each in seen)
    rig.equal()
    end = rig.watcher.target()["reconcile"]
    assert end["state"] == "done"
    assert FILES < end["known"] == end["done"] < FILES + 1_000
    assert end["bytes_done"] == end["bytes_known"]
    assert (end["remaining"], end["rate"]) == (None, None)


def test_a_tree_compared_by_several_processes_ends_equal(rig: Rig) -> None:
    """What differs at the top, in shared directories and below a single one, in names of all kinds."""
    _fill(rig)
    rig.start()
    rig.equal()
    rig.watcher.stop()
    for number in range(0, FILES, 100):
        path = rig.source / f"d{number % 20}" / f"e{number % 300}" / f"f{number}"
        before = path.stat()
        path.write_bytes(b"y" * SIZE)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        path.with_name(f"f{number + 20}").unlink(missing_ok=True)
    for name in (b"top", b"\xff\n", b"*"):
        (rig.source / os.fsdecode(name)).write_text("new")
    (rig.source / "[a] b" / "*").mkdir(parents=True)
    (rig.source / "[a] b" / "*" / "f").touch()
    (rig.target / "only-there").mkdir()
    (rig.target / "only-there" / "f").touch()
    (rig.target / "d1" / "only-there").touch()
    rig.watcher.start()
    rig.equal()
