"""Mixed load: random operations, and now and then something large at once.  A part of the source for each."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from churn import Churn

LARGE_EVERY = 300  # operations
FILES = 40  # in each directory of a tree
DIRECTORIES = 40
BIG = 30 << 20


class Load:
    def __init__(self, source: Path, outside: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._top = source / "mass"
        self._top.mkdir()
        (source / "churn").mkdir()
        self.churn = Churn(os.fsencode(source / "churn"), os.fsencode(outside), seed)
        self.done: dict[str, int] = {}

    def step(self) -> None:
        self.churn.step()
        if self.churn.number % LARGE_EVERY == 0:
            large: Callable[[], None] = self._random.choice([self.tree, self.rename, self.remove, self.big, self.log])
            self.done[large.__name__] = self.done.get(large.__name__, 0) + 1
            large()

    def _trees(self) -> list[Path]:
        return sorted(path for path in self._top.iterdir() if path.is_dir())

    def tree(self) -> None:
        """Copied in at once."""
        if len(self._trees()) < 5:
            for number in range(DIRECTORIES):
                folder = self._top / f"tree{self.churn.number}" / f"d{number}"
                folder.mkdir(parents=True)
                for name in range(FILES):
                    (folder / f"f{name}").write_bytes(self._random.randbytes(1000))

    def rename(self) -> None:
        for number, tree in enumerate(self._trees()[:3]):
            tree.rename(self._top / f"renamed{self.churn.number}-{number}")

    def remove(self) -> None:
        for tree in self._trees()[:1]:
            shutil.rmtree(tree)

    def big(self) -> None:
        (self._top / "big").write_bytes(self._random.randbytes(1 << 20) * (BIG >> 20))

    def log(self) -> None:
        """A file that is written line by line and never closed between them."""
        with (self._top / "log").open("a", buffering=1) as file:
            for number in range(2000):
                file.write(f"line {number} of {self.churn.number}\n")
