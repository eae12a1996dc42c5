"""What is seen at a source and cannot be looked at is not forgotten: rsync says what is wrong with it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from lockstep.changes import CONTENT
from lockstep.intake import Intake
from lockstep.source import Reading, Seen


class Target:
    """Stands in for one: what it was told to send."""

    def __init__(self) -> None:
        self.noted: list[tuple[bytes, int]] = []

    def note(self, path: bytes, flags: int, since: float) -> None:
        self.noted.append((path, flags))

    def renamed(self, old: bytes, new: bytes, now: float) -> None:
        raise AssertionError("nothing was renamed")

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
