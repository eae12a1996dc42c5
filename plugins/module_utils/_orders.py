# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watcher can be told to do with a mirror, and when that is done, read from its status."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils import _in_step

RESYNC, PAUSE, RESUME, RELEASE = "resync", "pause", "resume", "release"
ORDERS = (RESYNC, PAUSE, RESUME, RELEASE)

Status = dict[str, Any]


def targets(mirror: dict[str, Any]) -> list[dict[str, Any]]:
    """The mirror's targets as the status has them."""
    found: list[dict[str, Any]] = mirror.get("targets") or []
    return found


def would_change(order: str, mirror: dict[str, Any]) -> bool:
    """Whether it would change anything, as far as the states tell: one that is down or held may be paused as well."""
    states = [target.get("state") for target in targets(mirror)]
    if order == PAUSE:
        return any(state != "paused" for state in states)
    if order == RESUME:
        return any(state == "paused" for state in states)
    if order == RELEASE:
        return any(state == _in_step.HELD for state in states)
    return True


def pointless(order: str, mirror: dict[str, Any]) -> Optional[str]:
    """Why waiting for the end of this would never end."""
    if order != RESYNC:
        return None
    paused = [str(target.get("name")) for target in targets(mirror) if target.get("state") == "paused"]
    if not paused:
        return None
    return f"mirror {mirror.get('name')} on {', '.join(paused)} is paused and compares nothing; resume it first"


def unfinished(order: str, mirror: dict[str, Any], since: float) -> list[str]:
    """A text for each target on which it is not done; C(since) is the watcher's time when it was told, epoch."""
    name = mirror.get("name")
    texts = []
    for target in targets(mirror):
        why = _unfinished(order, target, since)
        if why is not None:
            texts.append(f"mirror {name} on {target.get('name')} {why}")
    return texts


def _unfinished(order: str, target: dict[str, Any], since: float) -> Optional[str]:
    state, reason = target.get("state"), target.get("reason")
    told = f"is {state} ({reason})" if reason else f"is {state}"
    if order == PAUSE:
        under_way = target.get("in_flight") or 0
        return f"has {under_way} changes under way" if under_way else None
    if order == RESYNC:
        reconcile = target.get("reconcile") or {}
        if (reconcile.get("started") or 0) < since:
            return f"has not begun to compare and {told}"
        known, done = reconcile.get("known") or 0, reconcile.get("done") or 0
        if reconcile.get("state") != "done" or done < known:
            return f"is {reconcile.get('state')}, {done} of {known} differences sent, and {told}"
        return told if state in ("reconciling", "starting") else None
    return None if state == _in_step.LIVE else told


def results(mirror: dict[str, Any], order: str, waited: bool) -> list[dict[str, Any]]:
    """Each target's state after it, and after a resync that was waited for what that found."""
    found = []
    for target in targets(mirror):
        reconcile = target.get("reconcile") or {}
        counted = order == RESYNC and waited
        found.append(
            {
                **{key: target.get(key) for key in ("name", "state", "reason", "lag", "pending")},
                "differences": reconcile.get("known") if counted else None,
                "bytes": reconcile.get("bytes_known") if counted else None,
            }
        )
    return found
