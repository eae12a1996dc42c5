"""What the page of faults says of a test, whatever of it there is to say."""

from __future__ import annotations

from record import Record
from report import page, row


def test_a_state_without_a_reason_stands_alone() -> None:
    """As one that is live all the while."""
    record = Record("test", "read-only", "remount", "C7", seen=[{"state": "live", "reason": None}], lasted=1.0)
    assert row(record) == "| read-only | remount | `live` | 1.0 s |  |  | C7 |\n"


def test_a_reason_is_told_without_what_rsync_said_and_once() -> None:
    down = {"state": "down", "reason": "the disk is full (rsync 11: no space)"}
    record = Record("test", "full", "fill", "C11", seen=[down, down], lasted=12.3, equal_after=2.0, notes=["freed"])
    assert row(record) == "| full | fill | `down`: the disk is full; freed | 12 s |  | 2.0 s | C11 |\n"


def test_what_shows_in_no_state_has_its_notes_alone() -> None:
    record = Record("test", "slow", "rate", "C11", lasted=1.0, notes=["passed within 1 s"])
    assert "| rate | passed within 1 s | 1.0 s |" in row(record)
    assert "`test`" in page([record])
