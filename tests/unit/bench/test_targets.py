"""A target is met only by a figure that was taken, that is within the limit, and that lost nothing."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from bench.figures import Figures
from bench.targets import Row, Target, judge, rows

ROW = Row("burst", "burst", "seconds", "s")


def verdict_of(target: Target, ours: Optional[dict[str, Any]], peer: Optional[dict[str, Any]] = None, row: Row = ROW):
    records = [
        {"scenario": row.scenario, "subject": subject, **record}
        for subject, record in ((target.subject, ours), ("lsyncd", peer))
        if record is not None
    ]
    return judge(row, target, Figures(records))


@pytest.mark.parametrize(("seconds", "part", "met"), [(1.0, 0.5, True), (2.0, 1.0, True), (2.5, 1.25, False)])
def test_a_value_is_met_up_to_its_limit(seconds: float, part: float, met: bool) -> None:
    verdict = verdict_of(Target(2.0), {"seconds": seconds})
    assert (verdict.measured, verdict.part, verdict.met) == (seconds, part, met)


def test_a_value_is_compared_in_the_unit_of_the_row() -> None:
    row = Row("wire", "rename", "wire_bytes", "MB", 1e-6)
    assert verdict_of(Target(1.0), {"wire_bytes": 900_000}, row=row).met is True
    assert verdict_of(Target(1.0), {"wire_bytes": 1_100_000}, row=row).met is False


@pytest.mark.parametrize(("bare", "met"), [(2.0, True), (1.6, True), (1.5, False)])
def test_a_ratio_to_the_bare_work_is_of_the_same_record(bare: float, met: bool) -> None:
    verdict = verdict_of(Target(1.25, beside="bare_s"), {"seconds": 2.0, "bare_s": bare})
    assert verdict.measured == 2.0 / bare
    assert verdict.met is met


@pytest.mark.parametrize(("theirs", "met"), [(10.0, True), (5.0, True), (4.0, False)])
def test_a_peer_has_to_be_at_least_so_many_times_slower(theirs: float, met: bool) -> None:
    verdict = verdict_of(Target(2.5, beside="lsyncd", least=True), {"seconds": 2.0}, {"seconds": theirs})
    assert verdict.measured == theirs / 2.0
    assert verdict.met is met


def test_what_was_not_taken_is_neither_met_nor_missed() -> None:
    assert verdict_of(Target(2.0), None).met is None
    assert verdict_of(Target(2.5, beside="lsyncd", least=True), {"seconds": 2.0}).met is None
    assert verdict_of(Target(2.0, "unpaced"), None).met is None


def test_what_failed_is_missed() -> None:
    assert verdict_of(Target(2.0), {"error": "not equal"}).met is False


@pytest.mark.parametrize(
    "lost",
    [
        {"files": 5, "arrived": 4},
        {"differences": 1},
        {"files": 5, "arrived": 5, "rate": 1000, "written_per_s": 960.0},
    ],
)
def test_a_fast_figure_that_lost_something_is_missed(lost: dict[str, int]) -> None:
    assert verdict_of(Target(2.0), {"seconds": 1.0, **lost}).met is False


def test_nothing_lost_is_no_reason_against_it() -> None:
    assert verdict_of(Target(2.0), {"seconds": 1.0, "files": 5, "arrived": 5, "differences": 0}).met is True
    kept = {"files": 5, "arrived": 5, "rate": 1000, "written_per_s": 980.0}
    assert verdict_of(Target(2.0), {"seconds": 1.0, **kept}).met is True


@pytest.mark.parametrize("scenario", ["reconcile-same", "reconcile-new"])
@pytest.mark.parametrize(
    ("p99", "arrived", "differences", "met"),
    [(100.0, 9, 0, True), (101.0, 9, 0, False), (50.0, 8, 0, False), (50.0, 9, 1, False)],
)
def test_a_reconcile_may_take_its_time_but_delays_no_live_change_and_ends_equal(
    scenario: str, p99: float, arrived: int, differences: int, met: bool
) -> None:
    record = {"seconds": 1e6, "bare_s": 1.0, "p50_ms": 1e6, "p99_ms": p99}
    counts = {"files": 9, "arrived": arrived, "differences": differences}
    figures = Figures([{"scenario": scenario, "subject": "ours", **record, **counts}])
    verdicts = [judge(row, target, figures).met for row in rows(figures) for target in row.targets]
    assert verdicts == [met]


def test_each_rate_that_was_measured_has_its_rows_with_its_targets() -> None:
    figures = Figures([{"scenario": f"lag-{rate}", "subject": "ours"} for rate in (50, 700)])
    found = list(rows(figures))
    assert {row.scenario for row in found} == {"lag-50", "lag-700"}
    medians = {row.scenario: row.targets for row in found if row.key == "p50_ms"}
    assert [(one.limit, one.subject) for one in medians["lag-50"]] == [(25.0, "ours"), (3.0, "unpaced")]
    assert medians["lag-700"] == ()
