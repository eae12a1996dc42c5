"""A source that is not the one it was is held, and an empty place where it should be never empties a target."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep import custody as custodies
from lockstep import memory as memories
from lockstep.custody import Custody
from lockstep.memory import Memory
from lockstep.source.witness import Sighting


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    (path / "sub").mkdir(parents=True)
    return path


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return memories.load(str(tmp_path), "data")


@pytest.fixture
def custody(source: Path, memory: Memory) -> Custody:
    return Custody(os.fsencode(source), memory)


def replace_source(source: Path) -> None:
    source.rename(source.with_name("before"))
    source.mkdir()


def test_nothing_may_go_before_the_first_look(custody: Custody) -> None:
    assert custody.held
    assert not custody.unchanged()


def test_the_first_source_ever_seen_is_accepted_and_remembered(
    custody: Custody, memory: Memory, tmp_path: Path
) -> None:
    assert custody.check()
    assert custody.unchanged()
    again = memories.load(str(tmp_path), "data")
    assert again.identity == memory.identity is not None


def test_another_directory_in_its_place_is_noticed_at_once_and_held(custody: Custody, source: Path) -> None:
    custody.check()
    replace_source(source)
    assert not custody.unchanged()
    assert "stands at" in custody.held
    assert not custody.check()
    assert "the root's inode was" in custody.held
    assert not custody.unchanged()


def test_another_one_at_the_next_start_is_held(source: Path, custody: Custody, tmp_path: Path) -> None:
    custody.check()
    replace_source(source)
    later = Custody(os.fsencode(source), memories.load(str(tmp_path), "data"))
    assert not later.check()
    assert "the source is not the one it was" in later.held


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_source_that_is_not_there_is_held_with_the_reason(custody: Custody, source: Path, kind: str) -> None:
    custody.check()
    source.rename(source.with_name("before"))
    if kind == "a file":
        source.touch()
    assert not custody.unchanged()
    assert not custody.check()
    assert str(source) in custody.held


def test_the_right_one_that_is_back_is_held_no_more(custody: Custody, source: Path) -> None:
    custody.check()
    replace_source(source)
    custody.unchanged()
    since = custody.since
    source.rmdir()
    source.with_name("before").rename(source)
    assert custody.check()
    assert custody.unchanged()
    assert custody.since >= since


def test_the_operator_can_accept_another_one(custody: Custody, source: Path, tmp_path: Path) -> None:
    custody.check()
    replace_source(source)
    custody.unchanged()
    custody.accept()
    assert custody.held == ""
    assert custody.unchanged()
    assert Custody(os.fsencode(source), memories.load(str(tmp_path), "data")).check()


def test_nobody_knows_the_source_by_a_memory_that_cannot_be_read(source: Path, tmp_path: Path) -> None:
    """C7: it may be an empty mount point as well."""
    (tmp_path / "data.json").write_text("{")
    custody = Custody(os.fsencode(source), memories.load(str(tmp_path), "data"))
    assert not custody.check()
    assert f"{tmp_path / 'data.json'} cannot be read" in custody.held
    custody.accept()
    assert custody.check()
    assert Custody(os.fsencode(source), memories.load(str(tmp_path), "data")).check()


def test_nothing_can_be_accepted_where_there_is_nothing(custody: Custody, source: Path) -> None:
    custody.check()
    source.rename(source.with_name("before"))
    with pytest.raises(FileNotFoundError):
        custody.accept()


def test_a_marker_that_is_gone_holds(custody: Custody, source: Path) -> None:
    (source / ".lockstep").mkdir()
    (source / ".lockstep/identity").write_text("1234")
    custody.check()
    (source / ".lockstep/identity").unlink()
    assert not custody.check()
    assert "marker" in custody.held


def test_a_mount_below_that_is_missing_holds_until_it_is_back(
    custody: Custody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [b"sub"])
    assert custody.check()
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [])
    assert not custody.check()
    assert "sub below it is not mounted" in custody.held
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [b"sub"])
    assert custody.check()


def test_a_mount_below_that_is_replaced_is_noticed_at_once(
    custody: Custody, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [b"sub"])
    custody.check()
    (source / "sub").rename(source / "old")
    (source / "sub").mkdir()
    assert not custody.unchanged()


def test_a_mount_in_what_the_mirror_leaves_out_does_not_matter(
    source: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    custody = Custody(os.fsencode(source), memory, lambda path, is_dir: path == b"sub" and is_dir)
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [b"sub"])
    assert custody.check()
    monkeypatch.setattr(custodies, "nested_mounts", lambda source: [])
    assert custody.check()


def test_a_network_file_system_is_refused(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    read = custodies.identity.read
    monkeypatch.setattr(custodies.identity, "read", lambda source: replace(read(source), fstype="nfs4"))
    assert not custody.check()
    assert "nfs4" in custody.held
    assert "run the watcher on its server" in custody.held


def test_one_that_is_swapped_during_the_look_is_held(
    custody: Custody, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = custodies.identity.read

    def swapped(path: bytes) -> object:
        found = read(path)
        replace_source(source)
        return found

    monkeypatch.setattr(custodies.identity, "read", swapped)
    assert not custody.check()
    assert "changed while it was looked at" in custody.held


def test_a_held_one_keeps_its_first_moment(custody: Custody) -> None:
    custody.check()
    custody.hold("first")
    since = custody.since
    custody.hold("second")
    assert (custody.held, custody.since) == ("second", since)


def test_a_source_that_went_back_in_time_is_held_until_it_is_accepted(
    custody: Custody, memory: Memory, source: Path
) -> None:
    """Restored from a snapshot: the same file system and root, with what it had before."""
    assert custody.check()
    status = (source / "sub").lstat()
    memory.evidence = [Sighting(b"sub", status.st_ino, time.time_ns())]
    custody.hold("it was away")
    assert not custody.check()
    assert "snapshot" in custody.held
    assert not custody.check()
    custody.accept()
    assert not custody.held
    assert memory.evidence == []
