"""Whatever events a kernel writes, in whatever order: what is made of them is a hint about paths of this source."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.source import Seen
from lockstep.source import inotify as kernel
from lockstep.source.watches import WatchTree

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
KINDS = [
    kernel.CREATE, kernel.MODIFY, kernel.CLOSE_WRITE, kernel.ATTRIB, kernel.MOVED_FROM, kernel.MOVED_TO, kernel.DELETE,
    kernel.DELETE_SELF, kernel.MOVE_SELF, kernel.UNMOUNT, kernel.Q_OVERFLOW, kernel.IGNORED,
]  # fmt: skip
DESCRIPTORS = st.one_of(st.integers(1, 6), st.sampled_from([-1, 0, 2**31 - 1]))
EVENTS = st.lists(
    st.tuples(
        DESCRIPTORS,
        st.one_of(
            st.builds(lambda kind, is_dir: kind | is_dir, st.sampled_from(KINDS), st.sampled_from([0, kernel.ISDIR])),
            st.integers(0, 2**32 - 1),
        ),
        st.integers(0, 3),  # cookies, few of them so that they pair
        st.sampled_from([b"", b"a", b"b", b"c", b"d", b"skip", b"\xff\n"]),
    ),
    max_size=40,
)
RENAMED = frozenset({Seen.COMPLETE, Seen.DIRECTORY_NEW})


class Written(kernel.Inotify):
    """An inotify whose events are written by the test; directories get descriptors as the kernel gives them."""

    def __init__(self, batches: list[list[kernel.Event]]) -> None:
        self.left = batches
        self._known: dict[int, int] = {}
        self.removed: list[int] = []
        self.drained = True

    def fileno(self) -> int:
        return -1

    def add(self, path: bytes) -> int:
        found = os.lstat(path)
        if not os.path.isdir(path):
            raise OSError(errno.ENOTDIR, "not a directory")
        return self._known.setdefault(found.st_ino, len(self._known) + 1)

    def remove(self, wd: int) -> None:
        self.removed.append(wd)

    def read(self) -> list[kernel.Event]:
        return self.left.pop(0) if self.left else []

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """a/b/c and d are directories, and there is something in each."""
    top = tmp_path_factory.mktemp("source")
    (top / "a/b/c").mkdir(parents=True)
    (top / "d/skip").mkdir(parents=True)
    for folder in ("", "a", "a/b", "a/b/c", "d"):
        (top / folder / "file").write_text("x")
    return os.fsencode(top)


def excluded(path: bytes, is_directory: bool) -> bool:
    return path.rpartition(b"/")[2] == b"skip"


@FUZZ
@given(batches=st.lists(EVENTS, max_size=5))
def test_any_events_give_hints_about_paths_of_the_source(source: bytes, batches: list[list[kernel.Event]]) -> None:
    inotify = Written([list(batch) for batch in batches])
    tree = WatchTree(source, excluded, inotify)
    overflow = False
    while inotify.left:
        reading = tree.read()
        overflow |= reading.overflow
        for what, path in reading.seen:
            assert isinstance(what, Seen)
            assert not path.startswith(b"/")
            assert not path.endswith(b"/")
            assert b".." not in path.split(b"/")
            assert not excluded(path, what.name.startswith("DIRECTORY")), "what is excluded is not told"
        for number, origin in reading.origins.items():
            assert reading.seen[number][0] in RENAMED
            assert not origin.startswith(b"/")
    lost = [event for batch in batches for event in batch if event[1] & kernel.Q_OVERFLOW]
    assert overflow == any(not name or mask & kernel.ISDIR for _wd, mask, _cookie, name in lost)
    tree.sweep()
    tree.close()


@FUZZ
@given(batches=st.lists(EVENTS, max_size=3))
def test_after_any_events_a_walk_watches_everything_again(source: bytes, batches: list[list[kernel.Event]]) -> None:
    """An overflow may have told anything but the truth."""
    inotify = Written([list(batch) for batch in batches])
    tree = WatchTree(source, excluded, inotify)
    for _batch in batches:
        tree.read()
    tree.rescan()
    for _turn in range(100):
        reading = tree.read()
        if not tree.scanning:
            break
    assert not tree.scanning
    assert not tree.problems
    for path in (b"", b"a", b"a/b", b"a/b/c", b"d"):
        wd = inotify.add(source + (b"/" + path if path else b""))
        # an event of this directory is told under its own path from now on
        inotify.left.append([(wd, kernel.CREATE, 0, b"new")])
        reading = tree.read()
        assert [seen for _what, seen in reading.seen] == [path + b"/new" if path else b"new"]


@FUZZ
@given(data=st.binary(max_size=400))
def test_any_bytes_are_events_or_a_value_error(tmp_path: Path, data: bytes) -> None:
    try:
        events = kernel.parse_events(data)
    except ValueError as error:
        assert str(error).startswith("inotify: ")  # noqa: PT017
        return
    assert sum(16 + len(name) for _wd, _mask, _cookie, name in events) <= len(data)
