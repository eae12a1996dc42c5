"""What bounds a figure that misses its target, as far as the same run tells it: a line for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, Optional

from bench import targets
from bench.figures import Figures
from bench.targets import Row, Target


def lines(figures: Figures, cores: int) -> list[str]:
    """Of each row of which a target is missed and something is known, once."""
    found: dict[str, None] = {}
    for row in targets.rows(figures):
        for target in row.targets:
            if targets.judge(row, target, figures).met is False and (why := _why(row, target, figures, cores)):
                found[f"{row.text}{', pacing off' if target.subject == 'unpaced' else ''}: {why}"] = None
    return list(found)


def _why(row: Row, target: Target, figures: Figures, cores: int) -> Optional[str]:
    kind = "cpu" if row.key == "cpu_per_file_ms" else row.scenario.partition("-")[0]
    explain = _paced if (kind, target.subject) == ("lag", "ours") else _BY_KIND.get(kind)
    if explain is None:
        return None

    def value(key: str, scenario: str = row.scenario) -> float:
        known = figures.value(scenario, target.subject, key)
        if known is None:
            raise LookupError(key)
        return known

    try:
        return explain(value, cores)
    except LookupError:  # in an older file of figures
        return None


Value = Callable[..., float]

_TRIED = (
    "Tried: to read events only just before a batch may start (kept), rsync without OpenSSL's configuration (5 % of "
    "its start, but a host with FIPS needs that), its symbols bound at its start (no gain)."
)


def _cpu(value: Value, _cores: int) -> str:
    batches, files, one = value("batches"), value("files"), value("process_cpu_ms")
    alone, bare = one * batches / files, value("bare_cpu_per_file_ms")
    return (
        f"{batches:,.0f} batches for {files:,.0f} files, and each is a process. One bare rsync that sends one file "
        f"takes {one:.1f} ms of CPU, {value('starting_cpu_ms'):.1f} ms of them to start (`rsync --version`), so the "
        f"processes alone take {alone:.2f} ms per file, {alone / bare:.1f} times the bare transfer, in which all files "
        f"share one. Fewer and larger batches would be a longer lag."
    )


def _lag(value: Value, cores: int) -> str:
    return (
        f"{value('machine_cores'):.2f} of {cores} cores were busy, sender, daemon and load together, with "
        f"{value('batches'):,.0f} batches for {value('files'):,.0f} files; one bare rsync that sends one file takes "
        f"{value('process_cpu_ms'):.1f} ms of CPU on the sending side alone. {_TRIED}"
    )


def _paced(value: Value, cores: int) -> str:
    batches, seconds = value("batches"), value("files") / value("written_per_s")
    return (
        f"one batch went every {1000 * seconds / batches:.0f} ms; pacing spaces them by what they cost, which was "
        f"{1000 * value('cpu_s') / batches:.1f} ms of CPU each in this run, where one bare rsync that sends one file "
        f"takes {value('process_cpu_ms'):.1f} ms. {value('machine_cores'):.2f} of {cores} cores were busy, sender, "
        f"daemon and load together. {_TRIED}"
    )


def _burst(value: Value, cores: int) -> str:
    ours, bare, seconds = value("machine_cpu_s"), value("bare_machine_cpu_s"), value("seconds")
    return (
        f"{ours / seconds:.2f} of {cores} cores were busy. Copying and sending one after the other takes {bare:.1f} s "
        f"of the machine's CPU, both at once with lockstep {ours:.1f} s, of which {cores} cores need "
        f"{ours / cores:.1f} s at least."
    )


def _deletion(value: Value, _cores: int) -> str:
    rm, dry, bare = value("rm_s"), value("dry_s"), value("bare_s")
    return (
        f"the target is asked first how much stands below the names, by a dry run, as a mass deletion is to be held. "
        f"Bare, that takes {dry:.2f} s; with it, removing and one deletion come to {rm + dry + bare:.2f} s, and "
        f"lockstep's {value('seconds'):.2f} s are {value('seconds') / (rm + dry + bare):.1f} times that. Tried: to "
        "wait for the end of a deletion before any of it goes: a batch less, and mass deletions were held otherwise."
    )


def _large(value: Value, cores: int) -> str:
    return (
        f"{value('machine_cores'):.2f} of {cores} cores were busy while the large file was under way. "
        "Tried: a nice value for its rsync: no gain was measured, as the daemon's half of the work has none."
    )


def _start(value: Value, _cores: int) -> str:
    scenarios = ("start-quarter", "start")
    few, many = (value("directories", one) for one in scenarios)

    def parts(key: str) -> tuple[float, float]:
        """Seconds before the first directory, and microseconds for each."""
        quarter, whole = (value(key, one) for one in scenarios)
        each = (whole - quarter) / (many - few)
        return max(0.0, whole - each * many), 1e6 * each

    ours, peer = parts("seconds"), parts("inotifywait_s")
    return (
        f"{ours[0]:.2f} s pass before the first directory (Python, its modules, the configuration), then "
        f"{ours[1]:.1f} us for each; inotifywait: {peer[0]:.2f} s and {peer[1]:.1f} us, most of them the kernel's."
    )


def _idle(value: Value, _cores: int) -> str:
    whole, own = value("cpu_percent"), value("own_cpu_percent")
    return (
        f"{own:.3f} % are the watcher itself, which looks at its sources every two seconds, and {whole - own:.3f} % "
        "the rsync process that it makes anew each minute, which tells whether the target is there and keeps firewalls "
        "from forgetting its connections. Tried: two processes for contents at rest, one of four renewed each 45 s."
    )


def _reconcile(value: Value, cores: int) -> str:
    return (
        f"{value('machine_cores'):.2f} of {cores} cores were busy, sender, daemon and load together, while "
        f"{value('seconds'):.1f} s long everything was compared or sent: a change waits for a processor more than for "
        "a process. Tried: lanes of their own for live changes (kept)."
    )


_BY_KIND: dict[str, Callable[[Value, int], str]] = {
    "cpu": _cpu,
    "lag": _lag,
    "burst": _burst,
    "deletion": _deletion,
    "large": _large,
    "start": _start,
    "idle": _idle,
    "reconcile": _reconcile,
}


def section(figures: Figures, cores: int) -> Iterator[str]:
    """Its parts on the page of the documentation; none where nothing is missed."""
    if known := lines(figures, cores):
        yield "## What bounds what is missed"
        yield "\n".join(f"- {line[0].upper()}{line[1:]}" for line in known)
