"""docs/reliability.md from what the tests saw: `python3 tests/faults/report.py build/faults docs/reliability.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from record import Record, read

HEAD = """# What happens when things fail

Written by `make test-faults` from what its tests saw; nothing here is from memory. Each test boots Debian hosts on one
machine ([tests/lab](../tests/lab/README.md)), deploys them with `site.yml`, changes the sources all the while with
files, directories and odd names, provokes the fault for real, and cures it. It passes only when `lockstep status` and
`/status.json` told the state below with its reason, since when and the next try, when the journal has a line for its
beginning and one for its end, and when every source and its copies are equal in names, types, modes, owners, times and
contents, by a program that knows nothing of the watcher.

*Equal after*: seconds from the cure until all trees were found equal, on two shared cores; the waiting for the next try
(1 s after the first failure, doubling to 60 s) is in it. *Others*: until a change reached the targets that the fault
did not concern, while it lasted. Where it says that temporary files of rsync stayed: equal but for these, and
altogether after `lockstep resync`, which the test then asked for.

| fault | provoked by | what the status says | lasted | others | equal after | contract |
|---|---|---|---|---|---|---|
"""


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def _because(reason: str | None) -> str:
    """In one sentence, where a state has a reason at all."""
    return f": {reason.partition(' (rsync ')[0]}" if reason else ""


def row(record: Record) -> str:
    seen = list(dict.fromkeys(f"`{told['state']}`{_because(told['reason'])}" for told in record.seen))
    said = "; ".join(filter(None, [*(seen or [record.begin.partition(" (rsync ")[0]]), *record.notes]))
    times = (seconds(record.lasted), seconds(record.others_within), seconds(record.equal_after))
    return f"| {' | '.join(map(cell, (record.title, record.provoked, said, *times, record.contract)))} |\n"


def tests(records: list[Record]) -> str:
    """Which test is whose, and with which line its fault begins in the journal."""
    lines = ["\n## The tests\n\n| fault | test in tests/faults | the line with which it begins |\n|---|---|---|\n"]
    for record in records:
        lines.append(f"| {cell(record.title)} | `{record.test}` | {cell(record.begin)} |\n")
    return "".join(lines)


def page(records: list[Record]) -> str:
    return HEAD + "".join(map(row, records)) + tests(records)


def main(results: str, document: str) -> int:
    records = read(Path(results))
    if not records:
        print(f"report: no results in {results}: run make test-faults", file=sys.stderr)
        return 1
    Path(document).write_text(page(records))
    print(f"{len(records)} faults: {document}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
