"""The status as Prometheus metrics.  https://prometheus.io/docs/practices/naming/

All of it is made of one snapshot when somebody asks: nothing is counted in the client library's own objects, for whose
locks the flow of changes would pay.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Optional

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from lockstep.audits import COUNTS
from lockstep.status.condition import STATES
from lockstep.status.words import plain
from lockstep.transfer import kinds
from lockstep.transfer.command import Lane

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MIRROR, TARGET = ("mirror",), ("mirror", "target")
LANES = tuple(lane.value for lane in Lane if lane not in (Lane.COUNT, Lane.REMOVE_TREES))
RESULTS = ("arrived", "incomplete", "failed")

Document = dict[str, Any]
Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, Optional[float]]]


def text(status: Document) -> str:
    """The exposition of a detailed snapshot."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(status))
    ProcessCollector(registry=registry)
    return generate_latest(registry).decode("utf-8")


class _Snapshot(Collector):
    def __init__(self, status: Document) -> None:
        self._status = status

    def collect(self) -> Iterable[Metric]:
        mirrors = [((plain(mirror["name"]),), mirror) for mirror in self._status["mirrors"]]
        targets = [((*of, plain(target["name"])), target) for of, mirror in mirrors for target in mirror["targets"]]
        yield from _service(self._status)
        yield from _notifications(self._status)
        yield from _mirrors(mirrors)
        yield from _hooks(mirrors)
        yield from _states(targets)
        yield from _flow(targets)
        yield from _reconciles(targets)
        yield from _audits(targets)


def _gauge(name: str, about: str, labels: Labels, values: Values) -> Metric:
    family = GaugeMetricFamily(f"lockstep_{name}", about, labels=labels)
    for of, value in values:
        if value is not None:
            family.add_metric(of, value)
    return family


def _counter(name: str, about: str, labels: Labels, values: Values) -> Metric:
    family = CounterMetricFamily(f"lockstep_{name}", about, labels=labels)
    for of, value in values:
        family.add_metric(of, value or 0.0)
    return family


def _histogram(name: str, about: str, labels: Labels, values: Iterable[tuple[Labels, Document]]) -> Metric:
    family = HistogramMetricFamily(f"lockstep_{name}", about, labels=labels)
    for of, found in values:
        bounds = [str(float(bound)) for bound in found["bounds"]] + ["+Inf"]
        family.add_metric(of, list(zip(bounds, map(float, accumulate(found["counts"])))), found["sum"])
    return family


def _service(status: Document) -> Iterable[Metric]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    watches, config = status["watches"], status["config"]
    version = plain(status["version"])
    yield _gauge("build_info", "Which watcher this is; always 1", ("version", "python"), [((version, python), 1)])
    for name, about, value in (
        ("healthy", "1 when /healthz says so", float(status["healthy"])),
        ("lag_limit_seconds", "Lag beyond which it is not healthy", config["max_lag"]),
        ("config_valid", "0 while the file on disk has a mistake and an earlier one runs", float(not config["error"])),
        ("config_loaded_timestamp_seconds", "When the running configuration was read", config["loaded"]),
        ("start_timestamp_seconds", "When the watcher started", status["started"]),
        ("watches", "inotify watches in use, of all mirrors", watches["used"]),
        ("watches_limit", "inotify watches that the kernel allows the watcher's user", watches["allowed"]),
    ):
        yield _gauge(name, about, (), [((), value)])


def _notifications(status: Document) -> Iterable[Metric]:
    # two receivers of one name are one to whoever counts
    for name, about, key in (
        ("notifications", "Messages that a receiver took", "told"),
        ("notification_failures", "Messages that a receiver did not take", "failures"),
    ):
        counted: Counter[Labels] = Counter()
        for one in status["notify"]:
            counted[(plain(one["to"]),)] += one[key]
        yield _counter(name, about, ("receiver",), counted.items())


def _mirrors(mirrors: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    held = [(of, float(bool(mirror["held"]))) for of, mirror in mirrors]
    yield _gauge("mirror_source_held", "1 while the source is not the one that it was", MIRROR, held)
    for name, about, key in (
        ("mirror_watches", "inotify watches in use", "watches"),
        ("mirror_unwatched_directories", "Directories that could not be watched", "unwatched"),
    ):
        yield _gauge(name, about, MIRROR, [(of, mirror[key]) for of, mirror in mirrors])
    for name, about, key in (
        ("events", "Events read from the kernel", "events"),
        ("event_queue_overflows", "Times that the kernel's queue of events overflowed", "overflows"),
    ):
        yield _counter(name, about, MIRROR, [(of, mirror[key]) for of, mirror in mirrors])


def _hooks(mirrors: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    labels = (*MIRROR, "hook")
    for name, about, key in (
        ("hook_deliveries", "Times that a hook was told", "deliveries"),
        ("hook_paths", "Paths that a hook was told of", "paths"),
        ("hook_failures", "Times that a hook could not be told", "failures"),
        ("hook_dropped_paths", "Paths that it was never told of, as too many waited", "dropped"),
    ):
        yield _counter(name, about, labels, _of_hooks(mirrors, key))
    waiting = _of_hooks(mirrors, "waiting")
    yield _gauge("hook_waiting_paths", "Paths that a hook is still to be told of", labels, waiting)


def _of_hooks(mirrors: Sequence[tuple[Labels, Document]], key: str) -> Values:
    # two hooks of one name are one to whoever counts
    counted: Counter[Labels] = Counter()
    for of, mirror in mirrors:
        for one in mirror["hooks"]:
            counted[(*of, plain(one["to"]))] += one[key]
    return [(of, float(value)) for of, value in counted.items()]


def _states(targets: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    states = [((*of, state), float(target["state"] == state)) for of, target in targets for state in STATES]
    yield _gauge("target_state", "1 for the state that the target is in", (*TARGET, "state"), states)
    for name, about, key in (
        ("target_state_since_timestamp_seconds", "Since when it is in this state", "since"),
        ("oldest_unconfirmed_age_seconds", "Age of the oldest change not confirmed; 0 when in step", "lag"),
        ("queued_changes", "Changes that wait", "pending"),
        ("in_flight_changes", "Changes in batches under way", "in_flight"),
        ("last_confirmed_timestamp_seconds", "When the target last confirmed anything", "last_confirmed"),
        ("refused_paths", "Paths that the target refuses at the moment", "refused"),
    ):
        yield _gauge(name, about, TARGET, [(of, target[key]) for of, target in targets])
    ends = [(of, target.get("certificate_expires")) for of, target in targets]
    yield _gauge("certificate_expires_timestamp_seconds", "When this host's certificate for TLS ends", TARGET, ends)
    held = [(of, (target["held"] or {}).get("deletions", 0)) for of, target in targets]
    yield _gauge("held_deletions", "Deletions held until they are released", TARGET, held)


def _flow(targets: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    lag = [(of, target["lag_histogram"]) for of, target in targets]
    yield _histogram("lag_seconds", "From a change being seen to its confirmation by the target", TARGET, lag)
    for name, about, key in (
        ("confirmed_changes", "Changes confirmed by the target", "names"),
        ("confirmed_bytes", "Bytes of the files confirmed by the target", "bytes"),
    ):
        yield _counter(name, about, TARGET, [(of, target[key]) for of, target in targets])
    for name, about, label, key, known in (
        ("batches", "Batches confirmed by the target", "lane", "batches", LANES),
        ("failures", "Batches, comparisons and names that failed", "reason", "failures", kinds.ALL),
        ("reconciles", "Comparisons that arrived whole, were incomplete, or failed", "result", "reconciles", RESULTS),
    ):
        counted = [((*of, one), target["counts"][key].get(one, 0)) for of, target in targets for one in known]
        yield _counter(name, about, (*TARGET, label), counted)


def _reconciles(targets: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    about = "Whole reconciles, from the comparison to the arrival of the last difference"
    took = [(of, target["reconcile_histogram"]) for of, target in targets]
    yield _histogram("reconcile_duration_seconds", about, TARGET, took)
    for name, about, key in (
        ("reconcile_last_arrived_timestamp_seconds", "When all was last found equal or made so", "arrived"),
        ("reconcile_last_duration_seconds", "How long that took", "took"),
        ("reconcile_differences", "Differences that the reconcile under way, or the last one, has found", "known"),
        ("reconcile_differences_done", "Those of them that are on the target", "done"),
    ):
        yield _gauge(name, about, TARGET, [(of, target["reconcile"][key]) for of, target in targets])


def _audits(targets: Sequence[tuple[Labels, Document]]) -> Iterable[Metric]:
    told = [(of, target["audit"]) for of, target in targets if target["audit"] is not None]
    drift = [((*of, kind), float(audit[kind])) for of, audit in told for kind in COUNTS]
    yield _gauge("audit_drift_entries", "Entries that the last audit left different", (*TARGET, "kind"), drift)
    ended = [(of, audit["at"]) for of, audit in told]
    yield _gauge("audit_timestamp_seconds", "When the last audit ended", TARGET, ended)
