"""tar, zip, cp, mv, sed, rsync and Python's shutil on whole trees in the source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import Rig
from workload import UNGUARDED, plant, replant, run, times


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed: all tests of this file copy from it."""
    return plant(tmp_path_factory.mktemp("planted") / "tree", times(800, 10_000))


@pytest.fixture
def tree(planted: Path, tmp_path: Path) -> Path:
    run("cp", "-a", planted, tmp_path / "tree", cwd=tmp_path)
    return tmp_path / "tree"


def test_tar_and_untar(rig: Rig, tree: Path) -> None:
    """C3, C22: untarred beside, over itself, and another state of the tree over it; an archive in the source too."""
    rig.start(max_delete=UNGUARDED)
    run("tar", "-cf", rig.source / "first.tar", "-C", tree.parent, "tree", cwd=tree.parent)
    run("tar", "-xf", "first.tar", cwd=rig.source)
    run("tar", "-xf", "first.tar", "--overwrite", cwd=rig.source)
    replant(tree, 2)
    run("tar", "-czf", rig.source / "second.tar.gz", "-C", tree.parent, "tree", cwd=tree.parent)
    run("tar", "-xzf", "second.tar.gz", "--recursive-unlink", cwd=rig.source)
    run("tar", "-rf", "first.tar", "second.tar.gz", cwd=rig.source)
    rig.equal(seconds=120)
    run("tar", "-xf", "first.tar", "--recursive-unlink", cwd=rig.source)
    run("rm", "-rf", "tree", cwd=rig.source)
    run("tar", "-xf", "first.tar", cwd=rig.source)
    rig.equal(seconds=120)


def test_unzip(rig: Rig, tree: Path) -> None:
    """C3, C22: it sets the times of 1980 and of whole seconds, and goes over what is there."""
    rig.start(max_delete=UNGUARDED)
    run("zip", "-q", "-r", "-y", tree.parent / "a.zip", "tree", cwd=tree.parent)
    run("unzip", "-q", tree.parent / "a.zip", cwd=rig.source)
    for path in sorted(tree.rglob("f1*.txt")):
        path.write_bytes(os.urandom(path.stat().st_size))
        os.utime(path, (10**9, 10**9))
    run("zip", "-q", "-r", "-y", tree.parent / "b.zip", "tree", cwd=tree.parent)
    run("unzip", "-q", "-o", tree.parent / "b.zip", cwd=rig.source)
    rig.equal(seconds=120)


@pytest.mark.parametrize("how", ["--whole-file", "--inplace", "--append-verify", "--delay-updates"])
def test_rsync_into_the_source(rig: Rig, tree: Path, how: str) -> None:
    """C22: temporary names, or writes into what is there, with all times kept as they were; and with deletions."""
    rig.start(max_delete=UNGUARDED)
    for turn in range(times(2, 8)):
        run("rsync", "-a", "--delete", "--no-whole-file", how, f"{tree}/", rig.source / "tree", cwd=tree.parent)
        replant(tree, turn)
        for path in sorted(tree.rglob("f3*.txt")):
            with path.open("ab") as file:
                file.write(b"appended")
    run("rsync", "-a", "--delete", how, f"{tree}/", rig.source / "tree", cwd=tree.parent)
    rig.equal(seconds=120)


def test_cp_mv_and_sed(rig: Rig, tree: Path) -> None:
    """C1, C3: trees copied, moved in, about and out, and edited in place while they are moved."""
    rig.start(max_delete=UNGUARDED)
    for turn in range(times(2, 10)):
        run("cp", "-a", tree, "one", cwd=rig.source)
        run("cp", "-rT", "one", "two", cwd=rig.source)
        run("mv", "two", "three", cwd=rig.source)
        run("find", "three", "-name", "f1*.txt", "-exec", "sed", "-i", "-e", "s/a/b/g", "{}", "+", cwd=rig.source)
        run("find", "one", "-name", "f2*.txt", "-exec", "sed", "-i.orig", "-e", "s/a/b/g", "{}", "+", cwd=rig.source)
        run("mv", "-T", "one", f"one-{turn}", cwd=rig.source)
        run("mv", "three", f"one-{turn}/below", cwd=rig.source)
        run("mv", f"one-{turn}/below", tree.parent / f"out-{turn}", cwd=rig.source)
        run("cp", "-a", "--remove-destination", tree, f"one-{turn}", cwd=rig.source)
        run("install", "-m", "0600", "/etc/passwd", "installed", cwd=rig.source)
        run("find", f"one-{turn}", "-name", "f3*.txt", "-delete", cwd=rig.source)
    rig.equal(seconds=120)


def test_shutil(rig: Rig, tree: Path) -> None:
    """C1, C3: what programs in Python do."""
    rig.start(max_delete=UNGUARDED)
    for turn in range(times(2, 10)):
        shutil.copytree(tree, rig.source / "copy", symlinks=True)
        shutil.copytree(
            tree, rig.source / "copy", symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("l*")
        )
        shutil.move(rig.source / "copy", rig.source / f"moved-{turn}")
        shutil.make_archive(str(rig.source / f"packed-{turn}"), "gztar", rig.source / f"moved-{turn}")
        shutil.unpack_archive(str(rig.source / f"packed-{turn}.tar.gz"), rig.source / f"unpacked-{turn}", filter="tar")
        shutil.rmtree(rig.source / f"moved-{turn}")
        shutil.move(rig.source / f"unpacked-{turn}", tree.parent / f"out-{turn}")
        shutil.move(tree.parent / f"out-{turn}", rig.source / f"moved-{turn}")
    rig.equal(seconds=120)
