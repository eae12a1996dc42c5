"""Runs `lockstep events` and `lockstep stats`, and the tools that they stand for, on the same operations."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rig import ENVIRONMENT, wait_for

REAL = {"events": ["inotifywait"], "stats": ["inotifywatch"]}
# what the kernel tells of changes, without looks
KERNEL = "create,modify,attrib,close_write,moved_to,moved_from,move_self,delete,delete_self"
READY = {"events": "Watches established.", "stats": "Finished establishing watches"}


def command(tool: str, real: bool) -> list[str]:
    return REAL[tool] if real else [sys.executable, "-m", "lockstep", tool]


def once(tool: str, real: bool, words: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of one that ends by itself."""
    done = subprocess.run(
        [*command(tool, real), *words],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


class Running:
    """One of them, under way in a folder."""

    def __init__(self, tool: str, real: bool, words: Sequence[str], folder: Path, quiet: bool = False) -> None:
        self._output = folder.parent / f"{folder.name}.out"
        self._said = folder.parent / f"{folder.name}.err"
        with self._output.open("wb") as output, self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [*command(tool, real), *words], cwd=folder, env=ENVIRONMENT, stdout=output, stderr=said
            )
        if not quiet:
            wait_for(lambda: READY[tool] in self.said(), 60, self.said)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_error: Any) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def said(self) -> str:
        return self._said.read_text()

    def output(self) -> bytes:
        return self._output.read_bytes()

    def ended(self) -> int:
        """Its exit status, when it has ended by itself."""
        return self._process.wait(60)

    def ask_to_end(self) -> int:
        """Interrupt it once it has read all that there is: it sleeps only when nothing is left.  Its exit status."""
        wait_for(lambda: b") S " in Path(f"/proc/{self._process.pid}/stat").read_bytes(), 60, self.said)
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def watches(self, number: int) -> None:
        """Wait until it watches so many files or directories, each for the same events."""

        def masks() -> list[str]:
            found = []
            for entry in os.listdir(f"/proc/{self._process.pid}/fdinfo"):
                try:
                    text = Path(f"/proc/{self._process.pid}/fdinfo/{entry}").read_text()
                except FileNotFoundError:
                    continue  # closed since it was listed
                # the flags of a watch that was added by walking are not events
                found += [
                    f"{int(mask, 16) & 0xFFF:x}" for mask in re.findall(r"^inotify .* mask:(\w+)", text, re.MULTILINE)
                ]
            return found

        wait_for(lambda: len(masks()) == number and len(set(masks())) == 1, 60, lambda: f"{masks()}; {self.said()}")

    def settled(self, folder: Path) -> bytes:
        """All that it printed before a fence, which a change at the top of the folder is."""
        fence = folder / "fence"
        fence.write_text("x")
        fence.chmod(0o600)
        fence.rename(folder / "fence-renamed")
        (folder / "fence-renamed").unlink()
        wait_for(lambda: b"fence" in self.output(), 120, lambda: f"no fence in {self.output()[-500:]!r}; {self.said()}")
        before = self.output().partition(b"fence")[0]
        return before[: max(before.rfind(b"\n"), before.rfind(b"\0")) + 1]


def merged(output: bytes) -> list[bytes]:
    """Lines; of equal ones that follow each other one, as the kernel merges them when they wait together."""
    lines = re.split(rb"[\n\0]", output.rstrip(b"\n\0"))
    return [line for number, line in enumerate(lines) if number == 0 or line != lines[number - 1]]


def both(
    folder: Path, words: Sequence[str], operations: Callable[[Path, Running], None]
) -> tuple[list[bytes], list[bytes]]:
    """What the real tool and ours print of the same operations below ./tree, each in a folder of its own."""
    printed = []
    for real in (True, False):
        place = folder / ("real" if real else "ours")
        tree = place / "tree"
        (tree / "old" / "older").mkdir(parents=True)
        (tree / "file").write_text("x")
        with Running("events", real, ["-m", *words, "tree"], place) as running:
            operations(tree, running)
            printed.append(merged(running.settled(tree)))
    return printed[0], printed[1]
