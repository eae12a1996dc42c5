"""Whatever is done to the source, in whatever order, and whatever fails meanwhile: in the end both trees are equal.

Seeds go on where another ends: OPERATIONS=20000 SEED=7 are seeds 7 to 10 with 5,000 operations each, so that one that
fails can be played again alone.  `make test-churn` says how.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import stat
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
from churn import NAMES, Churn
from churn_faults import Faults
from churn_renames import RenamingChurn
from conftest import Rig, assembled
from sshd import Sshd
from trees import differences

OPERATIONS = int(os.environ.get("OPERATIONS", "5000"))
WAY = os.environ.get("WAY", "")  # ssh: only that is played, at length
SEED = int(os.environ.get("SEED", "1"))
EACH = 5000 if "OPERATIONS" in os.environ else 1000  # operations of one seed
SEEDS = range(SEED, SEED - (-OPERATIONS // EACH))
CHECK_EVERY = 1000
NO_LIMIT = {"percent": 100, "at_least": 10_000_000}
STRAINED = str(Path(__file__).with_name("strained.py"))

# whatever little the target lacks is sent ahead
HEAD_STARTS: dict[str, Any] = {"lockstep.head_start.LEAST": 1, "lockstep.head_start.SHARE": 1 << 30}
STRAINS: list[dict[str, Any]] = [
    {"collapse_at": 40},
    {"events_lost": 0.02},
    {"lockstep.intake.WORTH": 1, "lockstep.plan.WORTH": 1},  # no file is too small to be made of what the target has
    {"lockstep.plan.BULK": 15_000},
    {"lockstep.source.watches.PATH_CACHE": 8},
    {"lockstep.reconcile.MANY": 0, "lockstep.reconcile.PORTION": 10, "lockstep.reconcile.OUTSTANDING": 10},
    {"lockstep.transfer.command.MANY": 3},  # names stand in arguments more often
    {"lockstep.plan.FRUITLESS": 3, "lockstep.plan.LOOK_AHEAD": 20},
    {"lockstep.target.QUIET": 0.05, "lockstep.renames.MANY": 20},
    {"lockstep.mirror.SCAN_SLICE": 0.0, "lockstep.source.watches.TRIES": 0},
    HEAD_STARTS,
]


def mirror_of(chance: random.Random) -> dict[str, Any]:
    """A mirror with settings of this seed's own."""
    quiet, max_wait = chance.choice([(0.1, 0.5), (0.1, 10.0), (1.0, 10.0)])
    return {
        "max_delete": NO_LIMIT,
        "pace": chance.choice([0, 0.25, 0.25]),
        "quiet": quiet,
        "max_wait": max_wait,
        "exclude": chance.choice([[], ["*.swp"], ["*.swp", "w"]]),
    }


def strains_of(chance: random.Random) -> dict[str, Any]:
    chosen = chance.sample(STRAINS, chance.choice([0, 1, 2, 4]))
    return {name: value for strain in chosen for name, value in strain.items()}


class Play:
    """One seed on one rig, up to equal trees."""

    def __init__(
        self, rig: Rig, folder: Path, seed: int, operations: int, likely: float = 0.004, over_ssh: bool = False
    ) -> None:
        chance = random.Random(seed)
        self.rig = rig
        self.over_ssh = over_ssh
        self.operations = operations
        self.settings = mirror_of(chance)
        self.strains = strains_of(chance)
        self.last: deque[str] = deque(maxlen=60)
        self._journal = folder / "journal"
        self._file: TextIO | None = None
        outside = folder / "outside"
        outside.mkdir()
        kind = chance.choice([Churn, Churn, RenamingChurn])
        self.churn = kind(os.fsencode(rig.source), os.fsencode(outside), seed, self.journal)
        self.faults = Faults(rig, seed, likely, self.journal)
        self.replay = f"make test-churn SEED={seed} OPERATIONS={operations}{' WAY=ssh' if over_ssh else ''}"

    def journal(self, line: str) -> None:
        self.last.append(line)
        if self._file is not None:
            self._file.write(line + "\n")

    def run(self) -> None:
        with self._journal.open("w", buffering=1) as self._file, contextlib.closing(self.churn):
            self._run()

    def _run(self) -> None:
        print(f"{self.replay}: {type(self.churn).__name__}, {self.settings}, strained {self.strains}")
        self.rig.watcher.program = [STRAINED, json.dumps(self.strains)]
        # a hung transfer is given up after twice as long, and there are some
        self.rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = [f"--timeout={15 if self.over_ssh else 5}"]
        self.rig.start(**self.settings)
        for number in range(1, self.operations + 1):
            self.churn.step()
            self.faults.step()
            if number % CHECK_EVERY == 0 or number == self.operations:
                self.check()
        print(f"{self.replay}: equal; faults: {self.faults.counted}")

    def check(self) -> None:
        """Both trees become equal, and the watcher says so too."""
        self.faults.mend()
        self.churn.close()
        watcher = self.rig.watcher
        watcher.wait_answers()
        until = time.monotonic() + 120
        while True:
            watcher.wait_in_step(seconds=180)
            found = self.differences()
            if not found:
                return
            if time.monotonic() > until:
                (self.rig.source.parent / "differences").write_text("\n".join(found))
                raise AssertionError(
                    "\n".join(
                        [f"not equal; play it again with: {self.replay}", *found[:20],
                         f"journal, watcher.log and differences are in {self.rig.source.parent}", *self.last]
                    )
                )  # fmt: skip
            time.sleep(0.2)

    def differences(self) -> list[str]:
        """What differs, but for what is excluded, of which the target must have nothing at all."""
        source, target = os.fsencode(self.rig.source), os.fsencode(self.rig.target)
        out = frozenset(excluded_in(source, self.settings["exclude"]))
        there = [path for path in out if os.path.lexists(os.path.join(target, path))]
        if self.over_ssh:
            out |= frozenset(special_in(source))
        found = differences(self.rig.source, self.rig.target, owners=os.geteuid() == 0, leave_out=out)
        return [*found, *(f"excluded, and on the target: {path!r}" for path in there)]


def excluded_in(top: bytes, patterns: list[str]) -> Iterator[bytes]:
    """What these leave out, found without the watcher's own code; of a directory that itself."""
    for at, folders, files in os.walk(top):
        for name in [*folders, *files]:
            if (name.endswith(b".swp") and "*.swp" in patterns) or (name == b"w" and "w" in patterns):
                yield os.path.relpath(os.path.join(at, name), top)
                if name in folders:
                    folders.remove(name)


def special_in(top: bytes) -> Iterator[bytes]:
    """What is neither file, link nor directory, of which rrsync makes none."""
    for at, _folders, files in os.walk(top):
        for name in files:
            full = os.path.join(at, name)
            kind = stat.S_IFMT(os.lstat(full).st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFLNK):
                yield os.path.relpath(full, top)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_operations_and_faults_end_in_equal_trees(rig: Rig, tmp_path: Path, seed: int) -> None:
    """C1, C2, C3, C12, C21, C22, C23."""
    Play(rig, tmp_path, seed, min(EACH, OPERATIONS - (seed - SEED) * EACH)).run()


@pytest.mark.parametrize("seed", SEEDS if WAY == "ssh" else SEEDS[:1])
def test_random_operations_and_faults_over_ssh_end_in_equal_trees_too(tmp_path: Path, seed: int) -> None:
    """With the same faults: an sshd that is cut or hangs, a watcher and processes that are killed."""
    operations = min(EACH, OPERATIONS - (seed - SEED) * EACH) if WAY == "ssh" else 400
    with assembled(tmp_path, sshd=Sshd(tmp_path)) as rig:
        Play(rig, tmp_path, seed, operations, over_ssh=True).run()


def test_what_was_renamed_is_made_of_what_the_target_has(rig: Rig, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.intake.WORTH": 1, "lockstep.plan.WORTH": 1})]
    rig.start(max_delete=NO_LIMIT)
    churn = RenamingChurn(os.fsencode(rig.source), os.fsencode(outside), seed=1)
    churn.run(400)
    rig.equal()
    churn.tree_at(os.fsencode(rig.source) + b"/last")
    rig.equal()
    (rig.source / "last").rename(rig.source / "the last")
    rig.equal()
    assert "backup: link: confirmed" in rig.log()


def test_the_same_seed_does_the_same(tmp_path: Path) -> None:
    """Or a run that failed could not be played again."""
    journals: list[list[str]] = [[], []]
    for number, kind in ((0, Churn), (1, Churn)):
        root, outside = tmp_path / f"root{number}", tmp_path / f"outside{'x' * number}"
        root.mkdir()
        outside.mkdir()
        churn = kind(os.fsencode(root), os.fsencode(outside), 5, lambda line, to=journals[number]: to.append(line))
        churn.run(600)
        churn.close()
    assert [line.partition(" ")[2] for line in journals[0]] == [line.partition(" ")[2] for line in journals[1]]


def test_the_operations_themselves_change_nothing_outside(tmp_path: Path) -> None:
    """Not through a symbolic link either: run as root they could change the machine."""
    for name in ("root", "outside"):
        (tmp_path / name).mkdir()
    other = tmp_path / "other"
    other.write_text("not yours")
    before = other.stat()
    for name in NAMES:
        os.symlink(b"../other", os.path.join(os.fsencode(tmp_path / "root"), name))
    churn = Churn(os.fsencode(tmp_path / "root"), os.fsencode(tmp_path / "outside"), seed=1)
    churn.run(1500)
    churn.close()
    after = other.stat()
    assert other.read_text() == "not yours"
    assert (after.st_mode, after.st_mtime_ns, after.st_nlink) == (before.st_mode, before.st_mtime_ns, before.st_nlink)
