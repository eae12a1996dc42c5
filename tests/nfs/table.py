"""Lags by operation and version, and the table of them in docs/nfs.md."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

BEGIN, END = "<!-- lags: begin -->\n", "<!-- lags: end -->\n"
HEAD = "| what a client does | NFSv3 | NFSv4 |\n|---|---|---|\n"


class Lags:
    """Seconds from the server's answer until it had arrived.

    `LOCKSTEP_NFS_TABLE` names the page that gets the table, `LOCKSTEP_NFS_TIMES` says how often each is done.
    """

    def __init__(self) -> None:
        self.repeated = int(os.environ.get("LOCKSTEP_NFS_TIMES", "1"))
        self._page = os.environ.get("LOCKSTEP_NFS_TABLE")
        self._found: dict[str, dict[int, list[float]]] = {}

    def add(self, operation: str, version: int, lag: float) -> None:
        self._found.setdefault(operation, {}).setdefault(version, []).append(lag)

    def write(self) -> None:
        """Put the table where the page has it, if a page was named; what is around it stays."""
        if self._page:
            page = Path(self._page)
            before, begin, rest = page.read_text().partition(BEGIN)
            _, end, after = rest.partition(END)
            if not (begin and end):
                raise AssertionError(f"{page} has no place for the table: {BEGIN}{END}")
            page.write_text(f"{before}{BEGIN}{self.text()}{END}{after}")

    def text(self) -> str:
        rows = [
            f"| {operation} | {' | '.join(told(by.get(version, [])) for version in (3, 4))} |\n"
            for operation, by in self._found.items()
        ]
        return HEAD + "".join(rows)


def told(lags: list[float]) -> str:
    """Median and largest, in the unit that fits."""
    return f"{duration(statistics.median(lags))} ({duration(max(lags))})" if lags else ""


def duration(seconds: float) -> str:
    return (
        f"{seconds:.2f} s"
        if seconds >= 0.1
        else f"{seconds * 1000:.0f} ms"
        if seconds >= 0.01
        else f"{seconds * 1000:.1f} ms"
    )
