"""What Prometheus is told: by its own parser, with names as its conventions have them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from documents import EVIL, document, target
from prometheus_client.parser import text_string_to_metric_families

from lockstep.status import metrics
from lockstep.status.condition import STATES

UNITS = ("_seconds", "_bytes", "_total", "_info", "_ratio")


def exposed(status: dict[str, Any]) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(metrics.text(status))}


def value(families: dict[str, Any], family: str, sample: str = "", **labels: str) -> float:
    (found,) = [
        one.value
        for one in families[family].samples
        if one.name == (sample or one.name) and labels.items() <= one.labels.items()
    ]
    return float(found)


def test_what_the_status_says_is_what_is_exposed() -> None:
    families = exposed(document("held", target(
        "held", lag=12.5, pending=7, in_flight=3, refused=2, held={"deletions": 40, "of": 50},
        counts={"batches": {"content": 9}, "failures": {"space": 4}, "reconciles": {"failed": 2, "arrived": 1}},
    )))  # fmt: skip
    for family, labels, expected in (
        ("lockstep_oldest_unconfirmed_age_seconds", {"mirror": "data", "target": "backup01/data"}, 12.5),
        ("lockstep_queued_changes", {}, 7),
        ("lockstep_in_flight_changes", {}, 3),
        ("lockstep_held_deletions", {}, 40),
        ("lockstep_refused_paths", {}, 2),
        ("lockstep_target_state", {"state": "held"}, 1),
        ("lockstep_target_state", {"state": "live"}, 0),
        ("lockstep_confirmed_changes", {}, 4000),
        ("lockstep_confirmed_bytes", {}, 5_000_000),
        ("lockstep_batches", {"lane": "content"}, 9),
        ("lockstep_batches", {"lane": "remove"}, 0),
        ("lockstep_failures", {"reason": "space"}, 4),
        ("lockstep_failures", {"reason": "login"}, 0),
        ("lockstep_reconciles", {"result": "failed"}, 2),
        ("lockstep_reconcile_last_duration_seconds", {}, 12),
        ("lockstep_watches", {}, 12345),
        ("lockstep_watches_limit", {}, 100_000),
        ("lockstep_event_queue_overflows", {"mirror": "data"}, 0),
        ("lockstep_healthy", {}, 0),
        ("lockstep_build_info", {"version": "0.1.0"}, 1),
    ):
        assert value(families, family, **labels) == expected, (family, labels)
    states = families["lockstep_target_state"].samples
    assert len(states) == len(STATES)


def test_an_audit_is_measured_once_there_was_one() -> None:
    assert not exposed(document())["lockstep_audit_drift_entries"].samples
    told = {"at": 4000.0, "checksum": False, "missing": 1, "different": 0, "extra": 2, "drift": 3}
    families = exposed(document(audit=told))
    for kind, count in (("missing", 1), ("different", 0), ("extra", 2)):
        assert value(families, "lockstep_audit_drift_entries", kind=kind, mirror="data") == count
    assert value(families, "lockstep_audit_timestamp_seconds", target="backup01/data") == 4000


def test_the_lag_is_a_histogram_whose_buckets_add_up() -> None:
    families = exposed(document())
    lag = "lockstep_lag_seconds"
    counts = [value(families, lag, f"{lag}_bucket", le=bound) for bound in ("0.001", "0.01", "0.1", "1.0", "+Inf")]
    assert counts == [0, 90, 98, 100, 100]
    assert value(families, lag, f"{lag}_count") == 100
    assert value(families, lag, f"{lag}_sum") == 3.5


def test_what_is_not_known_is_not_exposed() -> None:
    status = document("starting", last_confirmed=None,
                      reconcile={"arrived": None, "took": None, "known": 0, "done": 0, "state": "none"})  # fmt: skip
    status["watches"]["allowed"] = None
    families = exposed(status)
    for family in ("lockstep_last_confirmed_timestamp_seconds", "lockstep_watches_limit",
                   "lockstep_reconcile_last_arrived_timestamp_seconds"):  # fmt: skip
        assert not families[family].samples, family


def test_names_follow_the_conventions() -> None:
    for name, family in exposed(document()).items():
        assert re.fullmatch(r"(lockstep|process)_[a-z_]+", name)
        assert family.documentation
        if family.type == "counter":
            assert not name.endswith("_total"), "the library adds it"
        if "time" in name.split("_") or "age" in name.split("_") or "duration" in name.split("_"):
            assert name.endswith(UNITS), name


@pytest.mark.parametrize("name", [EVIL, 'quote " and \\ and \n'])
def test_no_name_breaks_the_exposition(name: str) -> None:
    status = document("down", target("down", name=name))
    status["mirrors"][0]["name"] = name
    status["notify"] = [{"to": name, "told": 1, "failures": 0}, {"to": name, "told": 2, "failures": 1}]
    hook = {"to": name, "deliveries": 1, "paths": 5, "waiting": 2, "dropped": 0, "failures": 4}
    status["mirrors"][0]["hooks"] = [hook, hook]
    families = exposed(status)
    assert value(families, "lockstep_hook_paths") == 10
    assert value(families, "lockstep_hook_waiting_paths") == 4
    assert len(families["lockstep_held_deletions"].samples) == 1
    assert value(families, "lockstep_notifications") == 3
