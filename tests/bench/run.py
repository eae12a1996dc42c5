#!/usr/bin/env python3
"""The bench: `tests/bench/run.py`, or scenarios one by one: `tests/bench/run.py --only lag-1000,burst --subjects ours`.

Every figure goes to standard output as a line of JSON when it is taken, progress to standard error, and at the end the
table; with `--docs` also the page and the plots of the documentation.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    about,
    isolation,
    report,
    scenarios_lag,
    scenarios_reconcile,
    scenarios_standing,
    scenarios_trees,
    subjects,
)
from bench.extent import FULL, QUICK, Extent
from bench.figures import Figures, Record
from bench.observer import Overflow
from bench.place import BenchError, Place

Scenario = Callable[[Place, subjects.Subject, Extent], Record]

TREES: dict[str, tuple[Scenario, list[str]]] = {
    "burst": (scenarios_trees.burst, ["ours", "lsyncd", "script-tree"]),
    "rename": (scenarios_trees.rename, ["ours", "lsyncd", "script-tree"]),
    "deletion": (scenarios_trees.deletion, ["ours", "lsyncd", "script-tree"]),
    "large": (scenarios_lag.large, ["ours", "lsyncd", "script-tree"]),
    "reconcile-same": (scenarios_reconcile.same, ["ours", "lsyncd"]),
    "reconcile-new": (scenarios_reconcile.new, ["ours", "lsyncd"]),
    "start": (scenarios_standing.start, ["ours", "lsyncd"]),
    "start-quarter": (scenarios_standing.start_quarter, ["ours"]),
    "idle": (scenarios_standing.idle, ["ours", "lsyncd", "script-tree"]),
}


def schedule(extent: Extent, only: list[str], wanted: list[str]) -> list[tuple[str, str, Scenario]]:
    """What is to be measured: scenario, contender, how.  Contenders of one scenario follow one another.

    Empty lists stand for everything; who is named for a scenario that is named is measured in it, sensible or not.
    """
    table: list[tuple[str, str, Scenario]] = []
    for rate in sorted({*extent.lag_seconds, *(int(name[4:]) for name in only if name.startswith("lag-"))}):
        at_rate: Scenario = functools.partial(scenarios_lag.lag, rate)
        for name in subjects.ALL:
            asked = f"lag-{rate}" in only and name in wanted
            if asked or extent.stands(name, rate):
                table.append((f"lag-{rate}", name, at_rate))
    for scenario, (how, names) in TREES.items():
        asked_for = wanted if scenario in only else []
        usual = [name for name in names if f"{scenario} {name}" not in extent.left_out]
        table += [(scenario, name, how) for name in dict.fromkeys([*usual, *asked_for])]
    return [
        (scenario, name, how)
        for scenario, name, how in table
        if (not only or scenario in only or (scenario.startswith("lag-") and "lag" in only))
        and (not wanted or name in wanted)
    ]


def measure(folder: Path, scenario: str, name: str, how: Scenario, extent: Extent) -> Record:
    """One figure on a fresh place; one that could not be taken says why, under `error`."""
    record: Record = {"scenario": scenario, "subject": name}
    place = Place(Path(tempfile.mkdtemp(prefix="place-", dir=folder)))
    subject: Optional[subjects.Subject] = None
    try:
        place.open()
        subject = subjects.ALL[name](place)
        record.update(how(place, subject, extent))
    except (BenchError, Overflow, subprocess.CalledProcessError) as wrong:
        record["error"] = str(wrong) or type(wrong).__name__
    finally:
        if subject is not None:
            subject.stop()
        place.close()
    return record


def take(folder: Path, planned: list[tuple[str, str, Scenario]], extent: Extent) -> Figures:
    """All figures, one after the other; each is printed as it comes."""
    figures = Figures()
    for number, (scenario, name, how) in enumerate(planned, 1):
        say(f"bench: {number} of {len(planned)}: {scenario}, {subjects.ALL[name].title} ...")
        began = time.monotonic()
        record = measure(folder, scenario, name, how, extent)
        record["measured_in_s"] = time.monotonic() - began
        figures.add(record)
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in record.items()}
        print(json.dumps(rounded), flush=True)
    return figures


def publish(figures: Figures, told: dict[str, Any], docs: Optional[Path]) -> None:
    """The table, and with `docs` the page with its plots."""
    print(report.table(figures))
    print(report.verdict(figures))
    if told["extent"]["quick"]:
        print(report.QUICK)
    for line in report.errors(figures):
        print(line)
    if docs:
        from bench import plots  # noqa: PLC0415 - a single scenario needs no plotting library

        drawn = [(title, f"benchmarks/{file}") for title, file in plots.draw(figures, docs / "benchmarks")]
        (docs / "benchmarks.md").write_text(report.page(figures, told, drawn))
        say(f"bench: written {docs / 'benchmarks.md'}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="scenarios: lag, lag-RATE, " + ", ".join(TREES))
    parser.add_argument("--subjects", default="", help="contenders: " + ", ".join(subjects.ALL))
    parser.add_argument("--quick", action="store_true", help="fewer rates, shorter, smaller trees")
    parser.add_argument(
        "--repeat", type=int, default=1, help="take every figure so many times; the table has the median"
    )
    parser.add_argument("--package", type=Path, help="folder that holds another version of the watcher's package")
    parser.add_argument("--folder", type=Path, help="work below this folder, not in memory; it must exist")
    parser.add_argument("--plain", action="store_true", help="no namespaces: for looking at it with a profiler")
    parser.add_argument("--results", type=Path, help="write the raw figures to this file (JSON)")
    parser.add_argument("--docs", type=Path, help="write benchmarks.md and benchmarks/*.svg into this folder")
    parser.add_argument("--table-of", type=Path, help="measure nothing: the table (and --docs) of these raw figures")
    parser.add_argument("--command", default="tests/bench/run.py", help="what the page says that it was made by")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = arguments()
    if given.table_of:
        publish(*Figures.load(given.table_of), given.docs)
        return 0
    only, wanted = (list(filter(None, text.split(","))) for text in (given.only, given.subjects))
    extent = QUICK if given.quick else FULL
    if unknown := set(wanted) - subjects.ALL.keys():
        sys.exit(f"bench: no such contender: {', '.join(sorted(unknown))}")
    planned = schedule(extent, only, wanted)
    if not planned:
        sys.exit("bench: nothing to measure")
    if absent := about.missing():
        sys.exit(f"bench: {', '.join(absent)} must be installed")
    own = isolation.inside()
    if own is None and not given.plain:
        status = isolation.enter(sys.argv, given.folder)
        if status is not None:
            return status
        say("bench: no namespaces are to be had here: the wire is not measured")
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    folder = own or Path(tempfile.mkdtemp(prefix="bench-", dir=given.folder or isolation.roomy(extent.memory)))
    try:
        if own:
            isolation.loopback_up()
            if not given.folder and not isolation.mount_memory(own, extent.memory):
                say(f"bench: less than {extent.memory * 1.2 / 1e9:.0f} GB of memory are free, so not in memory")
        # A copy: whoever works on the package while this runs does not change what is measured.
        subjects.Ours.package = Path(shutil.copytree(given.package or subjects.PACKAGE, folder / "package"))
        kind = about.file_system(folder)
        where = "in memory (tmpfs)" if kind == "tmpfs" else f"on {kind}"
        told = about.describe(extent, where, given.command)
        say(f"bench: {len(planned) * given.repeat} figures, trees {where}, {folder}")
        figures = take(folder, planned * given.repeat, extent)
        if given.results:
            figures.save(given.results, told)
            say(f"bench: raw figures in {given.results}")
        publish(figures, told, given.docs)
    except KeyboardInterrupt:
        say("bench: interrupted")
        return 130
    finally:
        if own is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
