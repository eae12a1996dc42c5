"""Figures are kept as they were taken, and what is computed from them is what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.figures import Figures, between, lags, percentile, ratio


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0),
        ([float(value) for value in range(1, 101)], 0.99, 99.0),
        ([float(value) for value in range(1, 102)], 0.99, 100.0),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(6.0, 3.0, 2.0), (None, 3.0, None), (6.0, None, None), (6.0, 0.0, None), (0.0, 2.0, 0)],
)
def test_a_ratio_needs_two_figures_and_something_to_divide_by(
    one: float | None, other: float | None, expected: float | None
) -> None:
    assert ratio(one, other) == expected


def test_lag_is_counted_in_milliseconds_for_those_that_appeared() -> None:
    assert lags([10.0, 20.0, 30.0], {0: 10.5, 2: 30.25}) == [500.0, 250.0]


def test_only_what_was_closed_in_between_counts_arrived_or_not() -> None:
    closed = [1.0, 2.0, 3.0, 4.0, 5.0]
    seen = {0: 9.0, 1: 2.25, 3: 4.5, 4: 99.0}
    assert between(closed, seen, 2.0, 4.0) == {
        "files": 3, "arrived": 2, "p50_ms": 250.0, "p99_ms": 500.0, "max_ms": 500.0
    }  # fmt: skip
    nothing = {"arrived": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}
    assert between(closed, seen, 6.0, 7.0) == {"files": 0, **nothing}
    assert between(closed, {}, 2.0, 4.0) == {"files": 3, **nothing}


def test_of_several_takings_a_figure_is_the_median_of_those_that_worked() -> None:
    figures = Figures(
        [
            {"scenario": "burst", "subject": "ours", "seconds": 3.0},
            {"scenario": "burst", "subject": "ours", "error": "no"},
            {"scenario": "burst", "subject": "ours", "seconds": 1.0},
            {"scenario": "burst", "subject": "ours", "seconds": 1.5},
            {"scenario": "burst", "subject": "lsyncd", "seconds": 99.0},
        ]
    )
    assert figures.value("burst", "ours", "seconds") == 1.5
    assert figures.value("burst", "ours", "other") is None
    assert figures.value("rename", "ours", "seconds") is None


def test_rates_are_those_of_the_lag_scenarios_in_order() -> None:
    records = [{"scenario": name, "subject": "ours"} for name in ("lag-1000", "burst", "lag-5", "lag-5")]
    assert Figures(records).rates() == [5, 1000]


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    figures = Figures([{"scenario": "burst", "subject": "ours", "seconds": 3.25}])
    figures.save(tmp_path / "below" / "bench.json", {"cores": 2})
    loaded, about = Figures.load(tmp_path / "below" / "bench.json")
    assert loaded.records == figures.records
    assert about == {"cores": 2}
