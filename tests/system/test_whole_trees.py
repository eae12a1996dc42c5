"""Directories that appear whole arrive whole, however fast they were made (C3)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Some hundred files in directories of all depths, outside of the source."""
    top = tmp_path / "tree"
    for number in range(300):
        folder = top / f"d{number % 7}" / f"e{number % 11}" / f"f{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(os.urandom(number * 10))
    (top / "empty" / "empty").mkdir(parents=True)
    (top / "link").symlink_to("d0")
    return top


def _run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def test_cp_a(rig: Rig, tree: Path) -> None:
    """C3: many times, since it is a race."""
    rig.start()
    for number in range(5):
        _run("cp", "-a", str(tree), f"copy{number}", cwd=rig.source)
    rig.equal()


def test_moved_in_and_written_at_once(rig: Rig, tree: Path) -> None:
    """C3: its files give no event; later changes below it do."""
    rig.start()
    tree.rename(rig.source / "in")
    (rig.source / "in" / "d0" / "e0" / "at-once").write_text("x")
    rig.equal()
    (rig.source / "in" / "d1" / "later").write_text("x")
    (rig.source / "in" / "empty" / "empty" / "later").mkdir()
    rig.equal()


def test_old_files_moved_in_over_equal_ones(rig: Rig, tree: Path) -> None:
    """C3, C22: same names, sizes and times as what was there, and other contents."""
    rig.start()
    for name, text in (("one", "AAAA"), ("two", "BBBB")):
        folder = tree.parent / name / "sub"
        folder.mkdir(parents=True)
        (folder / "f").write_text(text)
        os.utime(folder / "f", ns=(10**18, 10**18))
    (tree.parent / "one").rename(rig.source / "x")
    rig.equal()
    (rig.source / "x").rename(tree.parent / "old")
    (tree.parent / "two").rename(rig.source / "x")
    rig.equal()
    assert (rig.target / "x" / "sub" / "f").read_text() == "BBBB"


def test_tar_x(rig: Rig, tree: Path) -> None:
    """C3: directories get their times and modes last."""
    rig.start()
    (tree / "d0").chmod(0o555)
    os.utime(tree / "d1", (10**9, 10**9))
    _run("tar", "cf", "../tree.tar", ".", cwd=tree)
    for number in range(3):
        (rig.source / f"out{number}").mkdir()
        _run("tar", "xpf", str(tree.parent / "tree.tar"), cwd=rig.source / f"out{number}")
    rig.equal()
    (tree / "d0").chmod(0o755)
    for number in range(3):
        (rig.source / f"out{number}" / "d0").chmod(0o755)
    rig.equal()


def test_mkdir_p_and_files_at_once(rig: Rig) -> None:
    """C3: 200 times, the file follows the directories without a pause."""
    rig.start()
    for number in range(200):
        folder = rig.source / f"a{number % 10}" / f"b{number}" / "c" / "d"
        folder.mkdir(parents=True)
        (folder / "f").write_text(str(number))
        (folder.parent / "g").touch()
    rig.equal()


def test_git_clone(rig: Rig, tree: Path) -> None:
    """C3: a working tree, a .git with read-only objects and hard links."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    _run("git", *identity, "init", cwd=tree)
    _run("git", *identity, "add", ".", cwd=tree)
    _run("git", *identity, "commit", "-qm", "all", cwd=tree)
    rig.start()
    _run("git", "clone", "-q", str(tree), "clone", cwd=rig.source)
    _run("git", *identity, "rm", "-rq", "d1", cwd=rig.source / "clone")
    _run("git", *identity, "commit", "-qm", "less", cwd=rig.source / "clone")
    _run("git", "checkout", "-q", "HEAD~1", cwd=rig.source / "clone")
    rig.equal()


def test_ten_thousand_files(rig: Rig) -> None:
    """C3."""
    rig.start()
    for number in range(10_000):
        if number % 100 == 0:
            folder = rig.source / f"d{number // 1000}" / f"e{number // 100}"
            folder.mkdir(parents=True)
        (folder / f"f{number}").write_bytes(b"%d" % number)
    rig.equal(seconds=60)
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["watches"] == 111, 5)


def test_a_daemon_that_refuses_what_large_batches_need_gets_them_by_list(rig: Rig) -> None:
    rig.daemon.kill()
    rig.daemon.write(("backup",), "refuse options = dirs")
    rig.daemon.start()
    rig.start()
    for number in range(300):
        (rig.source / f"f{number}").write_text("x")
    rig.equal()
    assert rig.watcher.target()["failures"] == 0
