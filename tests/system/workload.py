"""What the tests of other people's programs share: trees, and the programs, without this user's settings."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

# Who moves whole trees about within a minute is held otherwise, as is meant: see test_mass_deletion.py.
UNGUARDED = {"percent": 100, "at_least": 1_000_000}
LONG = os.environ.get("WORKLOADS") == "long"  # make test-workloads


def times(short: int, long: int) -> int:
    """How much of something: within a minute and a half for all of these tests, or as long as it takes."""
    return long if LONG else short


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Output of a program; AssertionError with what it said where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=bare(cwd, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=600,
    )
    said = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {said[0][-1000:]}{said[1][-2000:]}"
    return said[0]


def bare(home: Path, **environment: str) -> dict[str, str]:
    """The environment of a user who has set nothing, and whose home has nothing in it."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
    return {"PATH": path, "HOME": str(home / "no-home"), "LC_ALL": "C.UTF-8", **environment}


def plant(top: Path, files: int, links: bool = True, seed: int = 1) -> Path:
    """A tree of so many files of 0 to 20,000 bytes, a tenth as many directories, and some symbolic links."""
    dice = random.Random(seed)
    folders = [top]
    top.mkdir(parents=True, exist_ok=True)
    for number in range(files // 10):
        folders.append(dice.choice(folders) / f"d{number}")
        folders[-1].mkdir(exist_ok=True)
    for number in range(files):
        (dice.choice(folders) / f"f{number}.txt").write_bytes(dice.randbytes(int(20_000 * dice.random() ** 4)))
    for number in range(files // 100 if links else 0):
        (dice.choice(folders) / f"l{number}").symlink_to(f"f{number}.txt")
    return top


def replant(top: Path, seed: int) -> None:
    """Another state of the tree: some files other, some gone, some new, and a directory that has another name."""
    dice = random.Random(seed)
    files = sorted(path for path in top.rglob("*.txt") if not path.is_symlink())
    for path in dice.sample(files, len(files) // 5):
        path.write_bytes(dice.randbytes(path.stat().st_size))  # of equal size: only its time and content tell
    for path in dice.sample(files, len(files) // 10):
        path.unlink()
    for number, path in enumerate(dice.sample(files, len(files) // 10)):
        (path.parent / f"n{seed}-{number}.txt").write_bytes(dice.randbytes(1000))
    folder = dice.choice(sorted(path for path in top.iterdir() if path.is_dir()))
    folder.rename(folder.with_name(f"{folder.name}-{seed}"))
