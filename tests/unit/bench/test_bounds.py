"""What bounds a figure that misses its target is told from the same run, and only then."""

from __future__ import annotations

from typing import Any

from bench import bounds
from bench.figures import Figures

COMMON = {
    "files": 1000,
    "arrived": 1000,
    "batches": 100,
    "process_cpu_ms": 4.0,
    "starting_cpu_ms": 3.0,
    "machine_cores": 1.9,
}


def lag(subject: str, **values: Any) -> dict[str, Any]:
    return {"scenario": "lag-1000", "subject": subject, "bare_cpu_per_file_ms": 0.05, **COMMON, **values}


def test_cpu_per_file_is_what_the_processes_take() -> None:
    (line,) = bounds.lines(Figures([lag("ours", cpu_per_file_ms=0.5)]), 2)
    assert line.startswith("CPU per file at 1,000 files/s: 100 batches for 1,000 files")
    assert "the processes alone take 0.40 ms per file, 8.0 times the bare" in line


def test_nothing_is_told_of_what_is_met() -> None:
    assert bounds.lines(Figures([lag("ours", cpu_per_file_ms=0.07)]), 2) == []
    assert list(bounds.section(Figures([lag("ours", cpu_per_file_ms=0.07)]), 2)) == []


def test_nothing_is_told_where_the_figures_are_older() -> None:
    old = {"scenario": "burst", "subject": "ours", "seconds": 2.0, "copy_and_bare_s": 1.0}
    assert bounds.lines(Figures([old]), 2) == []


def test_a_lag_with_pacing_off_is_told_of_by_its_own_record() -> None:
    figures = Figures([{**lag("unpaced", p50_ms=40.0), "scenario": "lag-200"}])
    (line,) = bounds.lines(figures, 2)
    assert line.startswith("lag at 200 files/s, p50, pacing off: 1.90 of 2 cores were busy")


def test_of_a_start_the_part_before_the_first_directory_is_told() -> None:
    records = [
        {"scenario": name, "subject": "ours", "directories": many, "seconds": ours, "inotifywait_s": peer}
        for name, many, ours, peer in (("start-quarter", 1000, 0.3, 0.1), ("start", 4000, 0.6, 0.4))
    ]
    (line,) = bounds.lines(Figures(records), 2)
    assert "0.20 s pass before the first directory" in line
    assert "100.0 us for each; inotifywait: 0.00 s and 100.0 us" in line


def test_burst_deletion_and_large_file_are_told_of() -> None:
    records = [
        {"scenario": "burst", "seconds": 2.0, "copy_and_bare_s": 1.0, "machine_cpu_s": 3.8, "bare_machine_cpu_s": 3.0},
        {"scenario": "deletion", "seconds": 0.9, "rm_and_bare_s": 0.3, "rm_s": 0.1, "dry_s": 0.15, "bare_s": 0.2},
        {"scenario": "large", "p99_ms": 80.0, "machine_cores": 1.97},
    ]
    burst, deletion, large = bounds.lines(Figures([{**record, "subject": "ours"} for record in records]), 2)
    assert "1.90 of 2 cores were busy" in burst
    assert "3.0 s of the machine's CPU, both at once with lockstep 3.8 s, of which 2 cores need 1.9 s" in burst
    assert "come to 0.45 s, and lockstep's 0.90 s are 2.0 times that" in deletion
    assert large.startswith("small files beside a large one, p99: 1.97 of 2 cores were busy while the large file was")


def test_of_a_paced_lag_the_pause_between_batches_is_told() -> None:
    figures = Figures([{**lag("ours", p50_ms=40.0, cpu_per_file_ms=0.07), "cpu_s": 1.0, "written_per_s": 250.0}])
    (line,) = bounds.lines(figures, 2)
    assert "one batch went every 40 ms" in line
    assert "10.0 ms of CPU each in this run" in line


def test_idle_and_a_lag_beside_a_reconcile_are_told_of() -> None:
    idle = {"scenario": "idle", "subject": "ours", "cpu_percent": 0.08, "own_cpu_percent": 0.05}
    new = {"scenario": "reconcile-new", "subject": "ours", "p99_ms": 150.0, "machine_cores": 1.9, "seconds": 20.0}
    lines = bounds.lines(Figures([idle, new]), 2)
    assert any("0.050 % are the watcher itself" in line and "0.030 % the rsync process" in line for line in lines)
    assert any("1.90 of 2 cores were busy" in line and "20.0 s long" in line for line in lines)
