"""The tree of watches, with the real kernel: nothing below a source is missed, or told under a wrong name."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.source import Reading, Seen
from lockstep.source import inotify as kernel
from lockstep.source.watches import TRIES, WatchTree


def excluded(path: bytes, is_dir: bool) -> bool:
    return path.rpartition(b"/")[2] in ((b"cache",) if is_dir else (b"cache", b"skip"))


Watch = Callable[[], WatchTree]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.mkdir()
    return path


@pytest.fixture
def watch(root: Path) -> Iterator[Watch]:
    """Watches the source as it stands when it is called."""
    trees: list[WatchTree] = []

    def make() -> WatchTree:
        tree = WatchTree(os.fsencode(root), excluded)
        trees.append(tree)
        assert tree.scan(Reading(), 10.0)
        return tree

    yield make
    for tree in trees:
        tree.close()


def drain(tree: WatchTree) -> Reading:
    """All that waits, with all that it leads to."""
    whole = Reading()
    while True:
        reading = tree.read()
        events = reading.events
        for _ in range(10_000):
            if not tree.scanning:
                break
            tree.scan(reading, 1.0)
        whole.origins.update({len(whole.seen) + at: origin for at, origin in reading.origins.items()})
        whole.seen += reading.seen
        whole.events += events
        whole.overflow |= reading.overflow
        whole.lost_root |= reading.lost_root
        whole.unmounted |= reading.unmounted
        if not events:
            return whole


def seen(tree: WatchTree) -> list[tuple[Seen, bytes]]:
    return drain(tree).seen


def told(tree: WatchTree) -> set[tuple[Seen, bytes]]:
    return set(seen(tree))


def knows(tree: WatchTree, root: Path, *paths: str) -> None:
    """A change in each of these directories is told under its present path, and in no other."""
    seen(tree)
    for path in paths:
        (root / path / "probe").touch()
        assert {at for _, at in seen(tree)} == {os.fsencode(os.path.join(path, "probe"))}
        (root / path / "probe").unlink()
        seen(tree)


# ---------------------------------------------------------------- files


def test_a_file_is_told_when_it_is_written_and_when_it_is_closed(root: Path, watch: Watch) -> None:
    tree = watch()
    with open(root / "f", "wb", buffering=0) as file:
        assert seen(tree) == [(Seen.WRITTEN, b"f")]
        file.write(b"x")
        assert seen(tree) == [(Seen.WRITTEN, b"f")]
    assert seen(tree) == [(Seen.CLOSED, b"f")]


def test_what_is_there_at_once_is_told_as_complete(root: Path, watch: Watch) -> None:
    (root / "f").touch()
    tree = watch()
    os.link(root / "f", root / "hard")
    (root / "soft").symlink_to("nowhere")
    os.mkfifo(root / "fifo")
    (root / "f").rename(root / "g")
    found = told(tree)
    assert {
        (Seen.COMPLETE, b"hard"),
        (Seen.COMPLETE, b"soft"),
        (Seen.COMPLETE, b"fifo"),
        (Seen.COMPLETE, b"g"),
    } <= found
    assert (Seen.GONE, b"f") in found


def test_attributes_and_deletions_of_a_file_are_told(root: Path, watch: Watch) -> None:
    (root / "f").touch()
    tree = watch()
    (root / "f").chmod(0o600)
    assert seen(tree) == [(Seen.ATTRIBUTES, b"f")]
    os.utime(root / "f", (1, 1))
    assert seen(tree) == [(Seen.ATTRIBUTES, b"f")]
    os.truncate(root / "f", 5)
    assert (Seen.WRITTEN, b"f") in seen(tree)
    (root / "f").unlink()
    assert (Seen.GONE, b"f") in seen(tree)
    assert tree._moved == {}


def test_attributes_of_the_source_and_of_directories_are_told(root: Path, watch: Watch) -> None:
    (root / "d").mkdir()
    tree = watch()
    root.chmod(0o750)
    assert told(tree) == {(Seen.DIRECTORY_ATTRIBUTES, b"")}
    (root / "d").chmod(0o700)
    assert told(tree) == {(Seen.DIRECTORY_ATTRIBUTES, b"d")}


@pytest.mark.parametrize("name", [b"\xff\xfe", b"new\nline", b" ", b"-n", b"#c", b"*", b"n" * 255, b"\\", b"\x01"])
def test_any_name_is_told_as_it_is_also_that_of_a_directory(root: Path, watch: Watch, name: bytes) -> None:
    tree = watch()
    directory = os.fsencode(root) + b"/" + name
    os.mkdir(directory)
    assert (Seen.DIRECTORY_NEW, name) in seen(tree)
    os.close(os.open(directory + b"/" + name, os.O_CREAT | os.O_WRONLY))
    assert [path for _, path in seen(tree)] == [name + b"/" + name]


# ---------------------------------------------------------------- many events of few files


def feed(tree: WatchTree, monkeypatch: pytest.MonkeyPatch, *events: tuple[int, bytes]) -> list[tuple[Seen, bytes]]:
    """What is seen when the kernel tells these of names in the source, in one read."""
    raw = [(tree._root, mask, 0, name) for mask, name in events]
    with monkeypatch.context() as patch:
        reads = [raw]
        patch.setattr(tree._inotify, "read", lambda: reads.pop() if reads else [])
        reading = tree.read()
    assert reading.events == len(events)
    return reading.seen


def test_a_file_that_is_made_written_and_closed_is_one_entry_and_not_looked_at(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = watch()
    monkeypatch.setattr(tree, "_will_be_closed", lambda path: pytest.fail(f"looked at {path!r}"))
    made = [(kernel.CREATE, b"f"), (kernel.MODIFY, b"f"), (kernel.MODIFY, b"f"), (kernel.ATTRIB, b"f")]
    assert feed(tree, monkeypatch, *made, (kernel.CLOSE_WRITE, b"f")) == [(Seen.REWRITTEN, b"f")]
    assert feed(tree, monkeypatch, (kernel.CREATE, b"f"), (kernel.CLOSE_WRITE, b"f")) == [(Seen.REWRITTEN, b"f")]
    assert feed(tree, monkeypatch, (kernel.CREATE, b"f"), (kernel.MODIFY, b"f")) == [(Seen.WRITTEN, b"f")]
    assert feed(tree, monkeypatch, (kernel.MODIFY, b"f"), (kernel.MODIFY, b"f")) == [(Seen.WRITTEN, b"f")]
    assert feed(tree, monkeypatch, (kernel.CLOSE_WRITE, b"f"), (kernel.ATTRIB, b"f")) == [(Seen.CLOSED, b"f")]


def test_files_that_are_written_by_turns_are_one_entry_each(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = (kernel.CREATE, kernel.MODIFY, kernel.MODIFY, kernel.CLOSE_WRITE)
    by_turns = [(mask, name) for mask in masks for name in (b"a", b"b", b"c")]
    assert feed(watch(), monkeypatch, *by_turns) == [
        (Seen.REWRITTEN, b"a"),
        (Seen.REWRITTEN, b"b"),
        (Seen.REWRITTEN, b"c"),
    ]


def test_what_is_written_after_its_close_is_not_closed(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [(kernel.MODIFY, b"f"), (kernel.CLOSE_WRITE, b"f"), (kernel.MODIFY, b"f")]
    assert feed(watch(), monkeypatch, *events) == [(Seen.REWRITTEN, b"f"), (Seen.WRITTEN, b"f")]


def test_no_entry_is_moved_across_an_event_of_a_directory(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name may mean another file from then on."""
    (root / "d").mkdir()
    events = [(kernel.MODIFY, b"f"), (kernel.ISDIR | kernel.MOVED_FROM, b"d"), (kernel.CLOSE_WRITE, b"f")]
    assert feed(watch(), monkeypatch, *events) == [
        (Seen.WRITTEN, b"f"), (Seen.DIRECTORY_GONE, b"d"), (Seen.CLOSED, b"f"),
    ]  # fmt: skip


def test_what_is_done_to_a_file_after_its_rename_is_told_for_itself(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [(kernel.MOVED_FROM, b"a"), (kernel.MOVED_TO, b"b"), (kernel.ATTRIB, b"b"), (kernel.CLOSE_WRITE, b"b")]
    assert feed(watch(), monkeypatch, *events) == [
        (Seen.GONE, b"a"), (Seen.COMPLETE, b"b"), (Seen.ATTRIBUTES, b"b"), (Seen.CLOSED, b"b"),
    ]  # fmt: skip


def test_events_of_an_excluded_file_leave_no_trace_but_its_directorys(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = (kernel.CREATE, kernel.MODIFY, kernel.ATTRIB, kernel.CLOSE_WRITE)
    assert feed(watch(), monkeypatch, *((mask, b"skip") for mask in masks)) == [(Seen.DIRECTORY_ATTRIBUTES, b"")]


PLAIN = {
    kernel.CREATE: Seen.WRITTEN,
    kernel.MODIFY: Seen.WRITTEN,
    kernel.CLOSE_WRITE: Seen.CLOSED,
    kernel.ATTRIB: Seen.ATTRIBUTES,
    kernel.DELETE: Seen.GONE,
    kernel.MOVED_FROM: Seen.GONE,
    kernel.MOVED_TO: Seen.COMPLETE,
}


def meaning(entries: list[tuple[Seen, bytes]]) -> tuple[set[bytes], set[tuple[bytes, str]]]:
    """What is left unclosed, and what is to be done about each path.  To send the content sends the attributes too."""
    unclosed: set[bytes] = set()
    todo: set[tuple[bytes, str]] = set()
    for what, path in entries:
        if what is Seen.WRITTEN:
            unclosed.add(path)
        elif what in (Seen.COMPLETE, Seen.REWRITTEN) or (what is Seen.CLOSED and path in unclosed):
            todo.add((path, "content"))
        elif what is Seen.GONE:
            todo.add((path, "look"))
        elif path not in unclosed:
            todo.add((path, "attributes"))
        if what not in (Seen.WRITTEN, Seen.ATTRIBUTES):
            unclosed.discard(path)
    return unclosed, {(path, do) for path, do in todo if do != "attributes" or (path, "content") not in todo}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.tuples(st.sampled_from([*PLAIN, kernel.MODIFY, kernel.CLOSE_WRITE]),
                                 st.sampled_from([b"a", b"b"])), max_size=14))  # fmt: skip
def test_few_entries_mean_the_same_as_one_for_each_event(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, events: list[tuple[int, bytes]]
) -> None:
    tree = WatchTree(os.fsencode(tmp_path_factory.getbasetemp()), excluded)
    try:
        monkeypatch.setattr(tree, "_will_be_closed", lambda _path: True)
        found = feed(tree, monkeypatch, *events)
        assert meaning(found) == meaning([(PLAIN[mask], path) for mask, path in events])
        assert len(found) <= len(events)
    finally:
        tree.close()


# ---------------------------------------------------------------- directories that appear


def test_the_tree_that_stands_at_the_start_is_watched_and_not_told(root: Path, watch: Watch) -> None:
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/f").touch()
    tree = watch()
    assert len(tree) == 4
    assert seen(tree) == []
    knows(tree, root, "a/b/c", "a", "a/b")


def test_a_new_deep_directory_is_told_with_all_that_is_in_it(root: Path, watch: Watch) -> None:
    tree = watch()
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/f").write_text("x")
    (root / "a/g").write_text("x")
    found = told(tree)
    assert {(Seen.DIRECTORY_NEW, b"a"), (Seen.DIRECTORY_NEW, b"a/b"), (Seen.DIRECTORY_NEW, b"a/b/c")} <= found
    assert {b"a/b/c/f", b"a/g"} <= {path for _, path in found}
    knows(tree, root, "a/b/c", "a/b", "a")


def test_a_directory_is_told_before_what_is_in_it(root: Path, watch: Watch) -> None:
    tree = watch()
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/c/f").write_text("x")
    paths = [path for what, path in seen(tree) if what in (Seen.DIRECTORY_NEW, Seen.FOUND)]
    assert paths.index(b"a") < paths.index(b"a/b") < paths.index(b"a/b/c") < paths.index(b"a/b/c/f")


def test_a_directory_moved_in_is_told_with_all_that_is_in_it(root: Path, tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "other/sub").mkdir(parents=True)
    (tmp_path / "other/sub/f").write_text("x")
    tree = watch()
    (tmp_path / "other").rename(root / "in")
    assert told(tree) == {
        (Seen.DIRECTORY_NEW, b"in"), (Seen.DIRECTORY_NEW, b"in/sub"), (Seen.FOUND, b"in/sub/f"),
    }  # fmt: skip
    knows(tree, root, "in/sub")


@pytest.mark.parametrize("counted", ["as it is", "on another device", "nowhere"])
def test_a_directory_without_directories_is_not_opened_where_links_tell(
    root: Path, monkeypatch: pytest.MonkeyPatch, counted: str
) -> None:
    for path in ("a/b/c", "a/d", "e"):
        (root / path).mkdir(parents=True)
        (root / path / "file").touch()
    tree = WatchTree(os.fsencode(root), excluded)
    device = root.stat().st_dev
    tree._counted = {"as it is": tree._counted, "on another device": device + 1, "nowhere": None}[counted]
    tells = tree._counted == device
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: opened.append(path) or scandir(path))
    try:
        tree.scan(Reading(), 10.0)
        assert len(tree) == 6
        assert len(opened) == (3 if tells else 6)
    finally:
        tree.close()


# ---------------------------------------------------------------- directories that move


def test_after_a_rename_everything_below_goes_by_its_new_path(root: Path, watch: Watch) -> None:
    (root / "a/b/c").mkdir(parents=True)
    tree = watch()
    assert len(tree) == 4
    (root / "a/b").rename(root / "z")
    found = told(tree)
    assert {(Seen.DIRECTORY_GONE, b"a/b"), (Seen.DIRECTORY_NEW, b"z"), (Seen.DIRECTORY_NEW, b"z/c")} <= found
    assert len(tree) == 4
    knows(tree, root, "z/c", "z", "a")


def test_a_chain_of_renames_that_is_read_late_ends_at_the_last_name(root: Path, watch: Watch) -> None:
    (root / "a/sub").mkdir(parents=True)
    tree = watch()
    (root / "a").rename(root / "b")
    (root / "b").rename(root / "c")
    found = told(tree)
    assert {(Seen.DIRECTORY_GONE, b"a"), (Seen.DIRECTORY_GONE, b"b"), (Seen.DIRECTORY_NEW, b"c")} <= found
    assert (Seen.DIRECTORY_NEW, b"c/sub") in found
    knows(tree, root, "c/sub", "c")
    assert tree.sweep() == 0


def test_two_directories_that_change_places_are_not_mistaken(root: Path, watch: Watch) -> None:
    (root / "a/in_a").mkdir(parents=True)
    (root / "b/in_b").mkdir(parents=True)
    tree = watch()
    (root / "a").rename(root / "t")
    (root / "b").rename(root / "a")
    (root / "t").rename(root / "b")
    seen(tree)
    knows(tree, root, "a/in_b", "b/in_a", "a", "b")


def test_a_rename_into_its_own_sibling_and_back_is_followed(root: Path, watch: Watch) -> None:
    (root / "a/x").mkdir(parents=True)
    (root / "b").mkdir()
    tree = watch()
    (root / "a/x").rename(root / "b/x")
    (root / "b").rename(root / "a/b")
    seen(tree)
    knows(tree, root, "a/b/x", "a/b", "a")


def test_what_is_moved_out_is_gone_and_its_later_changes_are_nobodys(root: Path, tmp_path: Path, watch: Watch) -> None:
    (root / "a/sub").mkdir(parents=True)
    tree = watch()
    (root / "a").rename(tmp_path / "out")
    assert (Seen.DIRECTORY_GONE, b"a") in seen(tree)
    (tmp_path / "out/f").touch()
    (tmp_path / "out/sub/f").touch()
    assert seen(tree) == []


def test_a_sweep_gives_back_the_watches_of_what_was_moved_out(root: Path, tmp_path: Path, watch: Watch) -> None:
    (root / "a/sub").mkdir(parents=True)
    (root / "stays").mkdir()
    tree = watch()
    assert tree.sweep() == 0
    (root / "a").rename(tmp_path / "out")
    seen(tree)
    assert tree.sweep() == 2
    assert len(tree) == 2
    assert tree.sweep() == 0
    assert seen(tree) == []
    with open(f"/proc/self/fdinfo/{tree.fileno()}") as file:
        assert file.read().count("inotify wd:") == 2
    knows(tree, root, "stays")


def test_what_was_moved_out_and_deleted_is_not_swept_for(root: Path, tmp_path: Path, watch: Watch) -> None:
    (root / "a").mkdir()
    tree = watch()
    (root / "a").rename(tmp_path / "out")
    seen(tree)
    (tmp_path / "out").rmdir()
    seen(tree)
    assert (len(tree), tree._detached) == (1, 0)


def test_what_was_moved_out_and_comes_back_is_known_again(root: Path, tmp_path: Path, watch: Watch) -> None:
    (root / "a/sub").mkdir(parents=True)
    tree = watch()
    (root / "a").rename(tmp_path / "out")
    seen(tree)
    (tmp_path / "out").rename(root / "again")
    assert (Seen.DIRECTORY_NEW, b"again/sub") in seen(tree)
    knows(tree, root, "again/sub", "again")
    assert tree.sweep() == 0
    assert len(tree) == 3


def test_a_directory_that_is_replaced_by_another_is_watched_anew(root: Path, watch: Watch) -> None:
    (root / "a/old").mkdir(parents=True)
    tree = watch()
    shutil.rmtree(root / "a")
    (root / "a/new").mkdir(parents=True)
    found = told(tree)
    assert {(Seen.DIRECTORY_GONE, b"a"), (Seen.DIRECTORY_NEW, b"a"), (Seen.DIRECTORY_NEW, b"a/new")} <= found
    knows(tree, root, "a/new", "a")
    assert len(tree) == 3


def test_a_deleted_tree_is_told_and_forgotten(root: Path, watch: Watch) -> None:
    (root / "a/b/c").mkdir(parents=True)
    (root / "a/b/f").touch()
    tree = watch()
    shutil.rmtree(root / "a")
    found = told(tree)
    assert {(Seen.DIRECTORY_GONE, b"a"), (Seen.DIRECTORY_GONE, b"a/b"), (Seen.GONE, b"a/b/f")} <= found
    assert len(tree) == 1
    assert tree.sweep() == 0


NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "b/a", "b/b", "a/a/a", "../out"])
STEPS = st.lists(st.one_of(st.tuples(st.just("read"), NAMES, NAMES), st.tuples(
    st.sampled_from(["mkdir", "rename", "rename", "rmtree"]), NAMES, NAMES)), max_size=25)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_after_any_history_every_directory_goes_by_its_present_path(tmp_path: Path, steps: list[tuple]) -> None:
    place = tmp_path / "history"
    shutil.rmtree(place, ignore_errors=True)
    root = place / "source"
    (root / "a/a").mkdir(parents=True)
    (root / "b").mkdir()
    tree = WatchTree(os.fsencode(root), excluded)
    try:
        tree.scan(Reading(), 10.0)
        for what, one, other in steps:
            try:
                if what == "mkdir":
                    (root / one).mkdir()
                elif what == "rename":
                    (root / one).rename(root / other)
                elif what == "rmtree":
                    shutil.rmtree(root / one)
                else:
                    tree.read()
            except OSError:
                continue  # no such history
        seen(tree)
        tree.sweep()
        seen(tree)
        directories = [os.path.relpath(at, root) for at, _, _ in os.walk(root)]
        assert len(tree) == len(directories)
        for directory in directories:
            (root / directory / "probe").touch()
            expected = os.fsencode(os.path.normpath(os.path.join(directory, "probe")))
            assert {path for _, path in seen(tree)} == {expected}
    finally:
        tree.close()


# ---------------------------------------------------------------- where it came from


def origins(reading: Reading) -> dict[bytes, bytes]:
    """New name → old name."""
    found = {reading.seen[at]: path for at, path in reading.origins.items()}
    assert all(what in (Seen.COMPLETE, Seen.DIRECTORY_NEW) for what, _ in found)
    return {path: origin for (_, path), origin in found.items()}


def test_what_is_renamed_tells_its_old_name_which_is_told_as_gone_before(root: Path, watch: Watch) -> None:
    (root / "a/sub").mkdir(parents=True)
    (root / "f").touch()
    tree = watch()
    (root / "f").rename(root / "a/g")
    (root / "a").rename(root / "b")
    reading = tree.read()
    assert origins(reading) == {b"a/g": b"f", b"b": b"a"}
    for at, origin in reading.origins.items():
        gone = Seen.GONE if reading.seen[at][0] is Seen.COMPLETE else Seen.DIRECTORY_GONE
        assert reading.seen[at - 1] == (gone, origin)


def test_each_step_of_a_chain_of_renames_has_its_own_origin(root: Path, watch: Watch) -> None:
    (root / "a").touch()
    (root / "one").mkdir()
    tree = watch()
    for old, new in (("a", "b"), ("b", "c"), ("one", "two"), ("two", "three")):
        (root / old).rename(root / new)
    assert origins(tree.read()) == {b"b": b"a", b"c": b"b", b"two": b"one", b"three": b"two"}


def test_the_old_name_is_the_one_of_that_time_though_its_parent_was_renamed_since(root: Path, watch: Watch) -> None:
    (root / "p").mkdir()
    (root / "p/f").touch()
    (root / "p/d").mkdir()
    tree = watch()
    (root / "p/f").rename(root / "p/g")
    (root / "p/d").rename(root / "p/e")
    (root / "p").rename(root / "q")
    (root / "q/g").rename(root / "g")
    found = drain(tree)
    assert origins(found) == {b"p/g": b"p/f", b"p/e": b"p/d", b"q": b"p", b"g": b"q/g"}


def test_a_rename_whose_halves_come_with_two_reads_is_paired(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = watch()
    wd = tree._root
    reads = [
        [(wd, kernel.MOVED_FROM, 7, b"a"), (wd, kernel.MOVED_FROM, 8, b"out")],
        *[[]] * TRIES,
        [(wd, kernel.MOVED_TO, 7, b"b")],
        [(wd, kernel.MOVED_TO, 8, b"too late")],
    ]
    monkeypatch.setattr(tree._inotify, "read", lambda: reads.pop(0))
    assert origins(tree.read()) == {}
    assert origins(tree.read()) == {b"b": b"a"}
    assert tree._moved == {}
    assert origins(tree.read()) == {}


def test_the_other_half_of_a_rename_is_waited_for_a_moment(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the going and the coming stand next to each other, as whoever takes them expects."""
    tree = watch()
    wd = tree._root
    reads = [
        [(wd, kernel.MOVED_FROM, 7, b"a")],
        [(wd, kernel.MOVED_TO, 7, b"b"), (wd, kernel.MOVED_FROM, 8, b"b")],
        [(wd, kernel.MOVED_TO, 8, b"c")],
    ]
    monkeypatch.setattr(tree._inotify, "read", lambda: reads.pop(0))
    reading = tree.read()
    assert [path for _what, path in reading.seen] == [b"a", b"b", b"b", b"c"]
    assert reading.origins == {1: b"a", 3: b"b"}


def test_what_came_from_outside_or_from_an_excluded_name_has_no_origin(
    root: Path, tmp_path: Path, watch: Watch
) -> None:
    (tmp_path / "outside").touch()
    (root / "cache").mkdir()
    (root / "skip").touch()
    tree = watch()
    (tmp_path / "outside").rename(root / "in")
    (root / "skip").rename(root / "f")
    (root / "cache").rename(root / "d")
    found = drain(tree)
    assert {b"in", b"f", b"d"} <= {path for _, path in found.seen}
    assert origins(found) == {}


def test_a_way_through_an_excluded_name_has_no_origin(root: Path, watch: Watch) -> None:
    (root / "f").touch()
    tree = watch()
    (root / "f").rename(root / "skip")
    (root / "skip").rename(root / "g")
    found = drain(tree)
    assert [what for what, path in found.seen if path == b"f"] == [Seen.GONE]
    assert origins(found) == {}


# ---------------------------------------------------------------- exclusion


def test_what_is_excluded_is_not_watched_and_only_its_directory_changes(root: Path, watch: Watch) -> None:
    (root / "cache/deep").mkdir(parents=True)
    tree = watch()
    assert len(tree) == 1
    (root / "cache/f").touch()
    assert seen(tree) == []
    (root / "skip").touch()
    assert told(tree) == {(Seen.DIRECTORY_ATTRIBUTES, b"")}
    (root / "skip").write_text("x")
    assert seen(tree) == []


def test_a_move_to_an_excluded_name_is_a_deletion_of_the_old_one(root: Path, watch: Watch) -> None:
    (root / "d/sub").mkdir(parents=True)
    (root / "f").touch()
    tree = watch()
    (root / "d").rename(root / "cache")
    (root / "f").rename(root / "skip")
    found = told(tree)
    assert {(Seen.DIRECTORY_GONE, b"d"), (Seen.GONE, b"f")} <= found
    assert not {path for _, path in found} & {b"cache", b"skip"}
    (root / "cache/sub/f").touch()
    assert seen(tree) == []
    assert tree.sweep() == 2
    assert len(tree) == 1


def test_a_move_from_an_excluded_name_is_a_new_directory(root: Path, watch: Watch) -> None:
    (root / "cache/sub").mkdir(parents=True)
    tree = watch()
    (root / "cache").rename(root / "d")
    assert {(Seen.DIRECTORY_NEW, b"d"), (Seen.DIRECTORY_NEW, b"d/sub")} <= told(tree)
    knows(tree, root, "d/sub")


def test_what_is_excluded_inside_a_new_directory_is_not_found(root: Path, tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "other/cache/deep").mkdir(parents=True)
    (tmp_path / "other/skip").touch()
    tree = watch()
    (tmp_path / "other").rename(root / "in")
    assert told(tree) == {(Seen.DIRECTORY_NEW, b"in")}
    assert len(tree) == 2


# ---------------------------------------------------------------- what goes wrong


def refuse(monkeypatch: pytest.MonkeyPatch, number: int, name: bytes) -> None:
    add = kernel.Inotify.add

    def limited(self: kernel.Inotify, path: bytes) -> int:
        if path.endswith(b"/" + name):
            raise OSError(number, os.strerror(number))
        return add(self, path)

    monkeypatch.setattr(kernel.Inotify, "add", limited)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "inotify_limits_max_user_watches"),
        (errno.EACCES, "CAP_DAC_READ_SEARCH"),
        (errno.ENAMETOOLONG, "4,095"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_cannot_be_watched_is_named_until_it_can(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    (root / "d").mkdir()
    (root / "e").mkdir()
    with monkeypatch.context() as patch:
        refuse(patch, number, b"d")
        tree = watch()
        assert list(tree.problems) == [b"d"]
        assert says in tree.problems[b"d"]
        assert tree.unwatched == (number == errno.ENOSPC)
        knows(tree, root, "e")
    tree.rescan()
    assert tree.scan(Reading(), 10.0)
    assert tree.problems == {}
    assert tree.unwatched == 0
    knows(tree, root, "d")


def test_a_new_directory_beyond_the_limit_is_named(root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = watch()
    refuse(monkeypatch, errno.ENOSPC, b"d")
    (root / "d").mkdir()
    assert (Seen.DIRECTORY_NEW, b"d") in seen(tree)
    assert list(tree.problems) == [b"d"]
    assert tree.unwatched == 1


def test_what_is_below_the_unwatched_is_counted_as_needed_but_for_the_excluded(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "d/sub/deep").mkdir(parents=True)
    (root / "d/cache/deep").mkdir(parents=True)
    (root / "d/file").touch()
    refuse(monkeypatch, errno.ENOSPC, b"d")
    tree = watch()
    tree.count(10.0)
    assert tree.unwatched == 3
    tree.count(10.0)
    assert tree.unwatched == 3


def test_what_is_unwatched_is_counted_once_however_often_it_is_found(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "d/sub").mkdir(parents=True)
    refuse(monkeypatch, errno.ENOSPC, b"d")
    tree = watch()
    tree.rescan()
    assert tree.scan(Reading(), 10.0)
    tree.count(10.0)
    assert tree.unwatched == 2


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_one_that_vanished_meanwhile_is_no_problem(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (root / "d").mkdir()
    refuse(monkeypatch, number, b"d")
    assert watch().problems == {}


def test_a_problem_of_a_directory_that_is_gone_is_none_any_more(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "d").mkdir()
    refuse(monkeypatch, errno.EACCES, b"d")
    tree = watch()
    (root / "d").rmdir()
    seen(tree)
    tree.rescan()
    tree.scan(Reading(), 10.0)
    assert tree.problems == {}


def test_an_overflow_is_told_and_the_rest_of_the_reading_with_it(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = watch()
    wd = tree._root
    events = [(-1, kernel.Q_OVERFLOW, 0, b""), (wd, kernel.CLOSE_WRITE, 0, b"f")]
    monkeypatch.setattr(tree._inotify, "read", lambda: events)
    reading = tree.read()
    assert (reading.overflow, reading.events, reading.seen) == (True, 2, [(Seen.CLOSED, b"f")])


def test_after_an_overflow_a_rescan_finds_directories_without_an_event(
    root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = watch()
    with monkeypatch.context() as patch:
        patch.setattr(kernel.Inotify, "add", lambda *_: (_ for _ in ()).throw(FileNotFoundError(2, "lost")))
        (root / "a/b").mkdir(parents=True)
        seen(tree)
    assert len(tree) == 1
    tree.rescan()
    assert tree.scan(Reading(), 10.0)
    knows(tree, root, "a/b", "a")


def test_an_event_of_an_unknown_watch_is_passed_over(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = watch()
    monkeypatch.setattr(tree._inotify, "read", lambda: [(99_999, kernel.CREATE, 0, b"f")])
    assert tree.read().seen == []


def test_stale_hints_that_make_a_circle_are_of_no_place(root: Path, watch: Watch) -> None:
    (root / "a/b").mkdir(parents=True)
    tree = watch()
    a, b = (wd for path in (b"a/", b"a/b/") for wd in tree._places if tree._prefix(wd) == path)
    tree._places.put(a, b, b"a")
    tree._paths_changed()
    assert tree._prefix(b) is None
    assert tree._prefix(a) is None


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_the_loss_of_the_source_is_told(root: Path, tmp_path: Path, watch: Watch, how: str) -> None:
    tree = watch()
    if how == "moved":
        root.rename(tmp_path / "elsewhere")
    else:
        root.rmdir()
    assert drain(tree).lost_root


def test_an_unmount_below_the_source_is_told(root: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "mnt").mkdir()
    tree = watch()
    wd = next(wd for wd in tree._places if tree._prefix(wd) == b"mnt/")
    monkeypatch.setattr(tree._inotify, "read", lambda: [(wd, kernel.UNMOUNT, 0, b"")])
    reading = tree.read()
    assert (reading.unmounted, reading.lost_root) == (True, False)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_source_that_is_no_directory_leaves_no_descriptor_open(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "s").touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="directory"):
        WatchTree(os.fsencode(tmp_path / "s"), excluded)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_long_walk_is_done_in_slices(root: Path, watch: Watch) -> None:
    for number in range(200):
        (root / str(number) / "in it").mkdir(parents=True)
    tree = WatchTree(os.fsencode(root), excluded)
    try:
        slices = 1
        while not tree.scan(Reading(), 0.0):
            slices += 1
        told = tree._counted is not None  # where links are not counted, whether something is in it takes a look
        assert slices == (201 if told else 401)
        assert len(tree) == 401
    finally:
        tree.close()


def test_a_reading_is_not_held_up_by_a_large_tree_that_came(
    root: Path, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3000):
        (tmp_path / "other" / str(number)).mkdir(parents=True)
    tree = watch()
    (tmp_path / "other").rename(root / "in")
    begin, looks = time.perf_counter(), itertools.count()
    with monkeypatch.context() as slow:  # each directory takes a millisecond, however quick the machine is
        slow.setattr(time, "monotonic", lambda: next(looks) / 1000)
        tree.read()
    assert time.perf_counter() - begin < 1.0
    assert tree.scanning
    seen(tree)
    assert len(tree) == 3002
