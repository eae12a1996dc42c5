"""Options of rsync that follow from the mirror's configuration and the time of day, for what is sent or deleted."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Optional

from lockstep.config import Mirror, Target


class Extras:
    """`target()` is the target with these options; `renew()` says once a second whether they have changed."""

    def __init__(self, mirror: Mirror, target: Target) -> None:
        self._mirror = mirror
        self._plain = target
        self._wanted = bool(mirror.backup_dir or mirror.temp_dir or mirror.bandwidth.table)
        self._known: tuple[str, ...] = ()
        self._limited = self._whole = target
        if self._wanted:
            self.renew()

    def target(self, lane_below: bool = False) -> Target:
        """`lane_below`: for a transfer into a directory of the target, where folders would be taken from there."""
        return self._limited if lane_below else self._whole

    def renew(self, now: Optional[time.struct_time] = None) -> bool:
        """Have they changed since the last call?"""
        if not self._wanted:
            return False
        at = now or time.localtime()
        rate = self._mirror.bandwidth.at(60 * at.tm_hour + at.tm_min)
        limit = (f"--bwlimit={rate}",) if rate else ()
        folders: tuple[str, ...] = ()
        if self._mirror.backup_dir:
            folders += ("--backup", f"--backup-dir={time.strftime(self._mirror.backup_dir, at)}")
        if self._mirror.temp_dir:
            folders += (f"--temp-dir={self._mirror.temp_dir}",)
        if self._known == (*limit, *folders):
            return False
        self._known = (*limit, *folders)
        own = self._plain.rsync_options
        self._limited = replace(self._plain, rsync_options=(*limit, *own))
        self._whole = replace(self._plain, rsync_options=(*limit, *folders, *own))
        return True
