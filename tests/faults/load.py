"""A background load on a directory that knows nothing of who watches it: `python3 load.py DIR --seed 1 --rate 20`.

What people and programs do: files made, appended to, rewritten, renamed, renamed over one another, deleted, written and
left open; directories made, filled, renamed and removed; symbolic links; odd names.  All of it below DIR/load-SEED, by
the seed alone, so that a run can be repeated; what earlier ones left is removed at the start.  It goes on until SIGTERM
and prints what it did as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import BinaryIO

NAMES = [
    b"a", b"b", b"two words", b"line\nbreak", b"#no comment", b";nor this", "é".encode(), b"[a]", b"-r", b" space",
    b"\xff\xfe", b"$(id)", b"`id`", b"back\\slash", b"q'\"", b"st*r?", b"{x,y}", b"\\#012", b"n" * 200,
]  # fmt: skip
MOST = 150  # entries, from which on more is deleted than made
FEW = 8  # files of a directory that may go as a whole: a load that looks like a mass deletion would be held


class Activity:
    """`step()` after step below `root`, which it makes."""

    def __init__(self, root: bytes, seed: int, largest: int) -> None:
        self.root = root
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._largest = largest
        self._directories = [root]
        self._files: list[bytes] = []
        self._open: BinaryIO | None = None
        self._number = 0
        os.makedirs(root)
        made = [self.create] * 5 + [self.append] * 2 + [self.rewrite] * 3 + [self.make] * 2 + [self.hold] * 2
        self._steps = [*made, self.rename, self.rename, self.rename_over, self.rename_directory, self.link, self.chmod]
        self._less = [self.delete, self.delete, self.delete, self.remove, self.rewrite]

    def step(self) -> None:
        """One operation; what someone else has taken from under it is forgotten."""
        self._number += 1
        few = len(self._files) + len(self._directories) < MOST
        what = self._random.choice(self._steps + self._less[:2] if few else self._less)
        try:
            what()
            self.done[what.__name__] += 1
        except OSError:
            self.done["missed"] += 1
            self._files = [path for path in self._files if os.path.lexists(path)]
            self._directories = [path for path in self._directories if os.path.isdir(path)]
            if not self._directories:
                os.makedirs(self.root, exist_ok=True)
                self._directories = [self.root]

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def _new(self) -> bytes:
        name = self._random.choice(NAMES) + b"%d" % self._number
        return os.path.join(self._random.choice(self._directories), name)

    def _old(self) -> bytes:
        if not self._files:
            self.create()
        return self._random.choice(self._files)

    def _content(self) -> bytes:
        most = self._largest if self._random.random() < 0.05 else min(self._largest, 20_000)
        return self._random.randbytes(self._random.choice([0, 4, 100, self._random.randrange(most)]))

    def create(self) -> None:
        path = self._new()
        with open(path, "wb") as file:
            file.write(self._content())
        self._files.append(path)

    def append(self) -> None:
        with open(self._old(), "ab") as file:
            file.write(self._content()[:1000])

    def rewrite(self) -> None:
        """Equal size, at once: what a comparison of size and time in seconds does not see."""
        path = self._old()
        with open(path, "wb") as file:
            file.write(b"AAAA")
        with open(path, "wb") as file:
            file.write(b"%04d" % (self._number % 10000))

    def hold(self) -> None:
        """Written to and left open, as by a client of NFS version 3, until the next one is."""
        if self._open is None or self._random.random() < 0.2:
            self.close()
            self._open = open(self._old(), "ab")  # noqa: SIM115 (that is the point)
        self._open.write(b"more\n")
        self._open.flush()

    def rename(self) -> None:
        path, new = self._old(), self._new()
        os.rename(path, new)
        self._files.remove(path)
        self._files.append(new)

    def rename_over(self) -> None:
        path, other = self._old(), self._old()
        if path != other:
            os.rename(path, other)
            self._files.remove(path)

    def make(self) -> None:
        """A directory and at once something deep in it."""
        top = self._new()
        deep = os.path.join(top, b"q", b"w")
        os.makedirs(deep)
        with open(os.path.join(deep, b"file"), "wb") as file:
            file.write(self._content())
        self._directories += [top, os.path.join(top, b"q"), deep]
        self._files.append(os.path.join(deep, b"file"))

    def rename_directory(self) -> None:
        path, new = self._random.choice(self._directories), self._new()
        if path == self.root or new.startswith(path + b"/"):
            return
        os.rename(path, new)
        self._directories = [self._moved(known, path, new) for known in self._directories]
        self._files = [self._moved(known, path, new) for known in self._files]

    @staticmethod
    def _moved(known: bytes, old: bytes, new: bytes) -> bytes:
        return new + known[len(old) :] if known == old or known.startswith(old + b"/") else known

    def link(self) -> None:
        os.symlink(self._random.choice([b"a", b"../nowhere", b"/nowhere/at/all"]), self._new())

    def chmod(self) -> None:
        os.chmod(self._old(), self._random.choice([0o600, 0o644, 0o755]))

    def delete(self) -> None:
        path = self._old()
        os.unlink(path)
        self._files.remove(path)

    def remove(self) -> None:
        path = self._random.choice(self._directories)
        below = path + b"/"
        if path != self.root and sum(known.startswith(below) for known in self._files) <= FEW:
            shutil.rmtree(path)
            self._directories = [known for known in self._directories if known != path and not known.startswith(below)]
            self._files = [known for known in self._files if not known.startswith(below)]


class Load:
    """The same as a process of its own, from here: `start()`, `stop()`."""

    def __init__(self, root: Path, seed: int, rate: float = 20.0, largest: int = 300_000) -> None:
        self.seed = seed
        self._top = root / f"load-{seed}"
        self._command = [
            sys.executable, __file__, str(root), "--seed", str(seed), "--rate", str(rate), "--largest", str(largest)
        ]  # fmt: skip
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        print(f"load: {' '.join(self._command[1:])}")
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> dict[str, int]:
        """How often each operation was done; AssertionError when it had ended by itself."""
        assert self._process is not None
        process, self._process = self._process, None
        gone = process.poll()
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
        assert gone is None, f"the load had ended by itself: {gone}"
        return dict(json.loads(said))

    def entries(self) -> int:
        """How many there are of it now."""
        return sum(len(folders) + len(files) for _folder, folders, files in os.walk(self._top))


def main() -> int:
    parser = argparse.ArgumentParser(description="A load on a directory, until SIGTERM.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=20.0, help="operations a second")
    parser.add_argument("--largest", type=int, default=300_000, help="bytes of the largest files")
    given = parser.parse_args()
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    for old in given.root.glob("load-*"):
        shutil.rmtree(old)
    activity = Activity(os.fsencode(given.root / f"load-{given.seed}"), given.seed, given.largest)
    due = time.monotonic()
    while not over:
        activity.step()
        due = max(due + 1 / given.rate, time.monotonic() - 1.0)
        time.sleep(max(0.0, due - time.monotonic()))
    activity.close()
    print(json.dumps(activity.done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
