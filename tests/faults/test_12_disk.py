"""The backup host's disk is full, read-only or limited, or refuses one name (C11, C16)."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from functools import partial

import pytest
from disk import Disk
from fault import Fault
from polling import wait_for
from scene import DATA, SMALL, SOURCE_HOST, Scene

ONLY_SMALL = (SMALL,)


@contextlib.contextmanager
def _opened(scene: Scene, kind: str) -> Iterator[Disk]:
    disk = Disk(scene, kind)
    try:
        disk.open()
        yield disk
    finally:
        disk.close()


@pytest.fixture
def disk(scene: Scene) -> Iterator[Disk]:
    with _opened(scene, "ext4") as disk:
        yield disk


@pytest.fixture
def limited(scene: Scene) -> Iterator[Disk]:
    """One that knows quotas: many kernels have none for ext4."""
    with _opened(scene, "btrfs") as disk:
        yield disk


@pytest.mark.short
def test_disk_is_full_and_freed(disk: Disk, fault: Fault) -> None:
    fault.about("the target's disk is full", "an ext4 file system of 64 MB, filled", "C11", SMALL, ONLY_SMALL)
    fault.at_the_end.callback(disk.free)
    fault.load()
    disk.fill()
    fault.shows("down", "disk is full")
    fault.others_go_on()
    fault.cured(disk.free, drains=True)


def test_disk_is_read_only(disk: Disk, fault: Fault) -> None:
    fault.about("the target's file system is read-only", "`mount -o remount,ro`", "C11", SMALL, ONLY_SMALL)
    fault.at_the_end.callback(disk.set_read_only, False)
    fault.load()
    disk.set_read_only(True)
    fault.shows("down", "read-only")
    fault.others_go_on()
    fault.cured(partial(disk.set_read_only, False), drains=True)


def test_quota_is_used_up(limited: Disk, fault: Fault) -> None:
    fault.about("the target's quota is used up", "`btrfs qgroup limit`", "C11", SMALL, ONLY_SMALL)
    fault.at_the_end.callback(limited.limit, None)
    fault.load()
    limited.limit(100_000)
    fault.shows("down", "quota is used up", seconds=90)
    fault.others_go_on()
    fault.cured(partial(limited.limit, None), drains=True)


def test_one_name_is_refused(fault: Fault) -> None:
    """Only this one waits and is tried again; what is sent with it, and after it, arrives."""
    fault.about("one name is refused", "`chattr +i` on the file on the target", "C11, C16", DATA)
    scene = fault.scene
    source, copies = scene.machines.disk(SOURCE_HOST, DATA.source), scene.machines.disk(DATA.host, DATA.path)
    name = f"fixed-{time.time_ns()}"
    (source / name).write_text("old\n")
    scene.become_equal()
    scene.wait_in_step()

    def release() -> None:
        subprocess.run(["chattr", "-i", str(copies / name)], check=True)

    subprocess.run(["chattr", "+i", str(copies / name)], check=True)
    fault.at_the_end.callback(release)
    fault.load("data")
    (source / name).write_text("new\n")
    fault.shows("behind", name, next_try=False)
    for number in range(20):
        (source / f"beside-{number}").write_text(f"{time.time()}\n")
    arrived = [copies / f"beside-{number}" for number in range(20)]
    wait_for(lambda: all(path.exists() for path in arrived), 60, fault.said)
    problems = scene.target(DATA)["problems"]
    assert [problem["path"] for problem in problems] == [name], problems
    wait_for(lambda: scene.target(DATA)["problems"][0]["attempts"] >= 3, 60, fault.said)
    assert scene.target(DATA)["problems"][0]["since"] <= time.time()
    fault.others_go_on()
    fault.cured(release, drains=True)
