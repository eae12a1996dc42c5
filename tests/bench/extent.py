"""How much is measured: everything (`make bench`), or little of it in less than three minutes (`QUICK=1`)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Extent:
    """Sizes of trees and lengths of runs; seconds, files a second."""

    quick: bool = False
    lag_seconds: dict[int, float] = field(
        default_factory=lambda: {5: 20.0, 50: 8.0, 200: 8.0, 1000: 5.0, 3000: 5.0, 5000: 5.0}
    )
    # who is not run at every rate: at more than they can stand the peers tell nothing new and take minutes
    only_at: dict[str, tuple[int, ...]] = field(
        default_factory=lambda: {"unpaced": (50, 200), "script-tree": (5, 50, 200), "script-file": (5, 50)}
    )
    left_out: frozenset[str] = frozenset()  # scenario and contender
    lag_wait: float = 30.0
    burst_files: int = 50_000
    burst_directories: int = 5_000
    tree_wait: float = 240.0
    rename_files: int = 1_000
    rename_bytes: int = 1 << 30
    deletion_files: int = 10_000
    large_bytes: int = 2 << 30
    large_seconds: float = 15.0
    reconcile_files: int = 200_000
    reconcile_directories: int = 20_000
    start_directories: int = 100_000
    idle_seconds: float = 120.0
    memory: int = 10 << 30  # what the trees take at most, with the target's and the spare copies

    def stands(self, subject: str, rate: int) -> bool:
        """Whether this contender is run at this rate; at one that is not in the table everybody is."""
        return rate not in self.lag_seconds or rate in self.only_at.get(subject, (rate,))


FULL = Extent()
QUICK = Extent(
    quick=True,
    lag_seconds={5: 4.0, 200: 3.0, 1000: 3.0},
    only_at={"unpaced": (200,), "script-tree": (5, 200), "script-file": (5,)},
    left_out=frozenset({"burst script-tree", "large script-tree", "large lsyncd", "idle script-tree", "idle lsyncd"}),
    large_seconds=6.0,
    lag_wait=8.0,
    burst_files=5_000,
    burst_directories=500,
    tree_wait=30.0,
    rename_files=200,
    rename_bytes=200 << 20,
    deletion_files=2_000,
    large_bytes=500 << 20,
    reconcile_files=20_000,
    reconcile_directories=2_000,
    start_directories=10_000,
    idle_seconds=10.0,
    memory=3 << 30,
)
