"""Lag: from close() of a file on the source to its appearance on the target."""

from __future__ import annotations

import math
import time
from typing import Optional

from bench import accounting, load
from bench.extent import Extent
from bench.figures import Record, between, lags, percentile, ratio
from bench.observer import Observer
from bench.place import BenchError, Place
from bench.subjects import Ours, Subject

_PROCESSES = 20
_FAST = 1000  # files a second from which the observer reads no more than a thousand times a second


def _prepare(place: Place, subject: Subject) -> None:
    for folder in load.folders(place.source):
        folder.mkdir()
    place.send(place.source)
    subject.start()
    subject.wait_live()


def lag(rate: int, place: Place, subject: Subject, extent: Extent) -> Record:
    """At one rate; with the CPU that it took on the sending side, beside one bare rsync of the same files."""
    _prepare(place, subject)
    seconds = extent.lag_seconds.get(rate, 5.0)
    count = max(1, int(rate * seconds))
    observer = Observer(load.folders(place.target), count, 0.001 if rate >= _FAST else 0.0)
    writer = None
    try:
        before, all_before, batches = subject.cpu(), accounting.machine_cpu_seconds(), _batches(subject)
        writer = load.Load(place.source, rate, seconds)
        closed = writer.result()
        at_end, all_at_end = subject.cpu(), accounting.machine_cpu_seconds()
        seen = load.numbers(observer.result(extent.lag_wait), "f")
        time.sleep(0.3)  # those that were started are waited for, so that their CPU counts
        used = subject.cpu() - before
    finally:
        observer.close()
        if writer is not None:
            writer.close()
    took = lags(closed, seen)
    wrote = closed[-1] - closed[0] or 1.0
    record: Record = {
        "rate": rate, "files": count, "arrived": len(took), "written_per_s": (count - 1) / wrote if count > 1 else 0.0,
        "p50_ms": percentile(took, 0.5) if took else None, "p99_ms": percentile(took, 0.99) if took else None,
        "max_ms": max(took) if took else None, "cpu_s": used, "cores": (at_end - before) / wrote,
        "cpu_per_file_ms": ratio(1000 * used, len(took)), "machine_cores": (all_at_end - all_before) / wrote,
    }  # fmt: skip
    if isinstance(subject, Ours):
        record["batches"] = subject.batches() - batches
        subject.stop()
        _seconds, cpu = place.send(place.source, "bare")
        record["bare_cpu_per_file_ms"] = 1000 * cpu / count
        record["cpu_ratio"] = ratio(record["cpu_per_file_ms"], record["bare_cpu_per_file_ms"])
        record["process_cpu_ms"], record["starting_cpu_ms"] = _process_cpu(place)
    return record


def _batches(subject: Subject) -> int:
    return subject.batches() if isinstance(subject, Ours) else 0


def _process_cpu(place: Place) -> tuple[float, float]:
    """Milliseconds of CPU that one bare rsync takes to send one file, which a batch cannot do without; and those of its
    start alone."""
    one = place.top / "one"
    one.mkdir()
    sending, starting = [], []
    for number in range(_PROCESSES):
        load.make_file(one / "file", 10_000 + number)
        sending.append(1000 * place.send(one, "bare")[1])
        starting.append(1000 * accounting.measured(["rsync", "--version"])[1])
    return percentile(sending, 0.5), percentile(starting, 0.5)


def large(place: Place, subject: Subject, extent: Extent) -> Record:
    """Small files at 50 a second while one large file is under way; only those closed meanwhile count."""
    _prepare(place, subject)
    rate, prefix = 50.0, "s"
    outside = place.top / "large"
    load.make_file(outside, extent.large_bytes)
    observer = Observer(load.folders(place.target), int(rate * extent.large_seconds))
    writer = load.Load(place.source, rate, extent.large_seconds, prefix)
    try:
        time.sleep(1.0)
        began, before = time.perf_counter(), accounting.machine_cpu_seconds()
        outside.rename(place.source / "large")
        ended = _arrival(place, extent.large_bytes, extent.tree_wait)
        busy = accounting.machine_cpu_seconds() - before
        closed = writer.result()
        seen = load.numbers(observer.result(extent.lag_wait), prefix)
    finally:
        observer.close()
        writer.close()
    record = between(closed, seen, began, math.inf if ended is None else ended)
    if not record["files"]:
        raise BenchError("no small file was written while the large one was under way")
    took = None if ended is None else ended - began
    return {"bytes": extent.large_bytes, "large_s": took, "machine_cores": ratio(busy, took), **record}


def _arrival(place: Place, size: int, seconds: float) -> Optional[float]:
    """When the large file has its name and size on the target; None if it does not within so many seconds."""
    until = time.perf_counter() + seconds
    while (now := time.perf_counter()) < until:
        try:
            if (place.target / "large").stat().st_size == size:
                return now
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    return None
