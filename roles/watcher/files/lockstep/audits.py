"""What audits of the backups found last, told by whoever made them: the watcher compares nothing for it, and remembers.

Kept in the state folder, so that a drift that was found is still known after a restart.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional

log = logging.getLogger(__name__)

Place = tuple[str, str]  # a mirror's name, and a target's
FILE = ".audits"  # no mirror's name begins with a dot
COUNTS = ("missing", "different", "extra")


@dataclass(frozen=True)
class Audit:
    """`at`: epoch seconds when it ended.  The counts are of what differs still, after a repair what is left."""

    at: float
    checksum: bool
    missing: int
    different: int
    extra: int

    @property
    def drift(self) -> int:
        return self.missing + self.different + self.extra


def parse(told: Mapping[str, Any], now: float) -> Audit:
    """An audit as it is told.  Raises ValueError, which names what is wrong."""
    for key in COUNTS:
        if not isinstance(told.get(key), int) or isinstance(told[key], bool) or told[key] < 0:
            raise ValueError(f"{key}: a number of entries is wanted, 0 or more")
    if not isinstance(told.get("checksum"), bool):
        raise ValueError("checksum: true or false is wanted")
    at = told.get("at", now)
    if isinstance(at, bool) or not isinstance(at, (int, float)) or not math.isfinite(at):
        raise ValueError("at: epoch seconds are wanted")
    # a clock that was set back does not make an audit of the future
    return Audit(min(float(at), now), told["checksum"], *(told[key] for key in COUNTS))


class Audits:
    """The last one of each target, in `path`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found = _read(path, time.time())

    def get(self, mirror: str, target: str) -> Optional[Audit]:
        return self._found.get((mirror, target))

    def note(self, place: Place, audit: Audit, known: Collection[Place]) -> None:
        """Remember it, and forget those of targets that are not `known` any more.  Raises OSError."""
        found = {of: one for of, one in self._found.items() if of in known}
        found[place] = audit
        new = self._path + ".new"
        with open(new, "w", encoding="ascii") as file:
            json.dump([{"mirror": of[0], "target": of[1], **asdict(one)} for of, one in found.items()], file)
            file.write("\n")
        os.replace(new, self._path)
        self._found = found


def _read(path: str, now: float) -> dict[Place, Audit]:
    try:
        with open(path, encoding="ascii") as file:
            told = json.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read, what audits found before is forgotten: %s", path, error)
        return {}
    found = {}
    for one in told if isinstance(told, list) else ():
        with contextlib.suppress(ValueError, AttributeError, KeyError):
            found[(str(one["mirror"]), str(one["target"]))] = parse(one, now)
    return found
