"""Most of a source is deleted: held before anything goes, until it is released or the files are back (C8)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fault import Fault
from polling import wait_for
from scene import DATA, DATA_02, SOURCE_HOST, Scene
from trees import entries

FILES = 2_500  # more than max_delete's at_least, and more than a quarter of all there is


def _filled(scene: Scene) -> Path:
    """A directory with so many files on both targets."""
    folder = scene.source("data") / "many"
    for below in range(FILES // 100):
        (folder / f"{below}").mkdir(parents=True)
        for number in range(100):
            (folder / f"{below}/{number}").write_text(f"{number}\n")
    scene.become_equal()
    scene.wait_in_step()
    return folder


def _left(scene: Scene) -> list[int]:
    """How many entries of it are on each target."""
    found = []
    for copy in (DATA, DATA_02):
        folder = os.fsencode(scene.tree(copy.host, copy.path) / "many")
        found.append(len(list(entries(folder))) if os.path.isdir(folder) else 0)
    return found


def _cleared(scene: Scene) -> None:
    """Nothing is left of it anywhere, for the next test."""
    scene.run(SOURCE_HOST, "rm -rf /srv/data/many")
    wait_for(lambda: scene.run(SOURCE_HOST, "lockstep release data") and not scene.unequal(), 60, lambda: _left(scene))


def _whole() -> list[int]:
    return [1 + FILES // 100 + FILES] * 2


def _held(fault: Fault) -> None:
    for copy in (DATA, DATA_02):
        fault.shows("held", "lockstep release data", next_try=False, copy=copy)
        held = fault.scene.target(copy)["held"]
        assert held["deletions"] >= FILES, held
        assert held["command"] == "lockstep release data"


@pytest.mark.short
def test_mass_deletion_is_held_and_released(fault: Fault) -> None:
    fault.about("most of the source is gone", f"a directory of {FILES:,} files moved out of it; released", "C8")
    scene = fault.scene
    folder = _filled(scene)
    fault.load("data", "home", rate=10)
    scene.run(SOURCE_HOST, "mv /srv/data/many /srv/away")
    fault.at_the_end.callback(scene.run, SOURCE_HOST, "rm -rf /srv/away")
    _held(fault)
    fault.others_go_on()
    assert _left(scene) == _whole()
    assert not folder.exists()
    fault.cured(lambda: scene.run(SOURCE_HOST, "lockstep release data"), most_lines=30)


def test_mass_deletion_is_held_until_the_files_are_back(fault: Fault) -> None:
    fault.about("most of the source is gone, and back", f"a directory of {FILES:,} files moved out and in again", "C8")
    scene = fault.scene
    _filled(scene)
    fault.at_the_end.callback(scene.run, SOURCE_HOST, "rm -rf /srv/away")
    fault.load("data", "home", rate=10)
    scene.run(SOURCE_HOST, "mv /srv/data/many /srv/away")
    _held(fault)
    assert _left(scene) == _whole()
    fault.record.notes.append("what else had been deleted meanwhile is released by the operator")
    fault.cured(lambda: _back(scene), most_lines=30)
    assert _left(scene) == _whole()
    _cleared(scene)


def _back(scene: Scene) -> None:
    """The directory is back, and is held no more; what others have deleted meanwhile is, until somebody looks at it."""
    scene.run(SOURCE_HOST, "mv /srv/away /srv/data/many")

    def held() -> list[int]:
        return [(scene.target(copy)["held"] or {"deletions": 0})["deletions"] for copy in (DATA, DATA_02)]

    wait_for(lambda: max(held()) < FILES // 10, 60, lambda: f"what is back to be held no more, but: {held()}")
    assert _left(scene) == _whole()
    scene.run(SOURCE_HOST, "lockstep release data")


def test_mass_deletion_one_by_one_is_held_at_the_limit(fault: Fault) -> None:
    """`rm -rf` comes as many small deletions; no more than the limit of them goes before the rest is held."""
    fault.about("most of the source is deleted", f"`rm -rf` of {FILES:,} files; released", "C8")
    scene = fault.scene
    _filled(scene)
    scene.run(SOURCE_HOST, "rm -rf /srv/data/many")
    for copy in (DATA, DATA_02):
        fault.shows("held", "lockstep release data", next_try=False, copy=copy)
    least = min(_left(scene))
    assert least >= _whole()[0] - 1_000 - 1, f"only {least} are left"
    fault.record.notes.append(f"{least:,} of {_whole()[0]:,} entries were still on the target when it was held")
    fault.cured(lambda: scene.run(SOURCE_HOST, "lockstep release data"), most_lines=30)
