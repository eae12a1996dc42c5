"""The source is unmounted, another one, remounted read-only, or damaged: nothing on the target goes with it (C7, C10).

`small` lies on a file system of its own for these; the other mirrors go on under load.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from fault import Fault
from polling import wait_for
from scene import SMALL, SOURCE_HOST, Scene
from trees import entries
from volume import Volume

PLACE = SMALL.source
NOT_THE_SAME = "the source is not the one it was"


def _copied(scene: Scene) -> set[bytes]:
    """What is on the target, temporary names of what is arriving just now apart."""
    return {path for path in entries(os.fsencode(scene.tree(SMALL.host, SMALL.path))) if b"/." not in b"/" + path[1:]}


def _accept(scene: Scene) -> None:
    wait_for(lambda: scene.target(SMALL).get("state") == "held", 30, scene.status)
    scene.run(SOURCE_HOST, "lockstep release small")
    scene.become_equal()
    scene.wait_in_step()


def _filled(scene: Scene, name: str) -> Volume:
    """A new file system with what `small` has in it, the role's marker too."""
    volume = Volume(scene, SOURCE_HOST, name)
    volume.mount("/mnt/new")
    scene.run(SOURCE_HOST, f"rmdir /mnt/new/lost+found; cp -a {PLACE}/. /mnt/new/")
    volume.umount()
    return volume


@pytest.fixture
def volume(scene: Scene) -> Iterator[Volume]:
    """A file system of its own for `small`; accepted, as is the directory below it when the test is over."""
    made = _filled(scene, "small")
    try:
        made.mount(PLACE)
        _accept(scene)
        yield made
    finally:
        made.give_up()
        _accept(scene)


def _change_all(scene: Scene, text: str) -> None:
    """A burst, so that something is under way."""
    folder = scene.source("small") / "burst"
    folder.mkdir(exist_ok=True)
    for number in range(300):
        (folder / f"{number}").write_text(f"{text} {number}\n")


@pytest.mark.short
def test_source_is_unmounted(scene: Scene, volume: Volume, fault: Fault) -> None:
    fault.about("the source is unmounted", "`umount` in the middle of a burst of changes", "C7, C10", SMALL)
    fault.load("data", "home")
    _change_all(scene, "first")
    scene.become_equal(copies=(SMALL,))
    before = _copied(scene)
    _change_all(scene, "again")
    volume.umount()
    fault.shows("held", NOT_THE_SAME, next_try=False)
    fault.others_go_on()
    assert before <= _copied(scene), "something was deleted"
    fault.cured(lambda: volume.mount(PLACE), most_lines=30)


def test_source_is_another_file_system(scene: Scene, volume: Volume, fault: Fault) -> None:
    """One that looks the same, down to the marker, with less in it."""
    fault.about("another file system stands at the source's place", "`umount`, and `mount` of a copy", "C7", SMALL)
    fault.load("data", "home")
    _change_all(scene, "first")
    scene.become_equal(copies=(SMALL,))
    before = _copied(scene)
    other = _filled(scene, "other")
    fault.at_the_end.callback(other.give_up)
    volume.umount()
    there = other.mount(PLACE)
    (there / "burst/7").unlink()
    (there / "old/deep/file").write_text("of another one\n")
    fault.shows("held", "UUID", next_try=False)
    fault.others_go_on()
    assert before <= _copied(scene), "something was deleted"
    assert (scene.tree(SMALL.host, SMALL.path) / "old/deep/file").read_text() == "was there before\n"

    def back() -> None:
        other.umount()
        volume.mount(PLACE)

    fault.cured(back, most_lines=30)


@pytest.fixture
def impatient(scene: Scene) -> Iterator[None]:
    """A watcher that trusts what it saw three seconds ago to be on the disk, not after ten minutes."""
    there = "/usr/local/lib/lockstep/lockstep/source/witness.py"
    shorter = "s/^MATURE = 600.0/MATURE = 3.0/; s/^EVERY = 60.0/EVERY = 1.0/"
    scene.run(
        SOURCE_HOST, f"cp -p {there} /srv/witness.py; sed -i '{shorter}' {there}; grep -q '^MATURE = 3.0' {there}"
    )
    scene.run(SOURCE_HOST, "systemctl restart lockstep")
    yield
    scene.run(SOURCE_HOST, f"mv /srv/witness.py {there}; systemctl restart lockstep")


def _evidence(scene: Scene) -> dict[str, int]:
    """The ctimes by which the watcher would know an older state of the source, by path."""
    known = json.loads(scene.run(SOURCE_HOST, "cat /var/lib/lockstep/small.json"))["evidence"]
    return {path: ctime for path, _inode, ctime in known}


def test_source_is_restored_from_a_snapshot(scene: Scene, impatient: None, volume: Volume, fault: Fault) -> None:
    """The same file system, root and marker; what was written since then is on the target alone."""
    fault.about(
        "an older snapshot of the source is restored",
        "`umount`, its disk as it was before the last changes, `mount`; released (10 min of patience made 3 s)",
        "C7",
        SMALL,
    )
    fault.load("data", "home")
    _change_all(scene, "first")
    scene.become_equal(copies=(SMALL,))
    before = volume.snapshot()
    _change_all(scene, "again")
    (scene.source("small") / "old/deep/file").write_text("written since\n")
    (scene.source("small") / "made since").write_text("made since\n")
    scene.become_equal(copies=(SMALL,))
    changed = scene.source("small").lstat().st_ctime_ns
    wait_for(lambda: _evidence(scene).get("") == changed, 30, lambda: _evidence(scene))
    volume.umount()
    volume.restore(before)
    volume.mount(PLACE)
    fault.shows("held", "snapshot", next_try=False)
    fault.others_go_on()
    copy = scene.tree(SMALL.host, SMALL.path)
    assert (copy / "old/deep/file").read_text() == "written since\n"
    assert (copy / "made since").exists()
    fault.cured(lambda: scene.run(SOURCE_HOST, "lockstep release small"), most_lines=30)
    assert (copy / "old/deep/file").read_text() == "was there before\n"


def test_source_is_remounted_read_only(scene: Scene, volume: Volume, fault: Fault) -> None:
    """As after an error of its disk.  The watcher writes nothing there and keeps nothing open: nothing is amiss."""
    fault.about("the source becomes read-only", "`mount -o remount,ro`, and a reconcile", "C7", SMALL)
    fault.load("data", "home")
    _change_all(scene, "first")
    scene.run(SOURCE_HOST, f"mount -o remount,ro {PLACE}")
    scene.run(SOURCE_HOST, "lockstep resync small")
    scene.become_equal(copies=(SMALL,))
    fault.shows("live", "", next_try=False)

    def writable() -> None:
        scene.run(SOURCE_HOST, f"mount -o remount,rw {PLACE}")
        _change_all(scene, "again")

    fault.cured(writable, told=False, most_lines=30)


def test_file_cannot_be_read(scene: Scene, volume: Volume, fault: Fault) -> None:
    """Its blocks lie beyond the disk's end. Everything else goes on; its copy, and what is gone meanwhile, stay."""
    fault.about("a file of the source is damaged", "its block moved beyond the end of the disk", "C10, C16", SMALL)
    fault.load("data", "home")
    (scene.source("small") / "damaged").write_text("as it was\n" * 100)
    _change_all(scene, "first")
    scene.become_equal(copies=(SMALL,))
    volume.umount()
    sound = volume.snapshot()
    volume.damage("damaged")
    volume.mount(PLACE)
    (scene.source("small") / "old/deep/file").write_text("and this one is sent\n")
    copy = scene.tree(SMALL.host, SMALL.path)
    wait_for(lambda: (copy / "old/deep/file").read_text() == "and this one is sent\n", 60, fault.said)
    fault.shows("behind", "damaged", next_try=False)
    fault.shows("behind", "needs cleaning", next_try=False)
    assert (copy / "damaged").read_text() == "as it was\n" * 100

    def repair() -> None:
        volume.umount()
        volume.restore(sound)
        volume.mount(PLACE)

    fault.cured(repair, most_lines=30)
