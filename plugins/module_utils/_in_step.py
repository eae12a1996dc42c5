# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a status document: which mirrors are in step, and what keeps the others from it."""

from __future__ import annotations

import difflib
from typing import Any, Optional

LIVE = "live"
HELD = "held"  # until somebody releases the mirror: waiting does not help


def select(status: dict[str, Any], names: Optional[list[str]]) -> list[dict[str, Any]]:
    """The mirrors asked for, in the watcher's order; all of them when none is named."""
    mirrors: list[dict[str, Any]] = status["mirrors"]
    return [mirror for mirror in mirrors if not names or mirror.get("name") in names]


def unknown(status: dict[str, Any], names: Optional[list[str]]) -> Optional[str]:
    """A sentence about the first name that the watcher does not know, or None."""
    known = [str(mirror.get("name")) for mirror in status["mirrors"]]
    for name in names or []:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            return f"mirror {name}: the watcher has no such mirror; {hint}It has: {', '.join(known) or 'none'}"
    return None


def summary(mirrors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What most want to know of each mirror and its targets."""
    return [
        {
            "name": mirror.get("name"),
            "source": mirror.get("source"),
            "state": mirror.get("state"),
            "reason": mirror.get("reason"),
            "in_step": in_step([mirror]),
            "targets": [
                {
                    **{key: target.get(key) for key in ("name", "state", "reason", "lag", "pending", "next_try")},
                    "problems": len(target.get("problems") or []),
                }
                for target in mirror.get("targets") or []
            ],
        }
        for mirror in mirrors
    ]


def in_step(mirrors: list[dict[str, Any]]) -> bool:
    """Whether there is at least one mirror, and every one of them is live on every target."""
    return bool(mirrors) and not any(lagging(mirror) for mirror in mirrors)


def lagging(mirror: dict[str, Any]) -> list[str]:
    """One text for each target that is not live, with state and reason; of the mirror itself where no target tells."""
    name = mirror.get("name")
    texts = [
        f"mirror {name} on {target.get('name')} is {_state(target)}"
        for target in mirror.get("targets") or []
        if target.get("state") != LIVE
    ]
    if not texts and mirror.get("state") != LIVE:
        texts.append(f"mirror {name} is {_state(mirror)}")
    return texts


def held(mirrors: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """By mirror and target, one text for each target that is held: the reason, and the command that lets it go on."""
    texts = {}
    for mirror in mirrors:
        release = f"lockstep release {mirror.get('name')}"
        for target in mirror.get("targets") or []:
            if target.get("state") == HELD:
                text = f"mirror {mirror.get('name')} on {target.get('name')} is {_state(target)}"
                mend = "" if release in text else f"; mend that, or accept it with: {release}"
                texts[str(mirror.get("name")), str(target.get("name"))] = text + mend
    return texts


def other_config(status: dict[str, Any], sha256: str) -> Optional[str]:
    """Why the running configuration is not the one of this digest, or None if it is."""
    config = status.get("config") or {}
    if config.get("sha256") == sha256.lower():
        return None
    text = f"the watcher runs with {config.get('path')} of digest {config.get('sha256')}, not {sha256}"
    return f"{text}: {config['error']}" if config.get("error") else text


def _state(part: dict[str, Any]) -> str:
    reason = part.get("reason")
    return f"{part.get('state')} ({reason})" if reason else str(part.get("state"))
