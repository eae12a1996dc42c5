# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification's records as the answer of a task: data, a table to print, and one sentence about what failed."""

from __future__ import annotations

import statistics
from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._verify import TargetRecord


def answer(mirror: str, records: list[TargetRecord]) -> dict[str, Any]:
    """The task's return values, C(ok) first of all."""
    targets = [_target(record) for record in records]
    return {
        "ok": all(target["ok"] for target in targets),
        "mirror": mirror,
        "targets": targets,
        "table": table(targets),
    }


def complaint(mirror: str, targets: list[dict[str, Any]]) -> Optional[str]:
    """The first failure, with mirror, step, target and reason, and how many more there are."""
    failures = [
        f"step {step['step']} on {target['name']}: {step['reason']}"
        for target in targets
        for step in target["steps"]
        if step["ok"] is False
    ]
    failures += [
        f"clean-up on {target['name']}: {target['cleanup']['reason']}" for target in targets if not _clean(target)
    ]
    if not failures:
        return None
    more = f" (and {len(failures) - 1} more, see table)" if len(failures) > 1 else ""
    return f"mirror {mirror}: {failures[0]}{more}"


def table(targets: list[dict[str, Any]]) -> list[str]:
    """One line for each step and target, then one for each target with its lags."""
    rows = [("step", "target", f"{'lag':>7}     {'read':>7}")]
    rows += [(step["step"], target["name"], _cell(step)) for target in targets for step in target["steps"]]
    rows += [
        ("cleanup", target["name"], f"FAILED   {target['cleanup']['reason']}")
        for target in targets
        if not _clean(target)
    ]
    rows += [("all", target["name"], _summary(target["lag_ms"])) for target in targets]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [f"{step:<{widths[0]}}  {name:<{widths[1]}}  {lag}".rstrip() for step, name, lag in rows]


def _target(record: TargetRecord) -> dict[str, Any]:
    lags = [step["lag_ms"] for step in record.steps if step["lag_ms"] is not None]
    target: dict[str, Any] = {
        "name": record.name,
        "url": record.url,
        "steps": record.steps,
        "lag_ms": {
            "min": min(lags, default=None),
            "median": round(statistics.median(lags), 1) if lags else None,
            "max": max(lags, default=None),
        },
        "cleanup": record.cleanup,
    }
    target["ok"] = _clean(target) and not any(step["ok"] is False for step in record.steps)
    return target


def _clean(target: dict[str, Any]) -> bool:
    return bool(target["cleanup"].get("ok", True))


def _cell(step: dict[str, Any]) -> str:
    if step["ok"] is None:
        return f"not run  {step['reason']}"
    lag = "" if step["lag_ms"] is None else f"{step['lag_ms']:7.1f} ms  {step['read_ms']:7.1f} ms"
    return lag if step["ok"] else f"{lag + '  ' if lag else ''}FAILED   {step['reason']}"


def _summary(lag_ms: dict[str, Optional[float]]) -> str:
    if lag_ms["min"] is None:
        return "no lag"
    return f"min {lag_ms['min']:.1f}, median {lag_ms['median']:.1f}, max {lag_ms['max']:.1f} ms"
