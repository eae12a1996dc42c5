"""Status documents as the service makes them, for tests of what is made of these."""

from __future__ import annotations

from typing import Any

EVIL = "<script>\x1b[2J\n\udcff\u202e&'\""
BOUNDS = [0.001, 0.01, 0.1, 1.0]


def target(state: str = "live", **more: Any) -> dict[str, Any]:
    return {
        "name": "backup01/data", "url": "rsync://u@backup01/data", "state": state, "reason": None, "since": 4600.0,
        "next_try": None, "lag": 0.0, "pending": 0, "in_flight": 0, "batches": 3, "names": 4000, "bytes": 5_000_000,
        "rate": {"names": 12.5, "bytes": 40_000.0}, "failures": 0, "last_confirmed": 4650.0,
        "counts": {"batches": {"content": 2, "rest": 1}, "failures": {}, "reconciles": {"arrived": 1}},
        "reconcile": {
            "state": "done", "started": 1.0, "finished": 2.0, "arrived": 4000.0, "took": 12.0, "known": 5, "done": 5,
        },
        "audit": None, "held": None, "refused": 0, "problems": [], "errors": [],
        "history": {"step": 10.0, "lag": [None] * 350 + [0.0] * 9 + [0.004], "state": [None] * 350 + [0] * 10},
        "lag_histogram": {"bounds": BOUNDS, "counts": [0, 90, 8, 2, 0], "sum": 3.5},
        "reconcile_histogram": {"bounds": [60.0], "counts": [1, 0], "sum": 12.0},
        **more,
    }  # fmt: skip


def document(state: str = "live", *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One mirror; `more` is of its one target, where none is given."""
    return {
        "version": "0.1.0", "host": "nfs01", "pid": 7, "started": 1000.0, "now": 4660.0, "state": state,
        "healthy": state == "live", "unhealthy": [] if state == "live" else [f"data: {state}"],
        "config": {
            "path": "/etc/lockstep/lockstep.yml", "sha256": "0", "loaded": 1000.0, "error": None, "max_lag": 60.0,
        },
        "watches": {"used": 12345, "allowed": 100_000},
        "notify": [],
        "mirrors": [
            {
                "name": "data", "source": "/data", "state": state, "reason": None, "since": 1000.0, "watches": 12345,
                "unwatched": 0, "watch_problems": [], "overflows": 0, "events": 5, "held": None,
                "hooks": [],
                "targets": list(targets) or [target(state, **more)],
            }
        ],
    }  # fmt: skip
