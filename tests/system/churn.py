"""Random operations on a tree, by seed: what people and programs do to directories, odd names included.

The same seed does the same to the same tree, whatever the watcher does meanwhile: what is chosen depends on the seed
and the tree alone.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import stat
import time
from collections.abc import Callable
from typing import BinaryIO

NAMES = [
    b"a", b"b", b"c", b"d e", b"x\ny", b"#h", b";s", "é".encode(), b"k[1]", b"-z", b" sp", b"\xff\xfe", b"$(id)",
    b"`x`", b"back\\slash", b"q'\"", b"st*r?", b"{br}", b"\\#012", b"n" * 200, b"skip.swp",
]  # fmt: skip
DEEPEST = 6  # directories that a choice goes down
CROWDED = 1_500  # entries from which a part of the tree is removed
LONGEST = 2_000  # bytes of a path; far longer ones are for the tests of names
OPEN = 4  # files that are held open for writing
PACES = (0.0, 0.0, 0.0005, 0.003, 0.02)  # seconds between operations, on average


def at_once(path: bytes, flags: int) -> int:
    """Opens what is to be written; where a FIFO got there by a rename, that is an error and no wait for a reader."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


class Churn:
    """Does `step()` after step below `root`; what is moved out of the tree goes to `outside` and may come back.

    Each seed has its own favourites among the operations, so that different seeds meet different trouble.  `journal`
    gets a line for each operation.
    """

    def __init__(self, root: bytes, outside: bytes, seed: int, journal: Callable[[str], object] = len) -> None:
        self.root = root
        self.outside = outside
        self.random = random.Random(seed)
        self.number = 0
        self._journal = journal
        self._chosen: list[bytes] = []
        self._open: dict[int, BinaryIO] = {}  # by inode
        self._pace = 0.0
        self._steps = self.steps()
        self._weights = [self.random.choice([0.3, 1, 1, 3]) for _ in self._steps]

    def steps(self) -> list[Callable[[], None]]:
        return [
            self.write, self.write, self.write, self.rewrite, self.append, self.truncate, self.make, self.make_deep,
            self.rename, self.rename, self.delete, self.symlink, self.chmod, self.touch, self.move_out, self.move_in,
            self.link, self.save_dance, self.special, self.become_another, self.become_another, self.exchange,
            self.hold_open, self.write_open, self.close, self.log_rotation, self.unpack,
        ]  # fmt: skip

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        self.number += 1
        if self.number % 50 == 1:
            self._pace = self.random.choice(PACES)
        if self.number % 200 == 0:
            self.thin_out()
        step = self.random.choices(self._steps, self._weights)[0]
        self._chosen.clear()
        at, said = time.monotonic(), ""
        try:
            step()
        except OSError as error:  # a name that is taken, a directory moved into itself: the next step
            said = f" ({os.strerror(error.errno or 0)})"
        self._journal(f"{at:.4f} {self.number} {step.__name__} {' '.join(map(repr, self._chosen))}{said}")
        if self._pace:
            time.sleep(self.random.expovariate(1 / self._pace))

    # ------------------------------------------------------------------ choosing

    def directory(self) -> bytes:
        at = self.root
        while self.random.random() < 0.7 and at.count(b"/") - self.root.count(b"/") < DEEPEST:
            below = [entry.path for entry in os.scandir(at) if entry.is_dir(follow_symlinks=False)]
            if not below:
                break
            at = self.random.choice(sorted(below))
        return at

    def old(self) -> bytes:
        at = self.directory()
        names = sorted(os.listdir(at))
        return self._choose(os.path.join(at, self.random.choice(names)) if names else self._name_in(at))

    def new(self) -> bytes:
        return self._choose(self._name_in(self.directory()))

    def _name_in(self, at: bytes) -> bytes:
        return os.path.join(at, self.random.choice(NAMES) + self.random.choice([b"", b"1", b"2"]))

    def _choose(self, path: bytes) -> bytes:
        self._chosen.append(path[len(self.root) + 1 :])
        if len(path) - len(self.root) > LONGEST:
            raise OSError(0, "too long")
        return path

    def alone(self, path: bytes) -> bytes:
        """The path, rid of what has other names: a change through one hard link gives no event at the others.

        And rid of symbolic links: what would be written through one could lie anywhere on this machine.  And of what
        would wait for somebody at its other end.
        """
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                return path
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                os.unlink(path)
        return path

    # ------------------------------------------------------------------ contents

    def write(self) -> None:
        with open(self.alone(self.new()), "wb", opener=at_once) as file:
            file.write(self.random.randbytes(self.random.choice([0, 1, 4, 4, 100, 20_000])))

    def rewrite(self) -> None:
        """Equal size, within the same second, and every other time with the mtime as before."""
        path = self.alone(self.new())
        with open(path, "wb", opener=at_once) as file:
            file.write(b"AAAA")
        before = os.stat(path)
        if self.random.random() < 0.5:
            time.sleep(0.01)
        with open(path, "wb", opener=at_once) as file:
            file.write(self.random.choice([b"BBBB", b"CCCC"]))
        if self.random.random() < 0.5:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def append(self) -> None:
        with open(self.alone(self.old()), "ab", opener=at_once) as file:
            file.write(b"more")

    def truncate(self) -> None:
        path = self.alone(self.old())
        os.truncate(path, self.random.choice([0, 2, 5_000]))

    def hold_open(self) -> None:
        """Open for writing, as a database or a log does, and closed much later; it may be renamed meanwhile."""
        if len(self._open) < OPEN:
            file = open(self.alone(self.new()), "ab", buffering=0, opener=at_once)  # noqa: SIM115 (closed by `close`)
            file.write(b"held open")
            other = self._open.pop(os.fstat(file.fileno()).st_ino, file)
            if other is not file:
                other.close()
            self._open[os.fstat(file.fileno()).st_ino] = file

    def write_open(self) -> None:
        for file in self._open.values():
            if os.fstat(file.fileno()).st_nlink == 1:
                file.write(self.random.randbytes(10))

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def save_dance(self) -> None:
        """As editors save: a new file beside, the old one to a backup name, the new one to the name."""
        path = self.old()
        beside = path + b".new"  # where a FIFO may have got by a rename: to open that would wait for a reader
        free = os.path.isfile(beside) or not os.path.lexists(beside)
        if free and os.path.isfile(path) and not os.path.islink(path):
            with open(beside, "wb", opener=at_once) as file:
                file.write(self.random.randbytes(50))
            os.rename(path, path + b"~")
            os.rename(beside, path)

    def log_rotation(self) -> None:
        at = self.directory()
        for number in (2, 1):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self._choose(at + b"/log.%d" % number), at + b"/log.%d" % (number + 1))
        with contextlib.suppress(FileNotFoundError):
            os.rename(at + b"/log", at + b"/log.1")
        with open(self.alone(at + b"/log"), "ab", opener=at_once) as file:
            file.write(b"first line\n")

    # ------------------------------------------------------------------ directories and what is neither

    def make(self) -> None:
        os.mkdir(self.new())

    def make_deep(self) -> None:
        path = self.new()
        os.makedirs(path + b"/q/w/e")
        for name in (b"/q/w/e/f", b"/q/g"):
            with open(path + name, "wb", opener=at_once) as file:
                file.write(name)

    def unpack(self) -> None:
        """As tar does it: contents first, then modes and times, those of directories last of all."""
        path = self.new()
        self.make_tree(path)
        for at in (path + b"/q/w", path + b"/q", path):
            os.chmod(at, 0o750)
            os.utime(at, (10**9, 10**9 + self.number))

    def make_tree(self, path: bytes) -> None:
        os.makedirs(path + b"/q/w")
        for name in (b"/q/w/1", b"/q/w/2", b"/q/3", b"/4"):
            with open(path + name, "wb", opener=at_once) as file:
                file.write(self.random.randbytes(30))
            os.utime(path + name, (10**9, 10**9))

    def symlink(self) -> None:
        os.symlink(self.random.choice([b"nowhere", b"a", b"/nowhere/at/all", b"../b"]), self.new())

    def special(self) -> None:
        self._make_special(self.new())

    def _make_special(self, path: bytes) -> None:
        if self.random.random() < 0.6:
            os.mkfifo(path)
        else:
            os.mknod(path, stat.S_IFSOCK | 0o644)
        if os.geteuid() == 0 and self.random.random() < 0.2:
            os.mknod(path + b".dev", stat.S_IFCHR | 0o600, os.makedev(1, 3))

    def link(self) -> None:
        path = self.old()
        if os.lstat(path).st_ino not in self._open:  # what is written later would give no event at the other name
            os.link(path, self.new(), follow_symlinks=False)

    # ------------------------------------------------------------------ names

    def rename(self) -> None:
        os.rename(self.old(), self.new())

    def exchange(self) -> None:
        """Two names change places, files or directories or one of each."""
        self.swap(self.old(), self.old())

    def swap(self, one: bytes, other: bytes) -> None:
        between = os.path.join(self.root, b"between")
        os.rename(one, between)
        try:
            os.rename(other, one)
        except OSError:
            os.rename(between, one)
            raise
        os.rename(between, other)

    def become_another(self) -> None:
        """The same name, at once another type: what was a directory with all below it is a file, say."""
        path = self.old()
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
        kind = self.random.choice(["file", "directory", "tree", "link", "special"])
        if kind == "file":
            with open(path, "wb", opener=at_once) as file:
                file.write(self.random.randbytes(9))
        elif kind == "directory":
            os.mkdir(path)
        elif kind == "tree":
            self.make_tree(path)
        elif kind == "link":
            os.symlink(b"../b", path)
        else:
            self._make_special(path)

    def delete(self) -> None:
        path = self.old()
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
        elif self.random.random() < 0.3:
            shutil.rmtree(path)

    def move_out(self) -> None:
        if self.random.random() < 0.3:
            os.rename(self.old(), os.path.join(self.outside, b"%d" % self.number))

    def move_in(self) -> None:
        outside = sorted(os.listdir(self.outside))
        if outside:
            os.rename(os.path.join(self.outside, self.random.choice(outside)), self.new())

    def thin_out(self) -> None:
        """Keep the tree at a size that is soon compared."""
        for top in (self.root, self.outside):
            while sum(len(folders) + len(files) for _, folders, files in os.walk(top)) > CROWDED:
                path = os.path.join(top, self.random.choice(sorted(os.listdir(top))))
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    # ------------------------------------------------------------------ attributes

    def chmod(self) -> None:
        path = self.alone(self.old())
        # a directory that its owner cannot enter cannot be compared by him either
        searchable = [0o755, 0o700] if os.path.isdir(path) and os.geteuid() != 0 else [0o600, 0o644, 0o755, 0o700]
        os.chmod(path, self.random.choice(searchable))
        if os.geteuid() == 0 and self.random.random() < 0.3:
            os.chown(path, self.random.choice([0, 1, 1234]), 4321)

    def touch(self) -> None:
        path = self.old()
        os.utime(
            path if os.path.islink(path) else self.alone(path),
            (10**9 + self.number, 10**9 + self.number),
            follow_symlinks=False,
        )


class PlainChurn(Churn):
    """Files and directories alone, each closed at once: nothing that a target refuses, or that rsync waits for."""

    def steps(self) -> list[Callable[[], None]]:
        return [
            self.write, self.write, self.rewrite, self.append, self.make, self.make_deep, self.rename, self.delete,
            self.chmod, self.touch,
        ]  # fmt: skip
