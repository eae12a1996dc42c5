"""From the kernel's events to what is told, where an event comes later than it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep.events import words
from lockstep.events.patterns import Selection
from lockstep.events.queue import Queue
from lockstep.events.stream import Choice, Stream


def test_a_directory_is_still_watched_where_the_second_half_of_its_rename_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Queue, "moves_to", lambda _queue, _cookie: False)  # whoever renames it was held up
    (tmp_path / "old" / "deep").mkdir(parents=True)
    stream = Stream(Choice((bytes(tmp_path),), words.EVERY, True, True, Selection()), lambda _sentence: None)
    try:
        stream.establish()
        list(stream.events())
        (tmp_path / "old").rename(tmp_path / "new")
        list(stream.events())
        for folder in ("new", "new/deep"):
            (tmp_path / folder / "f").touch()
        told = {one.shown + one.name for one in stream.events() if one.mask & words.bits("create")}
    finally:
        stream.close()
    assert told == {bytes(tmp_path) + b"/new/f", bytes(tmp_path) + b"/new/deep/f"}
