"""When everything is compared again: so many seconds after the last time, at moments of the calendar, or both."""

from __future__ import annotations

from typing import Optional

from lockstep.calendar_event import CalendarEvent


class Schedule:
    """Is told both clocks (seconds): `now` is monotonic, for intervals; `clock` is the epoch's, for the calendar."""

    def __init__(self, every: float, at: tuple[CalendarEvent, ...] = ()) -> None:
        """`every`: seconds, 0 for no interval."""
        self._every = every
        self._at = at
        self._due: Optional[float] = None  # monotonic
        self._moment: Optional[float] = None  # epoch
        self._looked = 0.0  # epoch

    def begun(self, now: float, clock: float, ago: float = 0.0) -> None:
        """A comparison has begun, `ago` seconds before now."""
        self._due = now - ago + self._every if self._every else None
        self._plan(clock - ago)
        self._looked = clock

    def at_latest(self, due: float) -> None:
        """Not later than that (monotonic), this once."""
        if self._due is None or self._due > due:
            self._due = due

    def due(self, now: float, clock: float) -> bool:
        """To be asked about once a second."""
        if self._due is not None and now >= self._due:
            return True
        if not self._at:
            return False
        if clock < self._looked:  # it was set back: what was planned may be far away by now
            self._plan(clock)
        self._looked = clock
        return self._moment is not None and clock >= self._moment

    def next(self, now: float, clock: float) -> Optional[float]:
        """When (epoch) the next one is due; None for never."""
        times = [self._moment, None if self._due is None else clock + self._due - now]
        return min((at for at in times if at is not None), default=None)

    def _plan(self, after: float) -> None:
        found = [moment for moment in (event.next(after) for event in self._at) if moment is not None]
        self._moment = min(found, default=None)
