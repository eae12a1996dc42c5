"""What a target makes of the end of a batch; a real event loop, no rsync."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from lockstep.batch import Batch
from lockstep.changes import ATTRIBUTES, CONTENT, DIRECTORY_GONE, GONE, MOVED, PERMITTED, Change, Changes
from lockstep.config import load
from lockstep.mirror import MirrorSync
from lockstep.target import TargetSync
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import Outcome, Result
from lockstep.transfer.process import Ended


def with_target(tmp: Path, delete: str, do: Callable[[TargetSync], None]) -> None:
    """Call this with the target of a mirror that is not started, in an event loop."""
    for name in ("source", "state", "backup"):
        (tmp / name).mkdir()
    config = tmp / "lockstep.yml"
    config.write_text(
        f"state_dir: {tmp}/state\nmirrors:\n  - name: data\n    source: {tmp}/source\n    delete: {delete}\n"
        f"    targets:\n      - url: file://{tmp}/backup\n"
    )

    async def run() -> None:
        settings = load(str(config))
        mirror = MirrorSync(settings.mirrors[0], settings, lambda: None)
        do(mirror.targets[0])
        mirror.close()

    asyncio.run(run())


def sent(path: bytes) -> Batch:
    batch = Batch(Lane.CONTENT)
    batch.take(path, Change(CONTENT, 0.0))
    return batch


@pytest.mark.parametrize(("delete", "asks"), [("true", True), ("startup", True), ("running", False), ("false", False)])
def test_what_is_half_written_is_asked_for_only_where_what_a_comparison_finds_may_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delete: str, asks: bool
) -> None:
    """By its name alone it may be a file that only the target has: .htaccess.backup, say, beside .htaccess."""
    asked: list[bytes] = []

    def confirm(target: TargetSync) -> None:
        monkeypatch.setattr(target._carrier, "list_remains", lambda directories, on_end: asked.extend(directories))
        target._remains.interrupted(sent(b"a/.htaccess"))
        target._confirm(sent(b"f"), Outcome(Result.CONFIRMED))

    with_target(tmp_path, delete, confirm)
    assert asked == ([b"a"] if asks else [])


def test_what_stood_still_and_was_killed_may_have_left_something_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its daemon may have been killed with it, standing still as well."""
    asked: list[bytes] = []

    def give_up(target: TargetSync) -> None:
        monkeypatch.setattr(target._carrier, "list_remains", lambda directories, on_end: asked.extend(directories))
        batch = sent(b"a/f")
        target._under_way.add(batch)
        process: Any = SimpleNamespace(given_up=True)
        target._batch_ended(batch, process, Ended(-9, b"", 0.0, 20.0))
        assert b"a/f" in target.live.paths
        target._confirm(sent(b"g"), Outcome(Result.CONFIRMED))

    with_target(tmp_path, "true", give_up)
    assert asked == [b"a"]


def test_a_refused_file_whose_name_holds_the_words_for_what_is_in_the_way_replaces_nothing(tmp_path: Path) -> None:
    name, other = b"could not make way for new", b"other"
    why = f'rsync: [receiver] mkstemp "/.{name.decode()}.AbCdEf" (in m) failed: Permission denied (13)'

    def refuse(target: TargetSync) -> None:
        target._confirm(sent(name), Outcome(Result.PARTIAL, refused={name: why}))
        assert not target.live.paths
        assert target.standing.problems[name].reason == why
        target._confirm(sent(other), Outcome(Result.PARTIAL, refused={other: f"{name.decode()} regular file: other"}))
        assert target.live.paths[other].flags & DIRECTORY_GONE
        assert other not in target.standing.problems

    with_target(tmp_path, "true", refuse)


def test_a_release_reaches_the_deletions_that_are_told_and_not_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def release(target: TargetSync) -> None:
        monkeypatch.setattr(target.reconcile, "released", lambda: told.append("released"))
        assert target.release() == 0

    with_target(tmp_path, "true", release)
    assert told == ["released"]


def test_a_refused_file_that_vanishes_stays_refused_until_its_deletion_was_asked_about(tmp_path: Path) -> None:
    """What refused it may be a directory that holds what is left out, and stands there."""

    def vanish(target: TargetSync) -> None:
        target._confirm(sent(b"f"), Outcome(Result.PARTIAL, refused={b"f": "a directory stands in its way"}))
        target._confirm(sent(b"f"), Outcome(Result.PARTIAL, vanished=frozenset({b"f"})))
        assert target.live.paths[b"f"].flags & GONE
        assert b"f" in target.standing.problems
        target._confirm(sent(b"f"), Outcome(Result.CONFIRMED))
        assert b"f" not in target.standing.problems

    with_target(tmp_path, "true", vanish)


@pytest.mark.parametrize(("trees", "asked_again"), [(False, True), (True, False)])
def test_a_directory_where_a_file_went_is_asked_about(tmp_path: Path, trees: bool, asked_again: bool) -> None:
    def end(target: TargetSync) -> None:
        batch = Batch(Lane.REMOVE, trees=trees)
        batch.take(b"f", Change(GONE | PERMITTED, 0.0))
        target._under_way.add(batch)
        target._batch_ended(batch, process, Ended(0, b"cannot delete non-empty directory: f\n", 0.0, 0.0))
        assert not target._under_way
        flags = {path: change.flags for path, change in target.live.paths.items()}
        assert flags == ({b"f": GONE | DIRECTORY_GONE} if asked_again else {})

    process: Any = SimpleNamespace(given_up=False, output=None)
    with_target(tmp_path, "true", end)


def _renamed(target: TargetSync, monkeypatch: pytest.MonkeyPatch, new: bytes) -> None:
    """Of a mirror that was compared and may send: the directory `d` went, and a file in it is to come to `new`."""
    monkeypatch.setattr(type(target), "may_send", lambda self: True)
    monkeypatch.setattr(target, "_preparing", SimpleNamespace(done=True))
    target.renames.renamed(b"d", new, [])
    target.live.note(b"d", GONE | DIRECTORY_GONE, 0.0)
    target.live.note(new + b"/f", MOVED, 0.0)
    assert target._needed(b"d")


def test_a_deletion_waits_no_longer_for_what_was_renamed_and_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of directories that are moved while others are read can leave a name that nothing tells of any more."""

    def stall(target: TargetSync) -> None:
        _renamed(target, monkeypatch, b"nowhere")
        target._under_way.add(sent(b"busy"))  # so that it does not seem to stand still
        target.tick()
        assert not target.renames
        assert not target._needed(b"d")

    with_target(tmp_path, "true", stall)


@pytest.mark.parametrize(
    ("under_way", "scanning", "over"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_where_nothing_goes_no_rename_keeps_a_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, under_way: bool, scanning: bool, over: bool
) -> None:
    """A file that came by a rename and stands there is waited for as long as something may still be heard of it."""

    def stand_still(target: TargetSync) -> None:
        (tmp_path / "source/e").mkdir()
        (tmp_path / "source/e/f").write_text("x")
        _renamed(target, monkeypatch, b"e")
        monkeypatch.setattr(MirrorSync, "scanning", scanning)
        if under_way:
            target._under_way.add(sent(b"busy"))
        target.tick()
        assert bool(target.renames) is not over
        assert target._kicked is not None, "nothing would have it looked at again, or only when a large file has gone"

    with_target(tmp_path, "true", stand_still)


@pytest.mark.parametrize(
    ("stands", "noted"),
    [("a file", {}), ("a directory", {b"f": GONE | DIRECTORY_GONE}), ("", {b"f": GONE | DIRECTORY_GONE})],
)
def test_what_was_no_file_any_more_when_it_was_to_replace_a_directory_has_that_compared(
    tmp_path: Path, stands: str, noted: dict[bytes, int]
) -> None:
    """For rsync there was a directory, or nothing: what is below the old one is still on the target."""

    def end(target: TargetSync) -> None:
        if stands == "a directory":
            (tmp_path / "source/f").mkdir()
        elif stands:
            (tmp_path / "source/f").touch()
        batch = Batch(Lane.REPLACE, replaces=True)
        batch.take(b"f", Change(CONTENT | DIRECTORY_GONE, 0.0))
        target._confirm(batch, Outcome(Result.CONFIRMED))
        assert {path: change.flags for path, change in target.live.paths.items() if path} == noted

    with_target(tmp_path, "true", end)


def test_what_was_noted_beside_a_head_start_goes_again_when_that_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been overwritten by what was read before, or brought back."""

    def beside(target: TargetSync) -> None:
        target.note(b"before", CONTENT, 1.0)
        monkeypatch.setattr(type(target.reconcile), "starts_ahead", True)
        target.note(b"f", CONTENT, 2.0)
        target.note(b"gone", GONE | PERMITTED, 2.0)
        target.note(b"moved", MOVED, 2.0)
        target.note(b"held", GONE, 2.0)
        monkeypatch.setattr(type(target.reconcile), "starts_ahead", False)
        target.note(b"after", CONTENT, 3.0)
        target.live.paths.clear()  # all of it has arrived
        target.standing.park({b"held": Change(GONE, 2.0)}, 1, 2.0)
        for _time in range(2):
            target.head_start_over(10, 100, "")
            assert {change.since for change in target.live.paths.values()} == {2.0}, "ctimes are to be looked at since"
            assert {path: change.flags for path, change in target.live.paths.items()} == {
                b"f": CONTENT, b"gone": GONE, b"moved": CONTENT,
            }  # fmt: skip

    with_target(tmp_path, "true", beside)


@pytest.mark.parametrize(
    ("went", "came", "ends"), [(True, "link", True), (True, "directory", False), (False, "link", False)]
)
def test_a_link_where_a_directory_went_ends_a_head_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, went: bool, came: str, ends: bool
) -> None:
    """What is on its way into that directory would be written where the link leads."""
    ended: list[int] = []

    def beside(target: TargetSync) -> None:
        monkeypatch.setattr(type(target.reconcile), "starts_ahead", True)
        monkeypatch.setattr(target.reconcile, "end_ahead", lambda: ended.append(1))
        if went:
            target.note(b"d", GONE | DIRECTORY_GONE, 1.0)
        if came == "link":
            (tmp_path / "source/d").symlink_to("other")
        else:
            (tmp_path / "source/d").mkdir()
        target.note(b"d", CONTENT, 2.0)

    with_target(tmp_path, "true", beside)
    assert bool(ended) == ends


def test_a_head_start_ends_where_more_is_changed_than_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def beside(target: TargetSync) -> None:
        monkeypatch.setattr(type(target.reconcile), "starts_ahead", True)
        monkeypatch.setattr(target.reconcile, "end_ahead", lambda: ended.append(1))
        target._beside = Changes(limit=10)
        for number in range(10):
            target.note(b"d/%d" % number, CONTENT, 1.0)
        assert not ended
        target.note(b"d/more", CONTENT, 1.0)
        assert ended

    with_target(tmp_path, "true", beside)


def test_nothing_is_sent_until_a_head_start_that_was_killed_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(target: TargetSync) -> None:
        monkeypatch.setattr(target.source, "may_send", lambda: True)
        monkeypatch.setattr(type(target._preparing), "done", True, raising=False)
        assert target.may_send()
        monkeypatch.setattr(type(target.reconcile), "ends_ahead", True)
        assert not target.may_send()

    with_target(tmp_path, "true", send)


def test_a_file_is_at_another_name_while_it_stands_there_and_nothing_came_to_the_old_one(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        def rename(old: bytes, new: bytes) -> None:
            target.file_renamed(old, new)
            target.note(old, GONE, 0.0)
            target.note(new, CONTENT, 0.0)

        for name in ("kept", "lost", "made"):
            (tmp_path / "source" / f"{name}.new").touch()
            rename(name.encode(), name.encode() + b".new")
        rename(b"missing", b"missing.new")
        assert [target._is_at_another_name(name) for name in (b"kept", b"lost", b"made")] == [True] * 3
        assert not target._is_at_another_name(b"missing"), "nobody has told yet that it went on"
        target.note(b"lost.new", GONE, 0.0)
        target.note(b"made", CONTENT, 0.0)
        assert [target._is_at_another_name(name) for name in (b"kept", b"lost", b"made")] == [True, False, False]

    with_target(tmp_path, "true", ask)


def test_a_renamed_file_goes_from_its_old_name_when_it_has_arrived_under_the_new_one(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        (tmp_path / "source" / "b").touch()
        target.file_renamed(b"a", b"b")
        target.note(b"a", GONE, 0.0)
        target.note(b"b", CONTENT, 0.0)
        assert target._needed(b"a")
        target.live.paths.clear()
        target.backlog.note(b"b", CONTENT, 0.0)
        assert target._needed(b"a")
        target.backlog.paths.clear()
        target._under_way.add(batch := sent(b"b"))
        assert target._needed(b"a")
        target._under_way.discard(batch)
        assert not target._needed(b"a")
        assert target._is_at_another_name(b"a")
        target.standing.refuse(b"b", "no", Change(CONTENT, 0.0), 1.0)
        assert not target._is_at_another_name(b"a")

    with_target(tmp_path, "true", ask)


def test_what_is_written_over_at_its_new_name_is_lost(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        (tmp_path / "source" / "b").touch()
        target.file_renamed(b"a", b"b")
        target.note(b"a", GONE, 0.0)
        target.note(b"b", MOVED, 0.0)
        target.note(b"b", ATTRIBUTES, 0.0)
        assert target._is_at_another_name(b"a")
        target.note(b"b", CONTENT, 0.0)
        assert not target._is_at_another_name(b"a")

    with_target(tmp_path, "true", ask)


def test_what_was_deleted_on_the_target_is_followed_from_its_new_name(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        for name in ("b", "c"):
            (tmp_path / "source" / name).touch()
        target.file_renamed(b"a", b"b")
        batch = Batch(Lane.REMOVE)
        batch.take(b"a", Change(GONE, 0.0))
        target._confirm(batch, Outcome(Result.CONFIRMED))
        target.file_renamed(b"b", b"c")
        assert [target._is_at_another_name(name) for name in (b"a", b"b")] == [False, True]

    with_target(tmp_path, "true", ask)


def test_a_directory_that_is_back_is_awaited_while_one_above_it_goes(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        batch = Batch(Lane.REMOVE)
        batch.take(b"D", Change(GONE | DIRECTORY_GONE, 0.0))
        target._under_way.add(batch)
        assert target._is_awaited(b"D/d")
        target._under_way.clear()
        target.live.note(b"D", GONE | DIRECTORY_GONE, 0.0)
        assert target._is_awaited(b"D/d")

    with_target(tmp_path, "true", ask)


def test_a_directory_that_is_back_is_awaited_wherever_its_comparison_stands(tmp_path: Path) -> None:
    def ask(target: TargetSync) -> None:
        assert not target._is_awaited(b"d")
        for changes in (target.live, target.backlog):
            changes.note(b"d", GONE | DIRECTORY_GONE, 0.0)
            assert target._is_awaited(b"d")
            changes.paths.clear()
        target._under_way.add(batch := sent(b"d"))
        assert target._is_awaited(b"d")
        target._under_way.discard(batch)
        target.reconcile.want(b"d", Change(DIRECTORY_GONE, 0.0))
        assert target._is_awaited(b"d")
        target.reconcile.stop()
        assert not target._is_awaited(b"d")

    with_target(tmp_path, "true", ask)
