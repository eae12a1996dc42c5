"""Random renames, by seed: of directories and files that look alike, of one size and one time."""

from __future__ import annotations

import os
from collections.abc import Callable

from churn import NAMES, Churn


class RenamingChurn(Churn):
    def steps(self) -> list[Callable[[], None]]:
        return [
            self.alike, self.alike, self.alike, self.tree, self.rename, self.rename, self.rename_directory,
            self.rename_directory, self.rename_directory, self.rename_beside, self.change_places, self.delete,
            self.move_out, self.move_in, self.chmod, self.make, self.link, self.become_another, self.exchange,
        ]  # fmt: skip

    def alike(self) -> None:
        self._write_alike(self.alone(self.new()))

    def tree(self) -> None:
        self.tree_at(self.new())

    def tree_at(self, top: bytes) -> None:
        for below in (b"", b"/s", b"/s/t"):
            os.mkdir(top + below)
            for name in (b"a", b"b"):
                self._write_alike(top + below + b"/" + name)

    def rename_directory(self) -> None:
        path = self._choose(self.directory())
        if path != self.root:
            os.rename(path, self.new())

    def rename_beside(self) -> None:
        path = self.old()
        os.rename(path, os.path.join(os.path.dirname(path), self._choose(self.random.choice(NAMES))))

    def change_places(self) -> None:
        one, other = self._choose(self.directory()), self._choose(self.directory())
        if self.root not in (one, other):
            self.swap(one, other)

    def _write_alike(self, path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(self.random.randbytes(3000))
        os.utime(path, (10**9, 10**9))
