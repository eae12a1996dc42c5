"""When a mirror writes down who stands where, and when it does not; a real event loop and rsync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Callable

import pytest

from lockstep.changes import CONTENT
from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.source import Reading

Work = Callable[[MirrorSync], Awaitable[None]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("source/a", "source/b", "state", "backup"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "source"


@pytest.fixture
def mirrored(tmp_path: Path, source: Path) -> Callable[[Work], None]:
    """Call this with what happens to a mirror that is in step, before it is closed."""
    config = tmp_path / "lockstep.yml"
    config.write_text(
        f"state_dir: {tmp_path}/state\nmirrors:\n  - name: data\n    source: {source}\n"
        f"    targets:\n      - url: file://{tmp_path}/backup\n"
    )

    def live(work: Work) -> None:
        async def run() -> None:
            settings = load(str(config))
            mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
            mirror.start()
            try:
                await until(mirror, lambda: mirror.at_rest and mirror.stayed(b"a"))
                await work(mirror)
            finally:
                mirror.close()
                await until(mirror, lambda: not any(target.busy for target in mirror.targets), tick=False)

        asyncio.run(run())

    return live


async def until(mirror: MirrorSync, met: Callable[[], bool], tick: bool = True) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline
        if tick:
            mirror.tick()
        await asyncio.sleep(0.01)


async def nothing(_mirror: MirrorSync) -> None:
    pass


def written(tmp_path: Path) -> bool:
    return (tmp_path / "state/data.directories").exists()


def test_it_is_written_down_at_the_end_and_gone_when_the_next_one_has_begun(
    tmp_path: Path, mirrored: Callable[[Work], None]
) -> None:
    async def look(_mirror: MirrorSync) -> None:
        assert not written(tmp_path)

    mirrored(nothing)
    assert written(tmp_path)
    mirrored(look)
    assert written(tmp_path)


def test_a_file_that_waits_does_not_keep_it_from_being_written(
    tmp_path: Path, mirrored: Callable[[Work], None]
) -> None:
    async def wait(mirror: MirrorSync) -> None:
        mirror.targets[0].live.note(b"a/f", CONTENT, time.monotonic())

    mirrored(wait)
    assert written(tmp_path)


def test_a_move_that_has_arrived_does_not_keep_it_from_being_written(
    tmp_path: Path, source: Path, mirrored: Callable[[Work], None]
) -> None:
    async def move(mirror: MirrorSync) -> None:
        (source / "a").rename(source / "c")
        await until(mirror, lambda: (tmp_path / "backup/c").exists() and mirror.at_rest)

    mirrored(move)
    assert written(tmp_path)


def test_a_move_that_has_not_arrived_is_not_vouched_for(
    tmp_path: Path, source: Path, mirrored: Callable[[Work], None]
) -> None:
    async def move(mirror: MirrorSync) -> None:
        mirror.pause(True)
        (source / "a").rename(source / "c")
        await until(mirror, lambda: b"c" in mirror.targets[0].live.paths)

    mirrored(move)
    assert not written(tmp_path)


def test_a_move_that_is_not_read_yet_is_not_vouched_for(
    tmp_path: Path, source: Path, mirrored: Callable[[Work], None]
) -> None:
    async def move(_mirror: MirrorSync) -> None:
        (source / "a").rename(source / "c")

    mirrored(move)
    assert not written(tmp_path)


def test_what_came_along_and_is_still_walked_through_is_not_vouched_for(
    tmp_path: Path, mirrored: Callable[[Work], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def walk(mirror: MirrorSync) -> None:
        assert mirror.tree is not None
        mirror.tree._to_scan.append(-1)
        monkeypatch.setattr(mirror.tree, "read", Reading)

    mirrored(walk)
    assert not written(tmp_path)


@pytest.mark.parametrize("reading", [Reading(overflow=True), Reading(more=True)])
def test_while_events_are_lost_or_more_come_than_are_read_nothing_is_vouched_for(
    tmp_path: Path, mirrored: Callable[[Work], None], monkeypatch: pytest.MonkeyPatch, reading: Reading
) -> None:
    async def come(mirror: MirrorSync) -> None:
        monkeypatch.setattr(mirror.tree, "read", lambda: reading)

    mirrored(come)
    assert not written(tmp_path)


def test_what_nobody_has_compared_yet_is_not_vouched_for(tmp_path: Path, mirrored: Callable[[Work], None]) -> None:
    async def want(mirror: MirrorSync) -> None:
        mirror.targets[0].reconcile.want_all(time.monotonic(), 1.0)

    mirrored(want)
    assert not written(tmp_path)


def test_who_is_a_stranger_since_events_were_lost_has_not_stayed_until_all_is_confirmed(
    source: Path, mirrored: Callable[[Work], None]
) -> None:
    async def lose(mirror: MirrorSync) -> None:
        assert mirror.tree is not None
        (source / "a").rename(source / "c")
        mirror.tree._inotify.read()
        mirror.tree._mind_strangers()
        mirror._overflow()
        mirror._walk_on()
        await until(mirror, lambda: not mirror.scanning, tick=False)
        assert mirror.stayed(b"b")
        assert not mirror.stayed(b"c")
        await until(mirror, lambda: mirror.at_rest and mirror.stayed(b"c"))

    mirrored(lose)


def test_nobody_is_known_to_have_stayed_while_the_source_was_lost(
    tmp_path: Path, mirrored: Callable[[Work], None]
) -> None:
    async def lose(mirror: MirrorSync) -> None:
        mirror.custody.hold("for the test")
        mirror._lose()
        assert mirror.custody.check()
        assert mirror._watch()
        assert not mirror.stayed(b"a")

    mirrored(lose)
    assert not written(tmp_path)


def test_what_cannot_be_written_is_told(
    tmp_path: Path, mirrored: Callable[[Work], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def block(_mirror: MirrorSync) -> None:
        (tmp_path / "state/data.directories.new").mkdir()

    mirrored(block)
    assert "taken for moved by the next start" in caplog.text
    assert not written(tmp_path)
