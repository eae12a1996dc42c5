"""What is seen at a source and cannot be looked at is not forgotten: rsync says what is wrong with it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from lockstep.changes import CONTENT, GONE
from lockstep.file_moves import FileMoves
from lockstep.intake import Intake
from lockstep.source import Reading, Seen


class Target:
    """Stands in for one: what it was told to send."""

    def __init__(self) -> None:
        self.noted: list[tuple[bytes, int]] = []
        self.moved: list[tuple[bytes, bytes]] = []

    def note(self, path: bytes, flags: int, since: float) -> None:
        self.noted.append((path, flags))

    def renamed(self, old: bytes, new: bytes, now: float) -> None:
        raise AssertionError("nothing was renamed")

    def file_renamed(self, old: bytes, new: bytes) -> None:
        assert not self.noted, "before its going and its coming are noted"
        self.moved.append((old, new))

    def came_along(self, path: bytes) -> None:
        pass

    def kick(self) -> None:
        pass


def found(source: Path, path: bytes) -> list[tuple[bytes, int]]:
    async def run() -> list[tuple[bytes, int]]:
        target = Target()
        intake = Intake(os.fsencode(source), 1.0, 10.0, [target])
        intake.take(Reading(seen=[(Seen.FOUND, path)]))
        intake.stop()
        return target.noted

    return asyncio.run(run())


@pytest.mark.parametrize("number", [errno.EIO, errno.ENAMETOOLONG, errno.EACCES, errno.ESTALE])
def test_a_file_that_was_found_and_cannot_be_looked_at_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(path: bytes) -> os.stat_result:
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", refused)
        noted = found(tmp_path, b"d/f")
    assert noted == [(b"d/f", CONTENT)]


def test_a_file_that_is_gone_again_is_left_to_the_event_of_that(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert found(tmp_path, b"d/f") == []
    assert found(tmp_path, b"file/f") == []


def test_a_file_of_a_path_longer_than_the_kernel_takes_is_sent(tmp_path: Path) -> None:
    assert found(tmp_path, b"/".join([b"d" * 200] * 25)) == [(b"/".join([b"d" * 200] * 25), CONTENT)]


@pytest.mark.parametrize("unclosed", [False, True])
def test_of_each_renamed_file_the_targets_are_told_its_new_name(tmp_path: Path, unclosed: bool) -> None:
    """Also of a small one, and of one that is still written, of which nothing else is to be known."""
    (tmp_path / "new").write_text("x")

    async def run() -> Target:
        target = Target()
        intake = Intake(os.fsencode(tmp_path), 60.0, 60.0, [target])
        if unclosed:
            intake.take(Reading(seen=[(Seen.WRITTEN, b"old")]))
        intake.take(Reading(seen=[(Seen.GONE, b"old"), (Seen.COMPLETE, b"new")], origins={1: b"old"}))
        intake.stop()
        return target

    target = asyncio.run(run())
    assert target.moved == [(b"old", b"new")]
    assert [path for path, _flags in target.noted] == [b"old", b"new"]


def test_a_file_that_is_written_under_its_old_name_twice_is_followed_twice(tmp_path: Path) -> None:
    """It is open while it is renamed, so that nothing tells that the old name stands again."""
    moves = FileMoves()

    class Follower(Target):
        def file_renamed(self, old: bytes, new: bytes) -> None:
            moves.renamed(old, new)

        def note(self, path: bytes, flags: int, since: float) -> None:
            (moves.gone if flags & GONE else moves.written)(path)

    async def run() -> None:
        intake = Intake(os.fsencode(tmp_path), 60.0, 60.0, [Follower()])
        for name in ("f", "g"):
            (tmp_path / name).write_text("x")
            seen = [(Seen.WRITTEN, b"t"), (Seen.GONE, b"t"), (Seen.COMPLETE, name.encode())]
            intake.take(Reading(seen=seen, origins={2: b"t"}))
        intake.take(Reading(seen=[(Seen.GONE, b"f")]))
        intake.stop()

    asyncio.run(run())
    assert moves.now_at(b"t") == b"g"
