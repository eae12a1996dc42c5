"""What a mirror remembers across restarts: which source it was, and since when ctimes tell what a target lacks.

Without it the source is taken as it is, and the first reconcile compares sizes and times.  That is right where there
never was one; a memory that is there and cannot be read holds the mirror, for nobody knows then which source was meant.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Optional

from lockstep.source.identity import Identity
from lockstep.source.witness import Sighting


@dataclass
class Memory:
    """`confirmed`: target's url → epoch seconds up to which everything is confirmed there, or was to be compared first;
    `nested`: mount points below the source; `held`: urls of targets on which deletions wait for the operator;
    `evidence`: what tells that the source has not gone back to an earlier time.
    """

    path: str
    identity: Optional[Identity] = None
    nested: list[bytes] = field(default_factory=list)
    confirmed: dict[str, float] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    evidence: list[Sighting] = field(default_factory=list)
    unreadable: str = ""  # why what was remembered is not known

    def save(self) -> None:
        """Replace the file in one step, on the disk before it counts.  Raises OSError."""
        data = {
            "identity": self.identity.to_json() if self.identity else None,
            "nested": [os.fsdecode(path) for path in self.nested],
            "confirmed": self.confirmed,
            "held": self.held,
            "evidence": [(os.fsdecode(path), inode, ctime) for path, inode, ctime in self.evidence],
        }
        new = self.path + ".new"
        with open(new, "w", encoding="ascii") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)


def load(state_dir: str, mirror: str) -> Memory:
    """The memory of a mirror; an empty one where there is none, or, `unreadable`, none that can be read."""
    path = os.path.join(state_dir, f"{mirror}.json")
    try:
        with open(path, encoding="ascii") as file:
            data = json.load(file)
        identity = Identity.from_json(data["identity"]) if data["identity"] is not None else None
        nested = [os.fsencode(name) for name in data["nested"]]
        confirmed = {str(url): float(at) for url, at in data["confirmed"].items()}
        held = [str(url) for url in data.get("held", [])]
        evidence = [Sighting(os.fsencode(name), int(inode), int(at)) for name, inode, at in data.get("evidence", ())]
    except FileNotFoundError:
        return Memory(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        return Memory(path, unreadable=f"{path} cannot be read ({err})")
    return Memory(path, identity, nested, confirmed, held, evidence)
