"""The status document: plain data of everything that a person, a module or a monitor wants to know."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Optional

from lockstep import __version__
from lockstep.progress import Progress
from lockstep.record import STEP, Histogram
from lockstep.source import limits
from lockstep.status import facts
from lockstep.status.condition import worst
from lockstep.transfer import certificate

if TYPE_CHECKING:
    from lockstep.audits import Audit, Audits
    from lockstep.mirror import MirrorSync
    from lockstep.service import Service
    from lockstep.target import TargetSync

PROBLEMS_SHOWN = 100
HELD_SHOWN = 20
CERTIFICATE_LEFT = 7 * 86400.0  # seconds; it is said long before, and by then somebody has to be called


def document(service: Service) -> dict[str, Any]:
    """Times are epoch seconds, lags seconds, paths relative to the source (undecodable bytes as surrogates)."""
    mirrors = [_mirror(mirror, service.audits) for mirror in service.mirrors.values()]
    unhealthy = [text for mirror in mirrors for text in _unhealthy(mirror, service.config.status.max_lag)]
    if service.config_error:
        unhealthy.append(f"the configuration on disk has a mistake, the one before it runs: {service.config_error}")
    return {
        "version": __version__,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": service.started,
        "now": time.time(),
        "config": {
            "path": service.config.path,
            "sha256": service.config.sha256,
            "loaded": service.loaded,
            "error": service.config_error,
            "max_lag": service.config.status.max_lag,
        },
        "state": worst([mirror["state"] for mirror in mirrors]),
        "healthy": not unhealthy,
        "unhealthy": unhealthy,
        "watches": {"used": sum(mirror["watches"] for mirror in mirrors), "allowed": _allowed()},
        "notify": service.notifier.state(),
        "mirrors": mirrors,
    }


def details(service: Service) -> dict[str, Any]:
    """The document, and what only the page and the metrics want: each target's last hour, and its histograms."""
    found = document(service)
    now = time.monotonic()
    for told, mirror in zip(found["mirrors"], service.mirrors.values()):
        for of, target in zip(told["targets"], mirror.targets):
            history = target.record.history.read(now)
            of["history"] = {
                "step": STEP,
                "lag": [None if lag is None else round(lag, 4) for lag, _state in history],
                "state": [state for _lag, state in history],
            }
            of["lag_histogram"] = _histogram(target.record.lag)
            of["reconcile_histogram"] = _histogram(target.record.reconciles)
    return found


def _histogram(of: Histogram) -> dict[str, Any]:
    return {"bounds": list(of.bounds), "counts": list(of.counts), "sum": of.sum}


def _allowed() -> Optional[int]:
    try:
        return limits.allowed()
    except (OSError, ValueError):
        return None


def _unhealthy(mirror: dict[str, Any], max_lag: float) -> list[str]:
    reasons = []
    for target in mirror["targets"]:
        name = f"mirror {mirror['name']} on {target['name']}"
        if target["state"] in ("held", "down"):
            reasons.append(f"{name} is {target['state']}: {target['reason']}")
        elif target["lag"] > max_lag and target["state"] != "paused":
            reasons.append(f"{name} is {target['lag']:.0f} s behind, the limit is {max_lag:.0f} s")
        elif target["state"] == "behind":
            reasons.append(f"{name} is behind: {target['reason']}")
        ends = target["certificate_expires"]
        if ends is not None and ends - time.time() < CERTIFICATE_LEFT:
            reasons.append(f"{name}: {facts.certificate_ends(ends - time.time())}")
        audit = target["audit"]
        if audit is not None and audit["drift"]:
            reasons.append(
                f"{name} has drifted: an audit found {audit['missing']} missing, {audit['different']} different, "
                f"{audit['extra']} extra; mend that with the playbook audit and lockstep_audit_repair=true"
            )
    return reasons


def _mirror(mirror: MirrorSync, audits: Audits) -> dict[str, Any]:
    targets = [_target(mirror, target, audits.get(mirror.config.name, target.config.name)) for target in mirror.targets]
    state = worst([target["state"] for target in targets])
    named = next((target for target in targets if target["state"] == state), None)
    problems = list(mirror.tree.problems.items()) if mirror.tree is not None else []
    return {
        "name": mirror.config.name,
        "source": os.fsdecode(mirror.config.source),
        "state": state,
        "reason": named["reason"] if named else None,
        "since": named["since"] if named else time.time(),
        "watched": mirror.config.watch,
        "next_reconcile": mirror.schedule.next(time.monotonic(), time.time()),
        "watches": len(mirror.tree) if mirror.tree is not None else 0,
        "unwatched": max(len(problems), mirror.tree.unwatched) if mirror.tree is not None else 0,
        "watch_problems": [{"path": os.fsdecode(path), "reason": why} for path, why in problems[:PROBLEMS_SHOWN]],
        "held": {
            "reason": mirror.custody.held,
            "command": f"lockstep release {mirror.config.name}",
        } if mirror.custody.held else None,
        "overflows": mirror.overflows,
        "events": mirror.events,
        "hooks": mirror.hooks.state() if mirror.hooks is not None else [],
        "targets": targets,
    }  # fmt: skip


def _progress(of: Progress) -> dict[str, Any]:
    """`done` of `known` differences and `bytes_done` of `bytes_known` are on the target.

    `rate` and `byte_rate`: of them in a second; `remaining`: seconds until all are there; `elapsed`: seconds since the
    comparison or the sending began; `entries`: of the source when everything was compared the last time.  Each of
    these is null while it is not known.
    """

    def rounded(value: Optional[float]) -> Optional[float]:
        return None if value is None else round(value, 1)

    return {
        "known": of.known,
        "done": of.done,
        "bytes_known": of.bytes_known,
        "bytes_done": of.bytes_done,
        "rate": rounded(of.rate),
        "byte_rate": rounded(of.byte_rate),
        "remaining": rounded(of.left),
        "elapsed": rounded(of.elapsed),
        "entries": of.entries,
    }


def _target(mirror: MirrorSync, target: TargetSync, audit: Optional[Audit]) -> dict[str, Any]:
    now, clock = time.monotonic(), time.time()

    def epoch(at: Optional[float]) -> Optional[float]:
        return None if at is None else clock - (now - at)

    condition, standing, reconcile = mirror.condition(target), target.standing, target.reconcile
    record, oldest = target.record, target.oldest()
    rates = record.rates(now)
    return {
        "name": target.config.name,
        "url": target.config.url,
        "state": condition.state,
        "reason": condition.reason or None,
        "since": condition.since,
        "next_try": epoch(standing.next_try),
        "lag": 0.0 if oldest is None else round(now - oldest, 4),
        "pending": target.pending,
        "in_flight": target.in_flight,
        "batches": standing.batches,
        "names": standing.names,
        "bytes": record.bytes,
        "rate": None if rates is None else {"names": round(rates[0], 2), "bytes": round(rates[1], 1)},
        "failures": standing.failures,
        "last_confirmed": epoch(standing.last_confirmed),
        "counts": {
            "batches": dict(record.batches),
            "failures": dict(record.failures),
            "reconciles": dict(record.reconcile_results),
        },
        "reconcile": {
            "state": reconcile.state,
            "started": reconcile.started,
            "finished": reconcile.finished,
            "arrived": record.reconciled,
            "took": None if record.reconcile_took is None else round(record.reconcile_took, 3),
            **_progress(reconcile.progress(now)),
        },
        "audit": None if audit is None else {**asdict(audit), "drift": audit.drift},
        "certificate_expires": certificate.expires(target.config.tls.certificate) if target.config.tls else None,
        "held": {
            "deletions": standing.held_count,
            "of": standing.held_of,
            "command": f"lockstep release {mirror.config.name}",
            "paths": [os.fsdecode(path) for path in islice(standing.parked, HELD_SHOWN)],
            "more": max(0, len(standing.parked) - HELD_SHOWN),
        } if standing.parked and standing.doubted is None else None,
        "refused": len(standing.problems),
        "problems": [
            {"path": os.fsdecode(path), "reason": problem.reason, "since": epoch(problem.since),
             "attempts": problem.backoff.attempts, "next_try": epoch(problem.due) if problem.waiting else None}
            for path, problem in list(standing.problems.items())[:PROBLEMS_SHOWN]
        ],
        "errors": [
            {"reason": error.reason, "first": epoch(error.first), "last": epoch(error.last), "times": error.times}
            for error in reversed(record.errors)
        ],
    }  # fmt: skip
