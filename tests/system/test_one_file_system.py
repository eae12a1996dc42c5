"""A mirror of one file system: what is mounted below its source is neither watched nor sent nor deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig, assembled
from mounts import Namespace
from rig import wait_for
from trees import differences


class Mounted:
    """A rig in whose source tmpfs come and go; `source` is the watcher's view of it, `target` what it has made."""

    def __init__(self, rig: Rig, space: Namespace) -> None:
        self.rig, self.space = rig, space
        self.source, self.target = space.view(rig.source), rig.target

    def mount(self, name: str) -> None:
        (self.source / name).mkdir(parents=True, exist_ok=True)
        self.space.tmpfs(self.rig.source / name)

    def become_equal(self, *leave_out: bytes) -> None:
        def found() -> list[str]:
            try:
                return differences(self.source, self.target, leave_out=frozenset(leave_out))
            except (FileNotFoundError, NotADirectoryError) as moved:
                return [str(moved)]

        wait_for(lambda: not found(), 30, lambda: f"{found()}; {self.rig.log()[-2000:]}")
        self.rig.watcher.wait_in_step()
        assert not found()

    def mirror(self) -> dict[str, Any]:
        return self.rig.watcher.status()["mirrors"][0]

    def compare(self) -> None:
        """Everything is compared once more, and what was found has arrived."""
        done = self.mirror()["targets"][0]["reconcile"]["started"]
        assert self.rig.watcher.ask(command="resync", mirror="data")["ok"]
        wait_for(lambda: self.mirror()["targets"][0]["reconcile"]["started"] != done, 30, "a comparison to begin")
        self.rig.watcher.wait_in_step()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    space = Namespace()
    try:
        with assembled(tmp_path) as rig:
            rig.watcher.before = space.enter
            yield Mounted(rig, space)
    finally:
        space.close()


def test_of_one_file_system_nothing_mounted_below_is_watched_sent_or_deleted(mounted: Mounted) -> None:
    """C5: by the comparison at the start, live, and by a later comparison; with `*` in the name it is no pattern."""
    mounted.mount("d/m*")
    (mounted.source / "d" / "m*" / "deep").mkdir()
    (mounted.source / "d" / "m*" / "deep" / "f").write_text("of another file system")
    (mounted.source / "d" / "mine").write_text("x")
    kept = mounted.target / "d" / "m*" / "kept"
    kept.parent.mkdir(parents=True)
    kept.write_text("of an earlier mirror")
    mounted.rig.start(one_file_system=True)
    mounted.become_equal(b"d/m*")
    assert mounted.mirror()["watches"] == 2  # the source, d
    (mounted.source / "d" / "m*" / "deep" / "new").write_text("x")
    (mounted.source / "d" / "m*" / "newer").mkdir()
    (mounted.source / "d" / "after").write_text("x")
    mounted.become_equal(b"d/m*")
    mounted.compare()
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]
    assert kept.read_text() == "of an earlier mirror"


def test_what_is_mounted_while_it_is_watched_leaves_the_mirror_and_comes_back_with_its_events(mounted: Mounted) -> None:
    """C5: the files that a mount covers stay on the target; when it has gone, they are watched again."""
    (mounted.source / "m" / "sub").mkdir(parents=True)
    (mounted.source / "m" / "sub" / "covered").write_text("x")
    mounted.mount("early")
    mounted.rig.start(one_file_system=True, max_delete={"percent": 100, "at_least": 1000})
    mounted.become_equal(b"early")
    mounted.mount("m")
    (mounted.source / "m" / "other").write_text("x")
    (mounted.rig.source / "m" / "sub" / "covered").unlink()  # below the mount, as only another namespace can
    mounted.compare()
    assert (mounted.target / "m" / "sub" / "covered").exists()
    assert not (mounted.target / "m" / "other").exists()
    for name in ("m", "early"):
        mounted.space.umount(mounted.rig.source / name)
    mounted.become_equal()
    wait_for(lambda: mounted.mirror()["watches"] == 4, 30, mounted.mirror)  # the source, early, m, m/sub
    (mounted.source / "early" / "f").write_text("x")
    (mounted.source / "m" / "sub" / "again").write_text("x")
    mounted.become_equal()


def test_without_it_what_is_mounted_below_belongs_to_the_mirror(mounted: Mounted) -> None:
    """What the tests above leave out arrives otherwise, so that they can fail."""
    mounted.mount("m")
    (mounted.source / "m" / "f").write_text("x")
    mounted.rig.start()
    mounted.become_equal()
    assert (mounted.target / "m" / "f").exists()
    mounted.rig.watcher.stop()
    mounted.rig.start(one_file_system=True)  # nothing is missing when it is asked for later
    (mounted.source / "m" / "g").write_text("x")
    (mounted.source / "h").write_text("x")
    mounted.become_equal(b"m")
    assert (mounted.target / "m" / "f").exists()
    assert not (mounted.target / "m" / "g").exists()
