"""What is reported, row by row, and what each figure of the watcher's is to reach: a value, or a ratio to a peer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from bench.figures import Figures, behind, complete, ratio


@dataclass(frozen=True)
class Target:
    """A limit for one figure of `subject`.

    `beside`: the limit is for its ratio, to this key of the same record or, where it names another contender, to that
    one's figure.  `least`: the limit is the least that is wanted, of the other's figure in ours.
    """

    limit: float
    subject: str = "ours"
    beside: str = ""
    least: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the table: a key of a scenario's records, times `scale`, in `unit`; `bare` is what stands beside."""

    text: str
    scenario: str
    key: str
    unit: str
    scale: float = 1.0
    bare: str = ""
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How a figure stands to a target: `part` is how much of the limit is used, at most 1 where it is met."""

    target: Target
    measured: Optional[float]
    part: Optional[float]
    met: Optional[bool]


def judge(row: Row, target: Target, figures: Figures) -> Verdict:
    """`met` is None where the figure was not taken, and False where taking it failed or not everything arrived."""
    record = figures.find(row.scenario, target.subject)
    value = figures.value(row.scenario, target.subject, row.key)
    if target.least:
        value = ratio(figures.value(row.scenario, target.beside, row.key), value)
    elif target.beside:
        value = ratio(value, figures.value(row.scenario, target.subject, target.beside))
    elif value is not None:
        value *= row.scale
    if record is None:
        return Verdict(target, None, None, None)
    if value is None:
        return Verdict(target, None, None, False if "error" in record else None)
    part = ratio(target.limit, value) if target.least else value / target.limit
    sound = complete(record) and not behind(record) and not record.get("differences")
    return Verdict(target, value, part, bool(part is not None and part <= 1 and sound))


_LAG = {
    5: ((Target(3.0),), (Target(15.0),)),
    50: ((Target(25.0), Target(3.0, "unpaced")), (Target(60.0), Target(15.0, "unpaced"))),
    200: ((Target(25.0), Target(5.0, "unpaced")), (Target(60.0), Target(30.0, "unpaced"))),
    1000: ((Target(25.0),), (Target(200.0),)),
    5000: ((), (Target(1000.0),)),
}


def rows(figures: Figures) -> Iterator[Row]:
    """Those of which there is a figure."""
    return (row for row in _all(figures) if figures.subjects(row.scenario))


def _all(figures: Figures) -> Iterator[Row]:
    rates = figures.rates()
    for rate in rates:
        median, tail = _LAG.get(rate, ((), ()))
        scenario = f"lag-{rate}"
        if rate == 5:
            median = (*median, Target(40.0, beside="script-tree", least=True))
        yield Row(f"lag at {rate:,} files/s, p50", scenario, "p50_ms", "ms", targets=median)
        yield Row(f"lag at {rate:,} files/s, p99", scenario, "p99_ms", "ms", targets=tail)
    for rate in rates:
        limit = (Target(30.0),) if rate in (50, 200) else ()
        yield Row(f"CPU at {rate:,} files/s, of one core", f"lag-{rate}", "cores", "%", 100.0, targets=limit)
    for rate in rates:
        limit = (Target(1.5, beside="bare_cpu_per_file_ms"),) if rate >= 1000 else ()
        yield Row(
            f"CPU per file at {rate:,} files/s", f"lag-{rate}", "cpu_per_file_ms", "ms",
            bare="bare_cpu_per_file_ms", targets=limit,
        )  # fmt: skip
    burst = (Target(1.25, beside="copy_and_bare_s"), Target(2.5, beside="lsyncd", least=True))
    yield Row("burst: a tree copied in, until equal", "burst", "seconds", "s", bare="copy_and_bare_s", targets=burst)
    yield Row("rename of a directory, until equal", "rename", "seconds", "s", targets=(Target(1.0),))
    yield Row("rename of a directory, over the wire", "rename", "wire_bytes", "MB", 1e-6, targets=(Target(1.0),))
    deletion = (Target(2.0, beside="rm_and_bare_s"),)
    yield Row("deletion of a tree, until equal", "deletion", "seconds", "s", bare="rm_and_bare_s", targets=deletion)
    yield Row("small files beside a large one, p50", "large", "p50_ms", "ms")
    yield Row("small files beside a large one, p99", "large", "p99_ms", "ms", targets=(Target(50.0),))
    for scenario, what, end in (("same", "nothing changed", "done"), ("new", "all new", "equal")):
        name = f"reconcile-{scenario}"
        yield Row(f"reconcile, {what}, until {end}", name, "seconds", "s", bare="bare_s")
        yield Row(f"reconcile, {what}: small files meanwhile, p50", name, "p50_ms", "ms")
        limit = (Target(100.0),)
        yield Row(f"reconcile, {what}: small files meanwhile, p99", name, "p99_ms", "ms", targets=limit)
    start = (Target(1.3, beside="inotifywait_s"),)
    yield Row("start, until all is watched", "start", "seconds", "s", bare="inotifywait_s", targets=start)
    memory = (Target(45.0),)
    yield Row("start, resident then", "start", "resident", "MB", 1e-6, bare="inotifywait_resident", targets=memory)
    yield Row("start with a quarter of the directories", "start-quarter", "seconds", "s", bare="inotifywait_s")
    yield Row("idle, CPU of one core", "idle", "cpu_percent", "%", targets=(Target(0.05),))
    yield Row("idle, resident", "idle", "resident", "MB", 1e-6, targets=(Target(40.0),))
    yield Row("idle, resident with its processes", "idle", "resident_all", "MB", 1e-6)
