"""What a target's state is called, and why: one word from the field, one sentence."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lockstep.source import limits

if TYPE_CHECKING:
    from lockstep.mirror import MirrorSync
    from lockstep.target import TargetSync

STATES = ("live", "reconciling", "starting", "paused", "behind", "down", "held")  # best to worst
CALM = frozenset(STATES[:4])  # nobody needs to be called for these
BEHIND = 5.0  # seconds of lag beyond the longest wait for an unclosed file


@dataclass
class Condition:
    state: str
    reason: str = ""
    since: float = field(default_factory=time.time)


def worst(states: list[str]) -> str:
    return max(states, key=STATES.index, default="live")


def rank(state: str) -> int:
    """How bad a state is, 0 being good."""
    return STATES.index(state)


def of_target(mirror: MirrorSync, target: TargetSync, now: float) -> Condition:
    """The state of a target; `now` is monotonic seconds."""
    standing, config = target.standing, mirror.config
    if mirror.custody.held:
        return Condition(
            "held",
            f"{mirror.custody.held}; nothing is sent or deleted until it is right again, or until: "
            f"lockstep release {config.name}",
        )
    if standing.held and not standing.parked:
        return Condition(
            "held", f"what was held is back, and is compared; do not wait for that with: lockstep release {config.name}"
        )
    if standing.held and standing.doubted is None:
        return Condition(
            "held",
            f"{standing.held_count} of {standing.held_of} entries would be deleted, more than max_delete allows; "
            f"let them go with: lockstep release {config.name}",
        )
    if standing.down:
        return Condition("down", standing.down)
    if standing.paused:
        return Condition("paused", f"go on with: lockstep resume {config.name}")
    if standing.problems:
        path, problem = next(iter(standing.problems.items()))
        more = f", and {len(standing.problems) - 1} more" if len(standing.problems) > 1 else ""
        return Condition("behind", f"{os.fsdecode(path) or '.'}: {problem.reason}{more}")
    if mirror.tree is not None and mirror.tree.unwatched:
        return Condition("behind", limits.shortage(len(mirror.tree) + mirror.tree.unwatched, limits.allowed()))
    if mirror.tree is not None and mirror.tree.problems:
        path, reason = next(iter(mirror.tree.problems.items()))
        return Condition(
            "behind", f"{len(mirror.tree.problems)} directories are not watched, {os.fsdecode(path)}: {reason}"
        )
    if not mirror.watched:
        return Condition("starting", "setting watches")
    if target.reconcile.unread:
        return Condition("behind", f"not everything could be compared: {target.reconcile.unread}")
    if (config.watch and not target.reconcile.whole_done) or target.reconcile.whole_wanted:
        return Condition("reconciling", target.reconcile.why)
    oldest = target.oldest()
    if oldest is not None and now - oldest > config.max_wait + BEHIND:
        return Condition("behind", f"the oldest change waits for {now - oldest:.0f} s")
    return Condition("live", "" if config.watch else "compared on schedule, nothing is watched")
