"""A source that went back in time is known by its ctimes, which nobody can set; a clock that went back is no proof."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lockstep.source.witness import EVERY, MATURE, Sighting, Witness


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/f").write_text("x")
    return tmp_path


@pytest.fixture
def witness(source: Path) -> Witness:
    return Witness(os.fsencode(source))


def as_seen(source: Path, path: str, later: int = 0) -> Sighting:
    status = (source / path).lstat()
    return Sighting(path.encode(), status.st_ino, status.st_ctime_ns + later)


def test_what_changed_last_and_all_directories_above_it_are_evidence_once_it_is_old_enough(
    source: Path, witness: Witness
) -> None:
    witness.changed([b"d/e/f", b"gone"])
    assert witness.take(0.0, 1e9) is None
    assert witness.take(MATURE - 1, 1e9 + MATURE - 1) is None
    evidence = witness.take(MATURE, 1e9 + MATURE)
    assert evidence is not None
    assert sorted(evidence) == [as_seen(source, path) for path in ("", "d", "d/e", "d/e/f")]


def test_it_looks_once_a_minute_and_the_latest_that_is_old_enough_counts(source: Path, witness: Witness) -> None:
    for second in range(0, int(2 * EVERY), 5):
        if second == EVERY:
            witness.changed([b"d"])
        assert witness.take(second, 1e9 + second) is None
    evidence = witness.take(MATURE + EVERY, 1e9 + MATURE + EVERY)
    assert evidence is not None
    assert as_seen(source, "d") in evidence
    assert witness.take(MATURE + EVERY + 1, 1e9 + MATURE + EVERY + 1) is None


def test_an_earlier_ctime_than_it_had_is_told_with_both_times(source: Path, witness: Witness) -> None:
    known = as_seen(source, "d/e")._replace(ctime=time.time_ns())
    told = witness.contradiction([as_seen(source, "d"), known])
    assert "snapshot" in told
    assert "d/e had changed at" in told


def test_what_is_as_it_was_or_changed_since_or_is_gone_or_another_one_says_nothing(
    source: Path, witness: Witness
) -> None:
    evidence = [
        as_seen(source, "d"),
        as_seen(source, "d/e/f", -1),
        Sighting(b"gone", 7, time.time_ns()),
        as_seen(source, "d/e")._replace(inode=7, ctime=time.time_ns()),
    ]
    assert witness.contradiction(evidence) == ""


def test_a_time_that_has_not_come_yet_says_nothing(source: Path, witness: Witness) -> None:
    """The clock went back while nobody watched."""
    assert witness.contradiction([as_seen(source, "d", 10**12)]) == ""


def test_a_clock_that_goes_back_makes_all_evidence_worthless(witness: Witness) -> None:
    assert witness.take(0.0, 1e9) is None
    assert witness.take(5.0, 1e9 - 1000) == []
    assert witness.take(MATURE, 1e9 - 1000 + MATURE - 5) is None  # what was seen before is forgotten
    assert witness.take(2 * MATURE, 1e9 - 1000 + 2 * MATURE - 5) is not None


def test_a_clock_that_is_kept_right_in_small_steps_does_not(witness: Witness) -> None:
    assert witness.take(0.0, 1e9) is None
    assert witness.take(MATURE, 1e9 + MATURE - 0.5) is not None
