"""What is measured when, and that the pieces fit together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench import accounting, plots, run, subjects
from bench.extent import FULL, QUICK
from bench.figures import Figures
from bench.place import Place


def names(*options: object) -> list[tuple[str, str]]:
    return [(scenario, name) for scenario, name, _how in run.schedule(*options)]


def test_everything_is_every_rate_and_every_scenario_with_peers_only_where_they_can_stand_it() -> None:
    planned = names(FULL, [], [])
    assert {scenario for scenario, _name in planned} == {
        "lag-5", "lag-50", "lag-200", "lag-1000", "lag-3000", "lag-5000", *run.TREES
    }  # fmt: skip
    assert ("lag-5000", "ours") in planned
    assert ("lag-5000", "lsyncd") in planned
    assert ("lag-200", "script-tree") in planned
    assert ("lag-1000", "script-tree") not in planned
    assert ("lag-5", "unpaced") not in planned
    assert len(planned) == len(set(planned))


def test_what_is_named_is_measured_and_nothing_else() -> None:
    assert names(FULL, ["lag-1000", "burst"], ["ours"]) == [("lag-1000", "ours"), ("burst", "ours")]
    assert names(FULL, ["lag-7"], []) == [("lag-7", name) for name in subjects.ALL]
    assert {scenario for scenario, _name in names(QUICK, ["lag"], ["ours"])} == {"lag-5", "lag-200", "lag-1000"}
    assert names(FULL, ["start"], ["lsyncd"]) == [("start", "lsyncd")]


def test_who_is_named_for_a_scenario_takes_part_in_it_sensible_or_not() -> None:
    assert names(FULL, ["burst", "lag-1000"], ["script-file"]) == [
        ("lag-1000", "script-file"),
        ("burst", "script-file"),
    ]
    assert names(QUICK, ["idle"], ["script-tree"]) == [("idle", "script-tree")]


def test_what_the_quick_run_leaves_out_would_otherwise_be_measured() -> None:
    left_out = {tuple(text.split()) for text in QUICK.left_out}
    assert left_out <= set(names(FULL, [], []))
    assert not left_out & set(names(QUICK, [], []))


def test_the_cost_of_a_process_counts_those_it_started() -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        family = accounting.family(process.pid)
        assert family[0] == process.pid
        assert len(family) == 2
        assert accounting.resident(process.pid) > 0
    finally:
        for member in reversed(accounting.family(process.pid)):
            os.kill(member, 9)
        process.wait()
        process.stdout.close()
    burn = "import os\nif not os.fork():\n while sum(os.times()[:2]) < 0.3: pass\n os._exit(0)\nos.wait()\ninput()"
    process = subprocess.Popen([sys.executable, "-c", burn + "\nprint()\ninput()"], stdin=-1, stdout=-1)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert accounting.cpu_seconds(process.pid) >= 0.3
    finally:
        process.kill()
        process.communicate()


def test_the_cost_of_a_process_is_its_own() -> None:
    burn = "import os\nwhile sum(os.times()[:2]) < 0.3: pass\nprint(flush=True)\ninput()"
    process = subprocess.Popen([sys.executable, "-c", burn], stdin=-1, stdout=-1)
    idle = subprocess.Popen(["sleep", "60"])
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert accounting.cpu_seconds(process.pid) >= 0.3
        assert accounting.cpu_seconds(idle.pid) < 0.3
    finally:
        process.kill()
        idle.kill()
        process.communicate()
        idle.wait()


def test_a_program_that_fails_gives_no_figure() -> None:
    seconds, cpu = accounting.measured(["true"])
    assert seconds > 0
    assert cpu >= 0
    with pytest.raises(subprocess.CalledProcessError):
        accounting.measured(["false"])


def test_the_plots_name_every_contender_whose_files_all_arrived(tmp_path: Path) -> None:
    common = {"p50_ms": 2.0, "p99_ms": 9.0, "cores": 0.2, "cpu_per_file_ms": 0.3, "files": 10}
    figures = Figures(
        [
            {"scenario": "lag-50", "subject": "ours", "arrived": 10, **common, "bare_cpu_per_file_ms": 0.1},
            {"scenario": "lag-50", "subject": "lsyncd", "arrived": 10, **common},
            {"scenario": "lag-50", "subject": "script-file", "arrived": 3, **common},
        ]
    )
    drawn = plots.draw(figures, tmp_path)
    assert [file for _title, file in drawn] == ["lag.svg", "cpu.svg", "cpu-per-file.svg"]
    for title, file in drawn:
        text = "".join(ElementTree.parse(tmp_path / file).getroot().itertext())
        assert title in text
        assert "lsyncd" in text
        assert "per file" not in text.replace(title, "").replace("ms of CPU per file", "")
    again = (tmp_path / "lag.svg").read_bytes()
    plots.draw(figures, tmp_path)
    assert (tmp_path / "lag.svg").read_bytes() == again


@pytest.mark.parametrize(
    ("log", "done"),
    [
        (None, False),
        (b"Normal: recursive startup rsync: /a/ -> rsync://b/\n", False),
        (b"Normal: recursive startup rsync: /a/ -> rsync://b/\nNormal: Startup of /a/ -> rsync://b/ finished.\n", True),
    ],
)
def test_a_peer_has_caught_up_when_its_log_says_so(tmp_path: Path, log: bytes | None, done: bool) -> None:
    subject = subjects.Lsyncd(Place(tmp_path / "place"))
    if log is not None:
        (subject.folder / "lsyncd.log").write_bytes(log)
    assert subject.caught_up() is done


def test_the_watcher_has_caught_up_when_its_status_says_live_and_not_before_it_listens(tmp_path: Path) -> None:
    subject = subjects.Ours(Place(tmp_path))
    subject.start()
    try:
        assert not subject.caught_up()  # no daemon runs, so it is never live
        subject.wait_watched(30)
        assert not subject.caught_up()
        subject.place.open()
        while not subject.caught_up():
            subject.running()
    finally:
        subject.stop()
        subject.place.close()
