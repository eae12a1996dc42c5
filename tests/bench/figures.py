"""Figures as they are taken: a record for each scenario and contender, and what is computed from many."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Optional

Record = dict[str, Any]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of them does not exceed.  Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(one: Optional[float], other: Optional[float]) -> Optional[float]:
    """How many times the other is in the one; None when either is missing or there is nothing to divide by."""
    if one is None or not other:
        return None
    return one / other


def lags(closed: Sequence[float], seen: dict[int, float]) -> list[float]:
    """Milliseconds from close to appearance, of those that appeared, in the order of their numbers."""
    return [1000 * (seen[number] - at) for number, at in enumerate(closed) if number in seen]


def between(closed: Sequence[float], seen: dict[int, float], began: float, ended: float) -> Record:
    """How many of the files that were closed from the one moment to the other there are, how many of them arrived, and
    their lags; None for a lag of none."""
    counted = [number for number, at in enumerate(closed) if began <= at <= ended]
    took = [1000 * (seen[number] - closed[number]) for number in counted if number in seen]
    return {
        "files": len(counted), "arrived": len(took),
        "p50_ms": percentile(took, 0.5) if took else None, "p99_ms": percentile(took, 0.99) if took else None,
        "max_ms": max(took) if took else None,
    }  # fmt: skip


def complete(record: Record) -> bool:
    """Whether all that was written arrived; so too where nobody counted."""
    return "arrived" not in record or record["arrived"] == record["files"]


def behind(record: Record) -> bool:
    """Whether the files were written more slowly than at the rate by which the record is called, by more than 3 %."""
    return bool("rate" in record and record["files"] > 1 and record["written_per_s"] < 0.97 * record["rate"])


class Figures:
    """All records of a run."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = list(records)

    def add(self, record: Record) -> None:
        self.records.append(record)

    def find(self, scenario: str, subject: str) -> Optional[Record]:
        """The record of this scenario (with the rate: `lag-50`) and contender, if it was taken; of several the last."""
        for record in reversed(self.records):
            if record["scenario"] == scenario and record["subject"] == subject:
                return record
        return None

    def value(self, scenario: str, subject: str, key: str) -> Optional[float]:
        """One figure, of several the median; None where it was not taken, or could not be."""
        found = [
            float(record[key])
            for record in self.records
            if record["scenario"] == scenario and record["subject"] == subject and record.get(key) is not None
        ]
        return statistics.median(found) if found else None

    def rates(self) -> list[int]:
        """At which lag was measured, in ascending order."""
        return sorted({int(record["scenario"][4:]) for record in self.records if record["scenario"].startswith("lag-")})

    def subjects(self, scenario: str) -> list[str]:
        return [record["subject"] for record in self.records if record["scenario"] == scenario]

    def save(self, path: Path, about: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"about": about, "records": self.records}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> tuple[Figures, dict[str, Any]]:
        """Raises OSError or ValueError."""
        read = json.loads(path.read_text())
        return cls(read["records"]), read["about"]
