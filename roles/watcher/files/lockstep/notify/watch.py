"""Which changes of state somebody is to be told of: trouble that lasts, and its end.

Plain data, no clock: `look` is told the time (epoch seconds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional

Key = tuple[str, str]  # the mirror's name and the target's
CURED = "cured"


@dataclass(frozen=True)
class Standing:
    """How a target is now; `since` is when it came into that state, `lag` seconds."""

    mirror: str
    target: str
    state: str
    reason: str
    since: float
    lag: float


@dataclass(frozen=True)
class News:
    """`event`: held, down, behind or cured; `before`: the event told before it, for cured what is cured."""

    event: str
    before: Optional[str]
    at: float
    mirror: str
    target: str
    state: str
    reason: str
    since: float
    lag: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def sentence(self) -> str:
        about = f"{self.mirror} on {self.target}"
        if self.event == CURED:
            return f"{about} is in step again"
        return f"{about} is {self.event}: {self.reason}" if self.reason else f"{about} is {self.event}"


class Watch:
    """`told`: what was told last of each target that is not cured; of an earlier run, where that is known."""

    def __init__(self, behind: float, down: float, told: Optional[Mapping[Key, str]] = None) -> None:
        self._least = {"behind": behind, "down": down, "held": 0.0}
        self.told: dict[Key, str] = dict(told or {})

    def look(self, targets: Iterable[Standing], now: float) -> list[News]:
        """What is new since the last look."""
        news, seen = [], set()
        for target in targets:
            key = (target.mirror, target.target)
            seen.add(key)
            before = self.told.get(key)
            event = self._event(target, before, now)
            if event is None:
                continue
            if event == CURED:
                del self.told[key]
            else:
                self.told[key] = event
            news.append(News(event, before, now, target.mirror, target.target, target.state, target.reason,
                             target.since, target.lag))  # fmt: skip
        for key in self.told.keys() - seen:  # configured no more
            del self.told[key]
        return news

    def _event(self, target: Standing, before: Optional[str], now: float) -> Optional[str]:
        if target.state == "live":
            return CURED if before is not None else None
        least = self._least.get(target.state)
        if least is None or target.state == before or now - target.since < least:
            return None
        return target.state
