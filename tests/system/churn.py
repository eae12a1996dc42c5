"""Random operations on a tree, by seed: what people and programs do to directories, odd names included."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time

NAMES = [
    b"a", b"b", b"c", b"d e", b"x\ny", b"#h", b";s", "é".encode(), b"k[1]", b"-z", b" sp", b"\xff\xfe", b"$(id)",
    b"`x`", b"back\\slash", b"q'\"", b"st*r?", b"{br}", b"\\#012", b"n" * 200, b"skip.swp",
]  # fmt: skip


class Churn:
    """Does `step()` after step below `root`; what is moved out of the tree goes to `outside` and may come back."""

    def __init__(self, root: bytes, outside: bytes, seed: int) -> None:
        self.root = root
        self.outside = outside
        self.random = random.Random(seed)
        self._number = 0
        self._steps = [
            self.write, self.write, self.write, self.rewrite, self.append, self.make, self.make_deep, self.rename,
            self.rename, self.delete, self.symlink, self.chmod, self.touch, self.move_out, self.move_in, self.link,
            self.save_dance,
        ]  # fmt: skip

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        self._number += 1
        with contextlib.suppress(OSError):  # a name that is taken, a directory moved into itself: the next step
            self.random.choice(self._steps)()
        if self.random.random() < 0.02:
            time.sleep(self.random.choice([0.001, 0.01, 0.05]))

    def directory(self) -> bytes:
        at = self.root
        while self.random.random() < 0.7 and at.count(b"/") - self.root.count(b"/") < 6:
            below = [entry.path for entry in os.scandir(at) if entry.is_dir(follow_symlinks=False)]
            if not below:
                break
            at = self.random.choice(sorted(below))
        return at

    def old(self) -> bytes:
        at = self.directory()
        names = sorted(os.listdir(at))
        return os.path.join(at, self.random.choice(names)) if names else self.new()

    def new(self) -> bytes:
        return os.path.join(self.directory(), self.random.choice(NAMES) + self.random.choice([b"", b"1", b"2"]))

    def alone(self, path: bytes) -> bytes:
        """The path, rid of what has other names: a change through one hard link gives no event at the others.

        And rid of symbolic links: what would be written through one could lie anywhere on this machine.
        """
        if os.path.islink(path) or (os.path.isfile(path) and os.stat(path).st_nlink > 1):
            os.unlink(path)
        return path

    def write(self) -> None:
        with open(self.alone(self.new()), "wb") as file:
            file.write(self.random.randbytes(self.random.choice([0, 1, 4, 4, 100, 20_000])))

    def rewrite(self) -> None:
        """Equal size, within the same second, and every other time with the mtime as before."""
        path = self.alone(self.new())
        with open(path, "wb") as file:
            file.write(b"AAAA")
        before = os.stat(path)
        if self.random.random() < 0.5:
            time.sleep(0.01)
        with open(path, "wb") as file:
            file.write(self.random.choice([b"BBBB", b"CCCC"]))
        if self.random.random() < 0.5:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def append(self) -> None:
        with open(self.alone(self.old()), "ab") as file:
            file.write(b"more")

    def make(self) -> None:
        os.mkdir(self.new())

    def make_deep(self) -> None:
        path = self.new()
        os.makedirs(path + b"/q/w/e")
        for name in (b"/q/w/e/f", b"/q/g"):
            with open(path + name, "wb") as file:
                file.write(name)

    def rename(self) -> None:
        os.rename(self.old(), self.new())

    def delete(self) -> None:
        path = self.old()
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
        elif path != self.root and self.random.random() < 0.3:
            shutil.rmtree(path)

    def symlink(self) -> None:
        os.symlink(self.random.choice([b"nowhere", b"a", b"/nowhere/at/all", b"../b"]), self.new())

    def chmod(self) -> None:
        path = self.alone(self.old())
        # a directory that its owner cannot enter cannot be compared by him either
        searchable = [0o755, 0o700] if os.path.isdir(path) and os.geteuid() != 0 else [0o600, 0o644, 0o755, 0o700]
        os.chmod(path, self.random.choice(searchable))

    def touch(self) -> None:
        path = self.old()
        os.utime(
            path if os.path.islink(path) else self.alone(path),
            (10**9 + self._number, 10**9 + self._number),
            follow_symlinks=False,
        )

    def move_out(self) -> None:
        if self.random.random() < 0.3:
            os.rename(self.old(), os.path.join(self.outside, b"%d" % self._number))

    def move_in(self) -> None:
        outside = sorted(os.listdir(self.outside))
        if outside:
            os.rename(os.path.join(self.outside, self.random.choice(outside)), self.new())

    def link(self) -> None:
        os.link(self.old(), self.new(), follow_symlinks=False)

    def save_dance(self) -> None:
        """As editors save: a new file beside, the old one to a backup name, the new one to the name."""
        path = self.old()
        if os.path.isfile(path) and not os.path.islink(path):
            with open(path + b".new", "wb") as file:
                file.write(self.random.randbytes(50))
            os.rename(path, path + b"~")
            os.rename(path + b".new", path)


class RenamingChurn(Churn):
    """Mostly renames of directories and files, among files that look alike: of one size and one time."""

    def __init__(self, root: bytes, outside: bytes, seed: int) -> None:
        super().__init__(root, outside, seed)
        self._steps = [
            self.alike, self.alike, self.alike, self.tree, self.rename, self.rename, self.rename_directory,
            self.rename_directory, self.rename_directory, self.rename_beside, self.change_places, self.delete,
            self.move_out, self.move_in, self.chmod, self.make, self.link,
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
        path = self.directory()
        if path != self.root:
            os.rename(path, self.new())

    def rename_beside(self) -> None:
        path = self.old()
        os.rename(path, os.path.join(os.path.dirname(path), self.random.choice(NAMES)))

    def change_places(self) -> None:
        one, other, between = self.directory(), self.directory(), os.path.join(self.root, b"between")
        if self.root not in (one, other):
            os.rename(one, between)
            os.rename(other, one)
            os.rename(between, other)

    def _write_alike(self, path: bytes) -> None:
        with open(path, "wb") as file:
            file.write(self.random.randbytes(3000))
        os.utime(path, (10**9, 10**9))
