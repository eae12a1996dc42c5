"""When the kernel drops events: what has changed is told all the same, and that some were dropped is said."""

from __future__ import annotations

from pathlib import Path

import event_queue
import pytest

from lockstep.events import words
from lockstep.events.patterns import Selection
from lockstep.events.stream import Choice, Stream


@pytest.mark.parametrize("recursive", [True, False])
def test_what_changed_when_events_were_dropped_is_told(tmp_path: Path, recursive: bool) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "untouched").write_text("x")
    said: list[str] = []
    stream = Stream(Choice((bytes(tmp_path),), words.EVERY, recursive, True, Selection()), said.append)
    try:
        stream.establish()
        list(stream.events())
        list(stream.events())
        event_queue.fill(tmp_path)  # so that of all that follows no event is kept
        wanted = set()
        for number in range(100):
            (tmp_path / f"f{number}").write_text("x")
            wanted.add(bytes(tmp_path) + b"/f%d" % number)
            if recursive:
                (tmp_path / "old" / f"g{number}").write_text("x")
                (tmp_path / f"d{number}").mkdir()
                (tmp_path / f"d{number}" / "h").write_text("x")
                wanted |= {bytes(tmp_path) + b"/old/g%d" % number, bytes(tmp_path) + b"/d%d/h" % number}
        told = list(stream.events())
        for event in ("create", "modify", "close_write"):
            found = {one.shown + one.name for one in told if one.mask & words.bits(event)}
            assert wanted <= found
    finally:
        stream.close()
    assert any("the kernel dropped events" in sentence for sentence in said)
