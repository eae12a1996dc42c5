"""git in the source: clones, and branches checked out back and forth."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Rig
from workload import UNGUARDED, plant, replant, run, times

BRANCHES = ("main", "two", "three")
AUTHOR = (
    "-c",
    "user.name=Some One",
    "-c",
    "user.email=some@one.example",
    "-c",
    "gc.auto=0",
    "-c",
    "init.defaultBranch=main",
)


def git(folder: Path, *words: str) -> str:
    return run("git", *AUTHOR, *words, cwd=folder)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some thousands of files on three branches, each of which has other contents, names and directories."""
    # without symbolic links: the daemon munges them, and git on the backup would find each of them changed
    folder = plant(tmp_path_factory.mktemp("git") / "origin", times(2000, 8000), links=False)
    git(folder, "init", "-q")
    for number, branch in enumerate(BRANCHES):
        if number:
            git(folder, "checkout", "-q", "-b", branch)
            replant(folder, number)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", branch)
    return folder


def test_clone_and_checkout_back_and_forth(rig: Rig, repository: Path, tmp_path: Path) -> None:
    """C1, C3, C22: the backup is a repository that is whole, with the branch that was checked out last."""
    rig.start(max_delete=UNGUARDED)
    git(rig.source, "clone", "-q", f"file://{repository}", "work")
    work = rig.source / "work"
    for turn in range(times(3, 20)):
        git(work, "checkout", "-q", BRANCHES[(turn + 1) % len(BRANCHES)])
    rig.equal(seconds=120)
    git(work, "checkout", "-q", "-f", "main")
    git(work, "merge", "-q", "-s", "ours", "-m", "merged", "origin/two")
    git(work, "repack", "-a", "-d", "-q")
    git(work, "prune")
    rig.equal(seconds=120)
    backup = shutil.copytree(rig.target / "work", tmp_path / "restored")
    git(backup, "fsck", "--full", "--strict", "--no-dangling")
    assert git(backup, "rev-parse", "HEAD") == git(work, "rev-parse", "HEAD")
    assert git(backup, "diff", "--no-ext-diff", "--stat", "HEAD") == "", (
        "the files of the backup are not those of its HEAD"
    )


def test_several_clones_at_once_of_which_one_goes(rig: Rig, repository: Path) -> None:
    """C3: made, removed and made again under one name."""
    rig.start(max_delete=UNGUARDED)
    for _ in range(times(1, 5)):
        git(rig.source, "clone", "-q", str(repository), "linked")  # its objects are hard links to the origin's
        git(rig.source, "clone", "-q", "-b", "two", f"file://{repository}", "other")
        run("rm", "-rf", "linked", cwd=rig.source)
        git(rig.source, "clone", "-q", "-b", "three", f"file://{repository}", "linked")
        run("rm", "-rf", "other", cwd=rig.source)
    rig.equal(seconds=120)
