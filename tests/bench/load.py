"""Files written at a rate, by a process of its own; and the trees that scenarios begin with."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import signal
import time
from array import array
from multiprocessing.connection import Connection
from pathlib import Path

DIRECTORIES = 50
SMALLEST, LARGEST = 10_000, 100_000
_POOL = 16 << 20  # random bytes to cut from: whoever compresses finds no repetition this far apart


def folders(top: Path) -> list[Path]:
    """The directories that are written into."""
    return [top / f"d{number:02}" for number in range(DIRECTORIES)]


def name_of(prefix: str, number: int) -> bytes:
    """What the file of this number is called; in directory number % DIRECTORIES."""
    return f"{prefix}{number}".encode()


def file_of(top: Path, prefix: str, number: int) -> Path:
    return folders(top)[number % DIRECTORIES] / os.fsdecode(name_of(prefix, number))


def numbers(seen: dict[bytes, float], prefix: str) -> dict[int, float]:
    """What was seen, by number, without the names that are not of this load (a sender's temporary ones)."""
    found = {}
    for name, moment in seen.items():
        text = os.fsdecode(name)
        if text.startswith(prefix) and text[len(prefix) :].isdigit():
            found[int(text[len(prefix) :])] = moment
    return found


class Load:
    """Writes `rate` files a second of 10 to 100 KB for `seconds`; those who watch see an ordinary program."""

    def __init__(self, top: Path, rate: float, seconds: float, prefix: str = "f") -> None:
        self.count = max(1, int(rate * seconds))
        context = multiprocessing.get_context("fork")
        self._here, there = context.Pipe(duplex=False)
        self._over = context.RawValue(ctypes.c_bool, False)
        self._process = context.Process(
            target=_write, args=(top, rate, self.count, prefix, self._over, there), daemon=True
        )
        self._process.start()
        there.close()

    def end(self) -> None:
        """Write no more than are written."""
        self._over.value = True

    def result(self) -> list[float]:
        """Waits for the last one.  The moment (time.perf_counter) at which each file was closed, by number."""
        closed = self._here.recv()
        self._process.join()
        if isinstance(closed, Exception):
            raise closed
        return list(closed)

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def _write(
    top: Path, rate: float, count: int, prefix: str, over: ctypes.c_bool, channel: Connection
) -> None:  # pragma: no cover - in a process of its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    chance = random.Random(1)
    data = memoryview(chance.randbytes(_POOL))
    # Everything that costs time is done before: what is left for each file is open, write and close.
    starts = [chance.randrange(_POOL - LARGEST) for _number in range(count)]
    pieces = [data[start : start + chance.randrange(SMALLEST, LARGEST)] for start in starts]
    names = [name_of(prefix, number) for number in range(count)]
    where = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in folders(top)]
    closed = array("d", bytes(8 * count))
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    now, perform = time.perf_counter, os.open
    written = 0
    try:
        start = now()
        for number in range(count):
            left = start + number / rate - now()
            if left > 0.0001:
                time.sleep(left)
            if over.value:
                break
            descriptor = perform(names[number], flags, 0o644, dir_fd=where[number % DIRECTORIES])
            os.write(descriptor, pieces[number])
            os.close(descriptor)
            closed[number] = now()
            written += 1
    except OSError as wrong:
        channel.send(wrong)
        return
    channel.send(closed[:written])


def make_tree(top: Path, files: int, directories: int, smallest: int, largest: int) -> None:
    """So many files in so many directories, 30 at the top, with sizes between these (bytes)."""
    chance = random.Random(2)
    data = memoryview(chance.randbytes(_POOL))
    for number in range(directories):
        below = top / f"{number % 30}" / f"{number}"
        below.mkdir(parents=True, exist_ok=True)
        where = os.open(below, os.O_RDONLY | os.O_DIRECTORY)
        share = files // directories + (number < files % directories)
        for name in range(share):
            descriptor = os.open(f"f{name}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=where)
            left = chance.randrange(smallest, largest) if largest > smallest else largest
            while left:
                start = chance.randrange(_POOL)
                left -= os.write(descriptor, data[start : start + left])
            os.close(descriptor)
        os.close(where)


def make_file(path: Path, size: int) -> None:
    """One file of so many random bytes."""
    data = random.Random(3).randbytes(_POOL)
    with path.open("wb", buffering=0) as file:
        while size > 0:
            size -= file.write(data[: min(size, len(data))])
