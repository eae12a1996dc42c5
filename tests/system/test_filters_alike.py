"""Patterns, includes and expressions mean the same in watching, in batches, in a comparison and in deletion (C5)."""

from __future__ import annotations

import os
import random
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig
from rig import wait_for

from lockstep import config, rules
from lockstep.filters import Filter

NAMES = ["a", "b", "a.txt", "B.TXT", "c.jpg", "cache", "x.o", "keep.o", "d"]
PATTERNS = ["*.o", "/a", "cache/", "b", "*.txt", "/d/**", "d/*/a", "a*", "[bc].*", "cache/***"]
EXPRESSIONS = [r"\.o$", "^a/", r"(^|/)b$", "^d/.*txt$", "cache", r"/c\.jpg$", "^[ab]$"]


def made_up(rng: random.Random) -> dict[str, Any]:
    """What a mirror leaves out, of every kind."""

    def some(of: list[str], most: int) -> list[str]:
        return rng.sample(of, rng.randint(0, most))

    found: dict[str, Any] = {
        "filter": [f"{rng.choice('+-')} {pattern}" for pattern in some(PATTERNS, 2)],
        "include": some(PATTERNS, 2),
        "exclude": some(PATTERNS, 3),
        "exclude_regex": some(EXPRESSIONS, 2),
        "exclude_regex_nocase": some(EXPRESSIONS, 1),
    }
    if rng.random() < 0.3:
        found["include_regex_nocase"] = [r"\.(txt|jpg|o)$", *some(EXPRESSIONS, 1)]
    return found


def fill(rng: random.Random, folder: Path, times: int) -> None:
    """Files and directories with names that the rules are about."""
    for _ in range(times):
        path = folder.joinpath(*rng.choices(NAMES, k=rng.randint(1, 3)))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if rng.random() < 0.2:
                path.mkdir(exist_ok=True)
            else:
                path.write_text(str(rng.random()))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # something else has that name


def walk(folder: Path) -> dict[bytes, bool]:
    """Path below the folder → is it a directory?"""
    found = {}
    top = os.fsencode(folder)
    for place, directories, files in os.walk(top):
        for names, is_dir in ((directories, True), (files, False)):
            for name in names:
                found[os.path.relpath(os.path.join(place, name), top)] = is_dir
    return found


def seen(folder: Path, filters: Filter) -> dict[bytes, bytes | None]:
    """What is not left out: its content, None for a directory."""
    top = os.fsencode(folder)
    return {
        path: None if is_dir else Path(os.fsdecode(os.path.join(top, path))).read_bytes()
        for path, is_dir in walk(folder).items()
        if not filters.hidden(path, is_dir)
    }


def churn(rng: random.Random, folder: Path) -> None:
    """Writes, renames, deletions, replacements by another kind."""
    for _ in range(25):
        fill(rng, folder, 2)
        there = [folder / os.fsdecode(path) for path in walk(folder)]
        victim, other = rng.choice(there), rng.choice(there)
        kind = rng.random()
        try:
            if kind < 0.3 and victim.is_dir():
                shutil.rmtree(victim)
            elif kind < 0.5 and not victim.is_dir():
                victim.unlink()
            elif kind < 0.9:
                victim.rename((other if other.is_dir() else folder) / rng.choice(NAMES))
        except OSError:
            continue  # into itself, or onto what is not empty


@pytest.mark.parametrize("seed", range(8))
def test_what_is_left_out_is_the_same_in_watching_batches_comparisons_and_deletion(rig: Rig, seed: int) -> None:
    """What is not left out becomes equal; what is left out does not come, and what the target has of it stays.

    A directory that would go stays as far as it holds something that is left out (test_excludes.py); so does a file of
    which the source has a directory that is left out, as a pattern may be of directories alone.
    """
    rng = random.Random(f"alike {seed}")
    left_out = made_up(rng)
    fill(rng, rig.source, 40)
    fill(rng, rig.target, 40)
    rig.watcher.mirrors[0].update(left_out, quiet=0.1, max_delete={"percent": 100, "at_least": 10**6})
    rig.watcher.write()
    filters = rules.of(config.load(str(rig.watcher.config)).mirrors[0])
    theirs = {path for path, is_dir in walk(rig.target).items() if filters.hidden(path, is_dir)}
    contents = {path: (rig.target / os.fsdecode(path)).read_bytes() for path in theirs if not walk(rig.target)[path]}

    def spared(path: bytes) -> bool:
        """May this stay because of what is in it, or in the way of it?"""
        return any(one.startswith(path + b"/") or path.startswith(one + b"/") or one == path for one in blocked)

    def alike(turn: str) -> bool:
        there = walk(rig.target)
        blocked.clear()
        blocked.update(above for path in there if filters.hidden(path, there[path]) for above in parents(path))
        try:
            ours, backup = seen(rig.source, filters), seen(rig.target, filters)
        except OSError:
            return False  # it moved under our eyes
        others = {path for path, is_dir in walk(rig.source).items() if filters.hidden(path, is_dir)}
        found = {
            path
            for path in ours.keys() | backup.keys()
            if ours.get(path, b"-") != backup.get(path, b"-") and not spared(path)
        }
        of_another_type = {path for path in found if others.intersection([path, *parents(path)])}
        # what had to stay for that is found by the next comparison once nothing stands there any more
        passed_over.update(of_another_type)
        unlike[:] = sorted(found - of_another_type - (passed_over if turn == "live" else set()))
        return not unlike

    def nothing_came() -> bool:
        extra.clear()
        extra.update(path for path, is_dir in walk(rig.target).items() if filters.hidden(path, is_dir))
        extra.difference_update(theirs)
        return not extra

    extra: set[bytes] = set()
    unlike: list[bytes] = []
    passed_over: set[bytes] = set()
    blocked: set[bytes] = set()
    rig.watcher.start(wait=False)
    for turn in ("compared", "live", "compared again"):
        if turn == "compared again":
            rig.watcher.stop()
        if turn != "compared":
            churn(rng, rig.source)
        if turn == "compared again":
            rig.watcher.start(wait=False)
        wait_for(
            partial(alike, turn),
            60,
            lambda turn=turn: f"{turn}: {unlike} {left_out} {rig.log()[-3000:]}",
        )
        for path in seen(rig.source, filters):
            contents.pop(path, None)  # of another type there, which is not left out: that takes its place
        for path, content in contents.items():
            assert (rig.target / os.fsdecode(path)).read_bytes() == content, (turn, path, left_out)
        # what is under way has a name of rsync's own for a moment, which may be one that is left out
        wait_for(nothing_came, 10, lambda turn=turn: f"{turn}: {extra} {left_out}")


def parents(path: bytes) -> list[bytes]:
    """The directories above it."""
    parts = path.split(b"/")
    return [b"/".join(parts[:number]) for number in range(1, len(parts))]


def test_a_directory_that_an_expression_leaves_out_is_not_even_watched(rig: Rig) -> None:
    for name in ("d/cache/deep/e", "kept/f"):
        (rig.source / name).mkdir(parents=True)
    rig.start(exclude_regex=["(^|/)cache$"])
    assert rig.watcher.status()["mirrors"][0]["watches"] == 4  # the source, d, kept, kept/f
    (rig.source / "kept" / "cache").mkdir()
    (rig.source / "kept" / "cache" / "f").write_text("x")
    (rig.source / "kept" / "g").write_text("x")
    rig.passed()
    assert not (rig.target / "kept" / "cache").exists()
    assert rig.watcher.status()["mirrors"][0]["watches"] == 4


def test_only_what_an_include_names_is_mirrored(rig: Rig) -> None:
    (rig.source / "d").mkdir()
    for name in ("a.jpg", "b.txt", "d/c.jpg", "d/d.txt"):
        (rig.source / name).write_text(name)
    (rig.target / "theirs.txt").write_text("x")
    rig.start(filter=["+ */", "+ *.jpg", "- *"])
    wait_for((rig.target / "d/c.jpg").exists, 30, rig.log)
    (rig.source / "d" / "e.jpg").write_text("x")
    (rig.source / "d" / "e.txt").write_text("x")
    (rig.source / "a.jpg").unlink()
    wait_for(lambda: (rig.target / "d/e.jpg").exists() and not (rig.target / "a.jpg").exists(), 30, rig.log)
    rig.watcher.wait_in_step()
    assert sorted(os.fsdecode(path) for path in walk(rig.target)) == ["d", "d/c.jpg", "d/e.jpg", "theirs.txt"]


def test_what_an_expression_leaves_out_on_the_target_counts_as_no_deletion(rig: Rig) -> None:
    """Else a comparison would hold the mirror for files that it would never delete."""
    for number in range(20):
        (rig.target / f"f{number}.bak").write_text("x")
    (rig.source / "new").write_text("x")
    (rig.target / "old").write_text("x")
    rig.start(exclude_regex_nocase=[r"\.BAK$"], max_delete={"percent": 0, "at_least": 5})
    wait_for(lambda: (rig.target / "new").exists() and not (rig.target / "old").exists(), 30, rig.log)
    rig.watcher.wait_in_step()
    assert len(list(rig.target.glob("*.bak"))) == 20
    progress = rig.watcher.target()["reconcile"]
    assert progress["known"] == progress["done"] <= 3


def test_a_file_of_patterns_is_read_again_at_a_reload(rig: Rig) -> None:
    patterns = rig.watcher.folder / "patterns"
    patterns.write_text("# one a line\n*.swp\n")
    rig.start(exclude_from=[str(patterns)])
    (rig.source / "a.swp").write_text("x")
    (rig.source / "a.tmp").write_text("x")
    rig.passed()
    assert not (rig.target / "a.swp").exists()
    patterns.write_text("*.tmp\n")
    assert rig.watcher.process is not None
    os.kill(rig.watcher.process.pid, 1)
    wait_for((rig.target / "a.swp").exists, 30, rig.log)
    assert (rig.target / "a.tmp").exists(), "what is left out from now on stays there"
    (rig.source / "b.tmp").write_text("x")
    rig.passed()
    assert not (rig.target / "b.tmp").exists()
