"""What a mirror leaves out is what rsync itself would leave out: decided side by side with the real program."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lockstep.filters import Filter, problem

RSYNC = os.fsencode(shutil.which("rsync") or "rsync")
CASES = 200
PATTERNS_PER_CASE = 4
# Short names from a small alphabet, so that patterns hit; some that mean something to rsync, a shell or a codec.
NAMES = [
    *(b"a", b"b", b"ab", b"ba", b"abc", b"foo", b"foo.o", b"x1", b"A", b" a", b"a ", b"#a", b";b", b"-a", b"+ a", b"!"),
    *(
        b"a\\b",
        b"[a]",
        b"*",
        b"a*b",
        b"?",
        b"a\nb",
        b"\xff",
        b"\xc3\xa4",
        b".nfs0",
        b"]",
        b"^",
        b"**",
        b"a[b",
        b"{a,b}",
    ),
]
PIECES = [
    *(b"a", b"b", b"ab", b"foo", b".o", b"x", b"1", b" ", b"\xff", b"\n", b"-", b"+ ", b"!", b"]", b"#", b"^", b"."),
    *(b"*", b"*", b"*", b"**", b"**", b"***", b"?", b"?", b"/", b"/", b"/", b"\\", b"\\*", b"\\[", b"\\b", b"["),
    *(
        b"[ab]",
        b"[!a]",
        b"[^a]",
        b"[a-c]",
        b"[]a]",
        b"[!]a]",
        b"[a/b]",
        b"[[:alpha:]]",
        b"[[:digit:]x]",
        b"[^[:alnum:]]",
    ),
    *(
        b"[[:punct:]]",
        b"[[:nope:]]",
        b"[[:alpha]",
        b"[[a]",
        b"[\\]]",
        b"[a-]",
        b"[c-a]",
        b"[a",
        b"[\x80-\xff]",
        b"[a\\-c]",
    ),
]


def make_tree(rng: random.Random, root: bytes) -> dict[bytes, bool]:
    """Directories three deep and files; path below the root -> whether it is a directory."""
    made: dict[bytes, bool] = {}
    parents = [b""]
    for _ in range(45):
        parent = rng.choice(parents)
        path = (parent + b"/" if parent else b"") + rng.choice(NAMES)
        if path in made:
            continue
        made[path] = rng.random() < 0.5
        if made[path]:
            os.mkdir(os.path.join(root, path))
            if path.count(b"/") < 3:
                parents.append(path)
        else:
            os.close(os.open(os.path.join(root, path), os.O_CREAT | os.O_WRONLY))
    return made


def make_pattern(rng: random.Random) -> bytes:
    while True:
        pattern = b"".join(rng.choice(PIECES) for _ in range(rng.randint(1, 5)))
        if rng.random() < 0.2:
            pattern = b"/" + pattern
        if rng.random() < 0.2:
            pattern += b"/"
        if problem(pattern) is None:
            return pattern


def rsync_sees(root: bytes, filters: Filter, empty: bytes) -> set[bytes]:
    """The paths that rsync would send, from its dry run."""
    argv = [
        RSYNC,
        b"-rn",
        b"--8-bit-output",
        b"--out-format=%n",
        *filters.rsync_args(),
        root + b"/",
        empty + b"/",
    ]
    done = subprocess.run(argv, capture_output=True, check=False, env={"LC_ALL": "C", "PATH": os.environ["PATH"]})
    assert done.returncode == 0, (filters.rsync_args(), done.stderr)
    lines = (re.sub(rb"\\#(\d{3})", lambda octal: bytes([int(octal[1], 8)]), line) for line in done.stdout.split(b"\n"))
    return {line.rstrip(b"/") for line in lines} - {b"", b"."}


@pytest.mark.parametrize("tree", range(5))
def test_the_same_paths_as_the_real_rsync_are_left_out(tree: int, tmp_path: Path) -> None:
    rng = random.Random(f"lockstep {tree}")
    root, empty = os.fsencode(tmp_path / "source"), os.fsencode(tmp_path / "empty")
    os.mkdir(root)
    os.mkdir(empty)
    made = make_tree(rng, root)
    left_out = 0
    for _ in range(CASES // 5):
        patterns = [make_pattern(rng) for _ in range(rng.randint(1, PATTERNS_PER_CASE))]
        filters = Filter(patterns)
        ours = {path for path, is_dir in made.items() if not filters.hidden(path, is_dir)}
        assert ours == rsync_sees(root, filters, empty), patterns
        left_out += len(made) - len(ours)
    assert left_out > 100, "the patterns hit too little to prove anything"


@pytest.mark.parametrize(
    ("pattern", "path", "is_dir", "excluded"),
    [
        (b"*.swp", b"a/b/.x.swp", False, True),
        (b".nfs*", b"a/.nfs0000000001", False, True),
        (b"/foo", b"foo", False, True),
        (b"/foo", b"a/foo", False, False),
        (b"foo/", b"foo", False, False),
        (b"foo/", b"a/foo", True, True),
        (b"foo/bar", b"a/foo/bar", False, True),
        (b"foo/bar", b"a/xfoo/bar", False, False),
        (b"foo/*/bar", b"foo/x/y/bar", False, False),
        (b"/foo/**/bar", b"foo/x/y/bar", False, True),
        (b"/foo/**/bar", b"foo/bar", False, False),
        (b"**/foo", b"foo", False, True),
        (b"dir/***", b"dir", True, True),
        (b"dir/***", b"dir", False, False),
        (b"dir/**", b"dir", True, False),
        (b"dir/**", b"a/dir/x", False, True),
        (b"a\\b", b"a\\b", False, True),
        (b"a\\b*", b"ab", False, True),
        (b"[a/b]c", b"ac", False, False),
        (b"+ a", b"+ a", False, True),
        (b"!", b"!", False, True),
        (b"a\nb", b"a\nb", False, True),
        (b"\xff*", b"\xff\xfe", False, True),
    ],
)
def test_a_pattern_names_what_the_manual_says(pattern: bytes, path: bytes, is_dir: bool, excluded: bool) -> None:
    assert Filter([pattern]).excluded(path, is_dir) is excluded


def test_what_lies_below_an_excluded_directory_is_hidden_and_not_excluded_itself() -> None:
    filters = Filter([b"/cache/"])
    assert filters.hidden(b"cache/a/b", False)
    assert not filters.excluded(b"cache/a/b", False)
    assert not filters.hidden(b"a/cache/b", False)


def test_the_root_is_never_left_out() -> None:
    filters = Filter([b"*", b"/**", b"**"])
    assert not filters.excluded(b"", True)
    assert not filters.hidden(b"", True)


def test_no_patterns_leave_nothing_out() -> None:
    filters = Filter([])
    assert not filters.hidden(b"a/b", False)
    assert filters.rsync_args() == []


@pytest.mark.parametrize("pattern", [b"", b"/", b"//", b"a\0b", b"a" * 5000])
def test_a_pattern_that_rsync_cannot_use_is_refused(pattern: bytes) -> None:
    assert problem(pattern)
    with pytest.raises(ValueError, match=problem(pattern) or ""):
        Filter([pattern])
