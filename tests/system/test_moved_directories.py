"""What has another name is not deleted, however often and wherever it was moved: that is never held (C8)."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for

LIMIT = {"percent": 10, "at_least": 20, "window": 60}
DIRECTORIES, FILES, MOVES = 12, 10, 150


def _directories(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_dir())


def _move_one(source: Path, chance: random.Random, number: int) -> None:
    """A directory with all that is below it into any other one, under a new name."""
    found = _directories(source)
    what = chance.choice(found)
    where = chance.choice([source, *(path for path in found if what not in (path, *path.parents))])
    what.rename(where / f"m{number}")


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.2])
def test_directories_that_are_moved_into_each_other_all_the_time_are_no_mass_deletion(rig: Rig, pause: float) -> None:
    for number in range(DIRECTORIES):
        folder = rig.source / f"d{number}"
        folder.mkdir()
        for file in range(FILES):
            (folder / f"f{file}").write_text(f"{number} {file}")
    rig.start(max_delete=LIMIT)
    rig.equal()
    chance = random.Random(7)
    for number in range(MOVES if pause < 0.1 else MOVES // 3):
        _move_one(rig.source, chance, number)
        (rig.source / "beside").write_text(str(number))
        time.sleep(pause)  # more than one batch, or all of it in one
        assert rig.watcher.target()["held"] is None, f"after {number + 1} moves\n{rig.log()}"
    rig.equal()
    assert " held" not in rig.log()


def test_what_was_moved_and_then_deleted_is_a_mass_deletion_all_the_same(rig: Rig) -> None:
    for number in range(DIRECTORIES):
        (rig.source / f"d{number}").mkdir()
        for file in range(FILES):
            (rig.source / f"d{number}/f{file}").write_text("x")
    rig.start(max_delete=LIMIT)
    rig.equal()
    for number in range(DIRECTORIES):
        (rig.source / f"d{number}").rename(rig.source / f"e{number}")
        if number >= DIRECTORIES // 2:
            shutil.rmtree(rig.source / f"e{number}")
    rig.watcher.wait_state("held")
    # what was moved is still on its way, and goes from its old names when it has arrived

    def at_rest() -> bool:
        now = rig.watcher.target()
        return now["pending"] == now["in_flight"] == 0

    wait_for(at_rest, 30, rig.log)
    kept = sum(path.is_file() for path in rig.target.rglob("*"))
    assert kept >= DIRECTORIES * FILES - LIMIT["at_least"], "more was deleted than may be"
