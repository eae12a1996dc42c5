"""What a fault test saw, kept as JSON in build/faults for docs/reliability.md."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "build/faults"


@dataclass
class Record:
    """One test of one fault; times are seconds."""

    test: str
    title: str = ""
    provoked: str = ""
    contract: str = ""  # the items that it proves, as C11, C19
    seen: list[dict[str, Any]] = field(default_factory=list)  # state, reason, since, next_try, as the status told them
    begin: str = ""  # the line in the log with which it began
    end: str = ""  # and with which it was over
    lines: int = 0  # that the watcher wrote in all
    lasted: float = 0.0  # the fault itself
    equal_after: float | None = None  # the cure; None while it is not known
    others_within: float | None = None  # in which a change reached the targets that the fault did not concern
    operations: dict[str, int] = field(default_factory=dict)  # of the load meanwhile
    seeds: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # measured besides

    def write(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        file = FOLDER / f"{self.test.replace('/', '-').replace('::', '.')}.json"
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read(folder: Path = FOLDER) -> list[Record]:
    """All records there, in the order of their tests' names."""
    return [Record(**json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
