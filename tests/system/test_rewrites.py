"""Changes that size and time do not tell arrive, and what is no change of content sends none (C22)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for

FILES = 20
LARGE = 200 << 20


def _write_all(folder: Path, text: str) -> None:
    for number in range(FILES):
        (folder / f"f{number}").write_text(text)


def _arrived(rig: Rig, text: str) -> bool:
    return all((rig.target / f"f{number}").read_text() == text for number in range(FILES))


def test_rewrites_of_equal_size_within_the_same_second_arrive(rig: Rig) -> None:
    """C22."""
    rig.start()
    for text in ("AAAA", "BBBB", "CCCC"):
        _write_all(rig.source, text)
    rig.equal()
    assert _arrived(rig, "CCCC")


def test_rewrites_with_the_time_as_before_arrive(rig: Rig) -> None:
    """C22: size and mtime are equal to the nanosecond, and the old version stands on the target already."""
    rig.start()
    _write_all(rig.source, "AAAA")
    rig.equal()
    for number in range(FILES):
        path = rig.source / f"f{number}"
        before = path.stat()
        path.write_text("BBBB")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    rig.equal()
    assert _arrived(rig, "BBBB")


def test_a_file_renamed_over_one_of_equal_size_and_time_arrives(rig: Rig, tmp_path: Path) -> None:
    """C22: from beside it and from outside of the tree."""
    rig.start()
    _write_all(rig.source, "AAAA")
    rig.equal()
    for number in range(FILES):
        path = rig.source / f"f{number}"
        other = (rig.source if number % 2 else tmp_path) / "new"
        other.write_text("BBBB")
        before = path.stat()
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.rename(path)
    rig.equal()
    assert _arrived(rig, "BBBB")


@pytest.fixture
def large(rig: Rig) -> tuple[Path, Path]:
    """A large file, the same on both sides before the watcher starts."""
    path = rig.source / "large"
    with path.open("wb") as file:
        file.write(b"head")
        file.truncate(LARGE)
    rig.start()
    rig.equal()
    return path, rig.target / "large"


def test_a_chmod_of_a_large_file_does_not_send_it(rig: Rig, large: tuple[Path, Path]) -> None:
    """C22: a file that is sent is another inode on the target."""
    path, there = large
    inode = there.stat().st_ino
    path.chmod(0o600)
    rig.equal()
    assert there.stat().st_mode & 0o777 == 0o600
    assert there.stat().st_ino == inode


def test_an_open_without_a_write_of_a_large_file_does_not_send_it(rig: Rig, large: tuple[Path, Path]) -> None:
    """C22."""
    path, there = large
    inode = there.stat().st_ino
    with path.open("r+b"):
        pass
    (rig.source / "after").touch()
    wait_for((rig.target / "after").exists)
    rig.equal()
    assert there.stat().st_ino == inode
