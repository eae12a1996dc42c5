"""Times, sizes and counts are for people."""

from __future__ import annotations

import pytest

from lockstep.status import words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "unknown"),
        (-1.0, "0 s"),
        (0.0045, "4.5 ms"),
        (0.045, "45 ms"),
        (0.99999, "1 s"),
        (3.0, "3 s"),
        (3.25, "3.2 s"),
        (59.97, "1 min"),
        (60.0, "1 min"),
        (245.9, "4 min 5 s"),
        (7380.0, "2 h 3 min"),
        (439200.0, "5 d 2 h"),
    ],
)
def test_times_are_for_people(seconds: float | None, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (3_400, "3.4 KB"), (120_000_000, "120 MB"), (999_999, "1 MB"),
     (1.5e12, "1.5 TB"), (2.5e15, "2,500 TB")],
)  # fmt: skip
def test_sizes_are_for_people(count: float, shown: str) -> None:
    assert words.size(count) == shown


def test_counts_are_for_people() -> None:
    assert words.plural(1, "watch", "watches") == "1 watch"
    assert words.plural(1200, "watch", "watches") == "1,200 watches"
    assert words.plural(0, "mirror") == "0 mirrors"
