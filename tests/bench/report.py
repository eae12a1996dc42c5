"""The table of a run, for people, and the page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench import bounds, targets
from bench.figures import Figures, behind, complete, ratio
from bench.targets import Row, Target, Verdict

CONTENDERS = {
    "ours": "lockstep",
    "unpaced": "lockstep, pacing off",
    "lsyncd": "lsyncd, delay 1",
    "script-tree": "script, whole tree",
    "script-file": "script, per file",
}
QUICK = "QUICK: shorter runs and smaller trees than the targets are for, so what is met here only tells the way."
_LONG = 400  # characters of what a contender said when it failed; all of it is in the raw figures
_HEAD = ("", *CONTENDERS.values(), "bare", "target", "of target", "met")


def number(value: float) -> str:
    """Three digits that count, as people write them."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}" if abs(value) >= 0.1 else f"{value:.2g}"


def cell(row: Row, subject: str, figures: Figures) -> str:
    """A contender's figure, with how many times ours it is, and how many files arrived if not all did."""
    record = figures.find(row.scenario, subject)
    if record is None:
        return ""
    if "error" in record:
        return "failed"
    value = figures.value(row.scenario, subject, row.key)
    text = "none" if value is None else f"{number(value * row.scale)} {row.unit}"
    times = ratio(value, figures.value(row.scenario, "ours", row.key))
    if subject not in ("ours", "unpaced") and times:
        text += f" ({number(times)}x)"
    if not complete(record):
        text += f", {record['arrived']:,} of {record['files']:,}"
    if behind(record):
        text += f", at {record['written_per_s']:,.0f}/s"
    return text


def _bare(row: Row, figures: Figures) -> str:
    value = figures.value(row.scenario, "ours", row.bare) if row.bare else None
    if value is None:
        return ""
    text = f"{number(value * row.scale)} {row.unit}"
    times = ratio(figures.value(row.scenario, "ours", row.key), value)
    if times and not any(target.beside for target in row.targets):
        text += f" ({CONTENDERS['ours']} {number(times)}x)"
    return text


def _wanted(row: Row, target: Target) -> str:
    who = "pacing off " if target.subject == "unpaced" else ""
    if target.least:
        return f"{who}≥ {target.limit:g} x below {CONTENDERS[target.beside]}"
    if target.beside:
        return f"{who}≤ {target.limit:g} x bare"
    return f"{who}≤ {target.limit:g} {row.unit}"


def _met(verdict: Verdict) -> str:
    return {True: "yes", False: "**no**", None: "not measured"}[verdict.met]


def _part(verdict: Verdict) -> str:
    return "-" if verdict.part is None else number(verdict.part)


def lines(figures: Figures) -> list[tuple[str, ...]]:
    """The table's rows of cells, without its head."""
    found = []
    for row in targets.rows(figures):
        verdicts = [targets.judge(row, target, figures) for target in row.targets]
        found.append((
            row.text,
            *(cell(row, subject, figures) for subject in CONTENDERS),
            _bare(row, figures),
            *("; ".join(texts) if any(texts) else "" for texts in (
                [_wanted(row, target) for target in row.targets],
                [_part(verdict) for verdict in verdicts],
                [_met(verdict) for verdict in verdicts],
            )),
        ))  # fmt: skip
    return found


def table(figures: Figures) -> str:
    """In Markdown, aligned so that it can be read as it is."""
    cells = [_HEAD, *lines(figures)]
    used = [at for at in range(len(_HEAD)) if at == 0 or any(line[at] for line in cells[1:])]
    widths = {at: max(len(line[at]) for line in cells) for at in used}
    written = ["| " + " | ".join(line[at].ljust(widths[at]) for at in used) + " |" for line in cells]
    written.insert(1, "|" + "|".join("-" * (widths[at] + 2) for at in used) + "|")
    return "\n".join(written)


def verdict(figures: Figures) -> str:
    """How many targets are met."""
    all_of = [targets.judge(row, one, figures).met for row in targets.rows(figures) for one in row.targets]
    known = [met for met in all_of if met is not None]
    return f"{sum(known)} of {len(known)} targets met" + (
        f", {len(all_of) - len(known)} not measured" * (None in all_of)
    )


def errors(figures: Figures) -> list[str]:
    """What could not be taken, and why; and trees that stayed different."""
    said = []
    for record in figures.records:
        who = f"{record['scenario']}, {CONTENDERS[record['subject']]}"
        if "error" in record:
            why = " ".join(record["error"].split())
            said.append(f"{who}: {why if len(why) <= _LONG else f'{why[:100]} ... {why[100 - _LONG :]}'}")
        elif record.get("differences"):
            said.append(f"{who}: {record['differences']} differences between the trees stayed")
    return said


def _sizes(about: dict[str, Any]) -> str:
    size = about["extent"]
    return (
        f"Sizes: burst {size['burst_files']:,} files of 1 to 20 KB in {size['burst_directories']:,} directories;\n"
        f"rename {size['rename_files']:,} files, {size['rename_bytes'] / 1e6:,.0f} MB;\n"
        f"deletion {size['deletion_files']:,} files of {5 * size['deletion_files']:,};\n"
        f"large file {size['large_bytes'] / 1e9:.1f} GB, small ones at 50 files/s;\n"
        f"reconcile {size['reconcile_files']:,} files of 0.5 to 1.5 KB in "
        f"{size['reconcile_directories']:,} directories,\nsmall ones at 50 files/s;\n"
        f"start {size['start_directories']:,} directories; idle {size['idle_seconds']:g} s over 1,000 directories."
    )


def page(figures: Figures, about: dict[str, Any], plots: Sequence[tuple[str, str]] = ()) -> str:
    """docs/benchmarks.md.  `plots`: title and file, relative to the page."""
    parts = [
        _TOP.format(command=about["command"], verdict=verdict(figures)),
        table(figures),
        *([QUICK] if about["extent"]["quick"] else []),
        _sizes(about),
        *(f"![{title}]({file})" for title, file in plots),
        *bounds.section(figures, about["cores"]),
        _READING.format(wait=about["extent"]["lag_wait"]),
        "## What ran",
        _what(about),
    ]
    if failed := errors(figures):
        parts += ["## What could not be measured, or did not end equal", "\n".join(f"- {line}" for line in failed)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_TOP = """
# Benchmarks

Written by `{command}`: one run, all contenders one after the other on the same machine, each with fresh trees and an
rsync daemon of its own on the loopback interface. {verdict}.
"""

_READING = """
## How to read it

- **Lag** is from `close()` of a file on the source to its appearance under its final name on the target. Files of 10 to
  100 KB are written at the rate into 50 directories; who writes and who observes are processes of their own that know
  nothing of any contender. Where not every file arrived within {wait:g} s after the last was written, the count says so
  and the figures are those of the files that did arrive; "at" says where the machine could not write at the rate.
- **CPU** is that of the sending side: the contender and every process that it starts, user and system time. "At a rate"
  is while files are being written; "per file" is until all have arrived.
- **(n x)** is how many times the figure of lockstep with its default settings the other's is.
- **bare** is the same work without any watcher: for CPU one `rsync -aW` of the same files; for the burst `cp -r` and
  then `rsync -aW` through the same daemon; for the deletion `rm -rf` and then one `rsync -aW --delete` of that tree;
  for the start `inotifywait -r` on the same tree just before; for the reconcile of equal trees the dry run of one
  `rsync -aW --delete`, of an empty target one `rsync -aW`. Where no target compares the two, it says how many times it
  lockstep takes.
- **reconcile** is from the start of the contender. With an empty target it ends when the trees are equal; where they
  are equal beforehand, when the contender itself says that it is done. The small files that count are those closed
  until then, lockstep's from the moment when all is watched, for what comes before is no change to it.
- **of target** is how much of the limit is used: at most 1 is met. A figure of lockstep counts as met only if every
  file arrived, the rate was kept, and the trees were equal in content, type, mode and time in the end.
- **over the wire** is counted by the network interface: both directions, with all headers.
- Peers are run only at rates that they can stand. An empty cell was not measured.
"""


def _what(about: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"- {about['date']}, {about['cores']} cores, {about['memory_gb']} GB of memory, trees {about['where']}\n"
        f"- {versions}\n"
        "- lockstep: as the role configures it, all settings at their default; and once more with `pace: 0`\n"
        "- lsyncd: `default.rsync` with `delay = 1`, archive, whole files, no compression\n"
        "- the guides' scripts: `inotifywait -mrq -e close_write,create,delete,move,attrib` into `while read`,\n"
        "  with one `rsync -az --delete` of the whole tree for each event, or one `rsync -azR` of the file"
    )
