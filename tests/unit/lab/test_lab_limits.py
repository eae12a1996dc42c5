"""The kernel's limits are put back by the last lab that goes down, and by no other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import limits

BEFORE, BY_HOSTS = "128", "256"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    folder = tmp_path / "kernel"
    folder.mkdir()
    (folder / "max_user_instances").write_text(BEFORE + "\n")
    return folder / "max_user_instances"


def up(tmp: Path, kernel: Path, name: str, runs: bool = True, since: float = 0.0) -> None:
    """A lab of this name, whose host runs or was killed, and that went up so many seconds ago."""
    limits.keep(tmp / "cache", name, tmp / name, kernel.parent)
    pid = tmp / name / "hosts/h/pid"
    pid.parent.mkdir(parents=True, exist_ok=True)
    began = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    pid.write_text(f"{os.getpid()} {began if runs else 0}\n")
    mark = tmp / "cache/labs" / name
    os.utime(mark, (mark.stat().st_mtime - since,) * 2)


def down(tmp: Path, kernel: Path, name: str) -> str:
    (tmp / name / "hosts/h/pid").unlink()
    limits.give_back(tmp / "cache", name, kernel.parent)
    return kernel.read_text().strip()


def test_the_last_one_puts_back_what_was_before_the_first(tmp_path: Path, kernel: Path) -> None:
    up(tmp_path, kernel, "one", since=1000)
    kernel.write_text(BY_HOSTS)
    up(tmp_path, kernel, "two", since=1000)
    up(tmp_path, kernel, "two", since=1000)  # one more host of it
    assert down(tmp_path, kernel, "one") == BY_HOSTS, "the other one needs them"
    up(tmp_path, kernel, "two")
    assert down(tmp_path, kernel, "two") == BEFORE


def test_one_that_is_going_up_counts_though_it_has_no_host_yet(tmp_path: Path, kernel: Path) -> None:
    up(tmp_path, kernel, "one")
    kernel.write_text(BY_HOSTS)
    limits.keep(tmp_path / "cache", "two", tmp_path / "two", kernel.parent)
    assert down(tmp_path, kernel, "one") == BY_HOSTS


def test_one_that_was_killed_keeps_nothing_from_being_put_back(tmp_path: Path, kernel: Path) -> None:
    up(tmp_path, kernel, "killed", runs=False, since=1000)
    kernel.write_text(BY_HOSTS)
    up(tmp_path, kernel, "killed", runs=False, since=1000)  # and up again: what was before is known still
    assert down(tmp_path, kernel, "killed") == BEFORE
    up(tmp_path, kernel, "killed", runs=False, since=1000)
    up(tmp_path, kernel, "one", since=1000)
    kernel.write_text(BY_HOSTS)
    assert down(tmp_path, kernel, "one") == BEFORE
