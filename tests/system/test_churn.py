"""Whatever is done to the source, in whatever order: in the end both trees are equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from churn import NAMES, Churn, RenamingChurn
from conftest import Rig

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}


@pytest.mark.parametrize("seed", range(int(os.environ.get("CHURN_FROM", "1")), int(os.environ.get("CHURN_TO", "5"))))
def test_random_operations_end_in_equal_trees(rig: Rig, tmp_path: Path, seed: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.start(max_delete=NO_LIMIT)
    churn = Churn(os.fsencode(rig.source), os.fsencode(outside), seed)
    for _ in range(4):
        churn.run(int(os.environ.get("CHURN_STEPS", "400")))
        rig.equal()


# the watcher with no file too small to be made of what the target has
EVERYTHING_IS_WORTH_IT = (
    "import sys; import lockstep.intake, lockstep.plan; lockstep.intake.WORTH = lockstep.plan.WORTH = 1; "
    "from lockstep.cli import main; sys.exit(main())"
)


@pytest.mark.parametrize("seed", range(int(os.environ.get("CHURN_FROM", "1")), int(os.environ.get("CHURN_TO", "4"))))
def test_random_renames_of_files_that_look_alike_end_in_equal_trees(rig: Rig, tmp_path: Path, seed: int) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.watcher.program = ["-c", EVERYTHING_IS_WORTH_IT]
    rig.start(max_delete=NO_LIMIT)
    churn = RenamingChurn(os.fsencode(rig.source), os.fsencode(outside), seed)
    for _ in range(4):
        churn.run(int(os.environ.get("CHURN_STEPS", "400")))
        rig.equal()
    churn.tree_at(os.fsencode(rig.source) + b"/last")
    rig.equal()
    (rig.source / "last").rename(rig.source / "the last")
    rig.equal()
    assert "backup: link: confirmed" in rig.log()


def test_the_operations_themselves_change_nothing_outside(tmp_path: Path) -> None:
    """Not through a symbolic link either: run as root they could change the machine."""
    for name in ("root", "outside"):
        (tmp_path / name).mkdir()
    other = tmp_path / "other"
    other.write_text("not yours")
    before = other.stat()
    for name in NAMES:
        os.symlink(b"../other", os.path.join(os.fsencode(tmp_path / "root"), name))
    Churn(os.fsencode(tmp_path / "root"), os.fsencode(tmp_path / "outside"), seed=1).run(1500)
    after = other.stat()
    assert other.read_text() == "not yours"
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, before.st_nlink)
