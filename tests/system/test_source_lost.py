"""A source that is not there, or another one, never empties a backup (C7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Rig, assembled
from mounts import Namespace
from rig import wait_for
from trees import differences, survey


@dataclass
class Mounted:
    """A rig whose source is a mount point in a namespace of the watcher's; `stash` is a file system for it."""

    rig: Rig
    space: Namespace
    stash: Path

    @property
    def source(self) -> Path:
        return self.space.view(self.rig.source)

    def mount(self) -> None:
        self.space.bind(self.stash, self.rig.source)

    def umount(self) -> None:
        self.space.umount(self.rig.source)

    def fill(self) -> None:
        for name in ("a", "b", "c"):
            (self.source / name).mkdir(exist_ok=True)
            for number in range(5):
                (self.source / name / f"f{number}").write_text(name)

    def equal(self) -> None:
        def found() -> list[str]:
            try:
                return differences(self.source, self.rig.target)
            except (FileNotFoundError, NotADirectoryError) as moved:
                return [str(moved)]

        wait_for(lambda: not found(), 30, lambda: f"{found()}; {self.rig.log()[-2000:]}")
        self.rig.watcher.wait_in_step()
        assert not found()

    def held_with_everything(self, reason: str) -> None:
        """The mirror says that it is held and why, and the target is as it was."""
        status = self.rig.watcher.wait_state("held")
        assert reason in status["reason"], status


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    """The stash is a tmpfs that stays mounted elsewhere: bound to the source, it is the same file system each time."""
    space = Namespace()
    try:
        with assembled(tmp_path) as rig:
            stash = tmp_path / "stash"
            stash.mkdir()
            space.tmpfs(stash)
            rig.watcher.before = space.enter
            yield Mounted(rig, space, stash)
    finally:
        space.close()


def test_an_unmounted_source_holds_and_the_mounted_one_goes_on(mounted: Mounted) -> None:
    """C7: umount succeeds with spares waiting, nothing is deleted, and what changed meanwhile arrives."""
    mounted.mount()
    mounted.fill()
    mounted.rig.start(reconcile_every=1, max_delete={"percent": 100, "at_least": 1000})
    mounted.equal()
    before = survey(os.fsencode(mounted.rig.target))
    mounted.umount()
    mounted.held_with_everything("source")
    assert survey(os.fsencode(mounted.rig.target)) == before
    for order in ("resync", "pause", "resume"):  # none of these is a way around it
        assert mounted.rig.watcher.ask(command=order, mirror="data")["ok"]
    inside = mounted.space.view(mounted.stash)
    (inside / "while-away").write_text("x")
    (inside / "a" / "f0").unlink()
    assert survey(os.fsencode(mounted.rig.target)) == before
    mounted.mount()
    mounted.equal()
    (mounted.source / "afterwards").write_text("x")
    mounted.equal()


def test_changes_of_the_moment_before_the_unmount_delete_nothing(mounted: Mounted) -> None:
    """C7: names that are on their way while the file system goes are not taken for deleted ones."""
    mounted.mount()
    mounted.fill()
    mounted.rig.start(max_delete={"percent": 100, "at_least": 1000})
    mounted.equal()
    for _ in range(2):
        for name in ("a", "b", "c"):
            for number in range(5):
                (mounted.source / name / f"f{number}").write_text(os.urandom(8).hex())
        mounted.space.run("umount", "--lazy", str(mounted.rig.source))  # in the middle of a transfer, too
        assert {path.name for path in mounted.rig.target.iterdir()} == {"a", "b", "c"}
        mounted.rig.watcher.wait_state("held")
        # what is under way has temporary names
        wait_for(lambda: not mounted.rig.watcher.target()["in_flight"], 30, mounted.rig.log)
        assert len(survey(os.fsencode(mounted.rig.target))) == 19
        mounted.mount()
        mounted.rig.watcher.wait_state("live")
    mounted.equal()


def test_a_file_system_that_is_really_gone_holds(mounted: Mounted) -> None:
    """C7: the last mount of it goes, so the kernel tells (IN_UNMOUNT); a new one there is another one."""
    mounted.space.tmpfs(mounted.rig.source)
    mounted.fill()
    mounted.rig.start()
    mounted.equal()
    before = survey(os.fsencode(mounted.rig.target))
    mounted.umount()
    mounted.held_with_everything("source")
    mounted.space.tmpfs(mounted.rig.source)
    wait_for(lambda: "UUID" in mounted.rig.watcher.target()["reason"], 10, mounted.rig.log)
    assert survey(os.fsencode(mounted.rig.target)) == before


def test_another_file_system_is_held_until_it_is_released(mounted: Mounted) -> None:
    """C7: mounted over the running one; the operator's word makes it the source."""
    mounted.mount()
    mounted.fill()
    mounted.rig.start(max_delete={"percent": 100, "at_least": 1000})
    mounted.equal()
    before = survey(os.fsencode(mounted.rig.target))
    mounted.space.tmpfs(mounted.rig.source)
    mounted.rig.watcher.wait_state("held")
    assert "another file system" in mounted.rig.log(), "the next look has another reason, a second later"
    mounted.held_with_everything("source")
    (mounted.source / "other").write_text("x")
    assert survey(os.fsencode(mounted.rig.target)) == before
    assert mounted.rig.watcher.ask(command="release", mirror="data")["ok"]
    mounted.equal()
    assert not (mounted.rig.target / "a").exists()


def test_a_source_that_is_not_mounted_at_the_start_is_held(mounted: Mounted) -> None:
    """C7: it is remembered across restarts, and taken up when it is mounted."""
    mounted.mount()
    mounted.fill()
    mounted.rig.start()
    mounted.equal()
    mounted.rig.watcher.stop()
    before = survey(os.fsencode(mounted.rig.target))
    mounted.umount()
    mounted.rig.watcher.start(wait=False)
    mounted.held_with_everything("is not the one it was")
    assert survey(os.fsencode(mounted.rig.target)) == before
    mounted.mount()
    mounted.rig.watcher.wait_state("live")
    mounted.equal()


@pytest.mark.parametrize("lazily", [False, True])
def test_a_file_system_below_the_source_is_missed_when_it_goes(mounted: Mounted, lazily: bool) -> None:
    """C7: what it held is not deleted, neither by events nor by a reconcile; with it back it goes on."""
    mounted.mount()
    nested, inside = mounted.rig.source / "nested", mounted.space.view(mounted.rig.source / "nested")
    inside.mkdir()
    if lazily:  # bound from elsewhere: it lives on, so the kernel tells nobody that it has left this place
        (mounted.space.view(mounted.stash.parent) / "more").mkdir()
        mounted.space.bind(mounted.rig.target.parent / "more", nested)
    else:
        mounted.space.tmpfs(nested)
    mounted.fill()
    for number in range(9):
        (inside / f"n{number}").write_text("n")
    mounted.rig.start(max_delete={"percent": 100, "at_least": 1000})
    mounted.equal()
    before = survey(os.fsencode(mounted.rig.target))
    mounted.space.umount(nested)
    assert mounted.rig.watcher.ask(command="resync", mirror="data")["ok"]
    mounted.held_with_everything("nested" if lazily else "")
    assert survey(os.fsencode(mounted.rig.target)) == before
    if lazily:
        mounted.space.bind(mounted.rig.target.parent / "more", nested)
        mounted.equal()
    else:
        mounted.space.tmpfs(nested)
        assert mounted.rig.watcher.wait_state("live")


def test_a_swapped_source_directory_is_held(rig: Rig) -> None:
    """C7: another directory under the name, as after a restore to a new one; moved back, it goes on."""
    (rig.source / "f").write_text("x")
    rig.start(max_delete={"percent": 100, "at_least": 1000})
    rig.equal()
    aside = rig.source.with_name("aside")
    rig.source.rename(aside)
    rig.source.mkdir()
    assert rig.watcher.wait_state("held")["reason"]
    assert (rig.target / "f").exists()
    rig.source.rmdir()
    aside.rename(rig.source)
    (rig.source / "g").write_text("x")
    rig.watcher.wait_state("live")
    rig.equal()


def test_a_marker_that_is_gone_holds_at_the_next_start(rig: Rig) -> None:
    """C7: where the role has placed one."""
    marker = rig.source / ".lockstep" / "identity"
    marker.parent.mkdir()
    marker.write_text("6e1f7a44-0000-4000-8000-1234567890ab\n")
    rig.start()
    rig.equal()
    rig.watcher.stop()
    marker.rename(marker.with_name("aside"))
    rig.watcher.start(wait=False)
    assert "marker" in rig.watcher.wait_state("held")["reason"]
    assert (rig.target / ".lockstep" / "identity").exists()
    assert rig.watcher.ask(command="release", mirror="data")["ok"]
    rig.equal()
