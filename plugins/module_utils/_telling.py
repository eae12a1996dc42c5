# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the watcher what an audit found, so that all who look at the watcher see it."""

from __future__ import annotations

from typing import Any

from ansible_collections.lockstep.realtime.plugins.module_utils import _mirror, _status


def tell(mirror: _mirror.Mirror, checksum: bool, target: dict[str, Any]) -> bool:
    """Whether the mirror's watcher has taken it; an audit that was not completed is none to tell of.

    C(target): the audit's answer for one target. A watcher that does not run, or is too old to know of audits, is no
    failure of the audit.
    """
    if mirror.socket is None or target["error"] is not None or target["problems"]:
        return False
    request = {"command": "audited", "mirror": mirror.name, "target": target["name"], "checksum": checksum}
    try:
        _status.order(mirror.socket, {**request, **remaining(target, mirror.deletes)})
    except _status.StatusError:
        return False
    return True


def remaining(target: dict[str, Any], deletes: bool) -> dict[str, int]:
    """How many entries of each kind differ still; what a mirror that never deletes has too much is no difference."""
    repair = target["repair"]
    if repair is not None and repair["remaining"]:
        return dict(repair["remaining"])
    counts = {kind: target[kind]["count"] for kind in ("missing", "different", "extra")}
    return counts if deletes else {**counts, "extra": 0}
