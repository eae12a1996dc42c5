"""The table says what was measured, beside whom, and what is met; the page how to read it."""

from __future__ import annotations

import dataclasses

import pytest
from bench import report
from bench.extent import QUICK
from bench.figures import Figures
from bench.targets import Row

FIGURES = Figures(
    [
        {"scenario": "burst", "subject": "ours", "seconds": 2.0, "copy_and_bare_s": 1.6, "differences": 0},
        {"scenario": "burst", "subject": "lsyncd", "seconds": 4.0, "differences": 7},
        {"scenario": "lag-50", "subject": "ours", "p50_ms": 10.0, "p99_ms": 61.0, "files": 100, "arrived": 100},
        {
            "scenario": "lag-50",
            "subject": "script-file",
            "p50_ms": 5000.0,
            "p99_ms": 9000.0,
            "files": 100,
            "arrived": 9,
        },
        {"scenario": "lag-50", "subject": "script-tree", "error": "it is\nnot running"},
    ]
)
ABOUT = {
    "command": "make bench", "date": "2026-01-01", "cores": 2, "memory_gb": 8, "where": "in memory (tmpfs)",
    "versions": {"rsync": "3.5.0"}, "extent": dataclasses.asdict(QUICK),
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0314, "0.031"), (0.5, "0.50"), (2.345, "2.35"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_count(value: float, text: str) -> None:
    assert report.number(value) == text


def by_name() -> dict[str, dict[str, str]]:
    head, _rule, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in report.table(FIGURES).splitlines()
    )
    return {cells[0]: dict(zip(head, cells)) for cells in lines}


def test_a_row_has_the_peers_with_their_ratio_the_bare_work_and_the_verdicts() -> None:
    burst = by_name()["burst: a tree copied in, until equal"]
    assert burst["lockstep"] == "2.00 s"
    assert burst["lsyncd, delay 1"] == "4.00 s (2.00x)"
    assert burst["bare"] == "1.60 s"
    assert burst["target"] == "≤ 1.25 x bare; ≥ 2.5 x below lsyncd, delay 1"
    assert burst["of target"] == "1.00; 1.25"
    assert burst["met"] == "yes; **no**"


def test_where_nothing_compares_it_to_the_bare_work_the_row_says_how_many_times_that_it_is() -> None:
    figures = Figures([{"scenario": "reconcile-new", "subject": "ours", "seconds": 3.0, "bare_s": 1.5}])
    (line,) = (line for line in report.lines(figures) if line[0] == "reconcile, all new, until equal")
    assert "1.50 s (lockstep 2.00x)" in line
    assert "x)" not in by_name()["burst: a tree copied in, until equal"]["bare"]


def test_a_lag_says_how_many_arrived_when_not_all_did() -> None:
    row = by_name()["lag at 50 files/s, p50"]
    assert row["script, per file"] == "5,000 ms (500x), 9 of 100"
    assert row["lockstep"] == "10.0 ms"


def test_a_lag_says_at_what_rate_it_was_when_the_machine_could_not_write_faster() -> None:
    record = {"p50_ms": 10.0, "files": 9, "arrived": 9, "rate": 5000, "written_per_s": 4000.0}
    figures = Figures([{"scenario": "lag-5000", "subject": "ours", **record}])
    assert report.cell(Row("x", "lag-5000", "p50_ms", "ms"), "ours", figures) == "10.0 ms, at 4,000/s"


def test_a_contender_that_failed_is_called_that_and_says_why_below() -> None:
    assert by_name()["lag at 50 files/s, p50"]["script, whole tree"] == "failed"
    assert "lag-50, script, whole tree: it is not running" in report.errors(FIGURES)
    assert "burst, lsyncd, delay 1: 7 differences between the trees stayed" in report.errors(FIGURES)


def test_a_long_complaint_keeps_its_beginning_and_its_end() -> None:
    figures = Figures([{"scenario": "burst", "subject": "ours", "error": "begins " + 300 * "word " + "ends"}])
    (said,) = report.errors(figures)
    assert said.startswith("burst, lockstep: begins word")
    assert said.endswith("word ends")
    assert len(said) < 450


def test_a_column_that_nobody_filled_is_left_out_only_when_it_is_empty() -> None:
    assert set(by_name()["burst: a tree copied in, until equal"]) == {
        *("", "lockstep", "lsyncd, delay 1", "script, whole tree", "script, per file"),
        *("bare", "target", "of target", "met"),
    }  # fmt: skip


def test_the_verdict_counts_only_what_was_measured() -> None:
    # burst: one of two; p50 and p99 at 50 files/s with pacing: one of two; pacing off was not run
    assert report.verdict(FIGURES) == "2 of 4 targets met, 3 not measured"


def test_a_cell_without_a_record_is_empty() -> None:
    assert report.cell(Row("x", "idle", "resident", "MB"), "ours", FIGURES) == ""


def test_the_page_has_the_table_the_plots_and_the_machine() -> None:
    page = report.page(FIGURES, ABOUT, [("Lag against rate", "benchmarks/lag.svg")])
    for text in (
        report.table(FIGURES), "2 of 4 targets met", "`make bench`", "![Lag against rate](benchmarks/lag.svg)",
        "2 cores", "rsync 3.5.0", "it is not running", report.QUICK,
    ):  # fmt: skip
        assert text in page
