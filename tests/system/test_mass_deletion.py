"""A mass deletion is held before anything is deleted, until somebody says that it is meant (C8)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for

LIMIT = {"percent": 10, "at_least": 20, "window": 60}
FILES = 100
SHORT = 6  # seconds of a window that is over soon, and long enough for two batches on a busy machine


def _fill(folder: Path, files: int = FILES) -> None:
    folder.mkdir()
    for number in range(files):
        (folder / f"f{number:03}").write_text("x")


def _count(folder: Path) -> int:
    """Files of the folder; not the temporary names of what is arriving there just now."""
    return sum(not path.name.startswith(".") for path in folder.iterdir()) if folder.exists() else 0


def _flows(rig: Rig, name: str) -> None:
    """Other changes still arrive."""
    (rig.source / name).write_text(name)
    wait_for((rig.target / name).exists, 10, rig.log)
    (rig.source / name).write_text(name + name)
    wait_for(lambda: (rig.target / name).read_text() == name + name, 10, rig.log)


def _compared_since(rig: Rig, moment: float) -> bool:
    """Has a reconcile that began later been handed over?"""
    found = rig.watcher.target()["reconcile"]
    return bool(found["state"] == "done" and found["started"] and found["started"] > moment)


def _release(rig: Rig) -> None:
    rig.watcher.wait_all_held()
    done = rig.watcher.command("release", "data", "--socket", str(rig.watcher.socket))
    assert done.returncode == 0, done.stderr
    rig.equal()
    assert rig.watcher.target()["held"] is None


def test_a_mass_deletion_in_many_small_batches_is_held(rig: Rig) -> None:
    """C8: no batch is large; together they are."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d" / "f000").unlink()
    wait_for(lambda: _count(rig.target / "d") == FILES - 1, 30, rig.log)  # a batch that may go
    for number in range(1, 60):
        (rig.source / "d" / f"f{number:03}").unlink()
        time.sleep(0.01)  # a batch of its own for most of them
    status = rig.watcher.wait_state("held")
    _flows(rig, "beside")
    status = rig.watcher.target()
    gone = FILES - _count(rig.target / "d")
    assert 0 < gone <= 20
    assert status["held"]["deletions"] == 60 - gone
    assert status["held"]["of"] == FILES + 2  # the directory and the source itself are entries, too
    assert status["held"]["command"] == "lockstep release data"
    assert f"{60 - gone} of {FILES + 2} entries" in status["reason"]
    assert status["lag"] > 0
    _release(rig)


def test_a_release_is_not_undone_by_what_was_being_asked_about_meanwhile(rig: Rig) -> None:
    """The directory's deletion is seen once more, by what was below it, while the first is held, and this one is
    released before the target answers."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    shutil.rmtree(rig.source / "d")
    rig.watcher.wait_state("held")
    _flows(rig, "beside")
    rig.daemon.freeze()
    rig.watcher.ask(command="pause", mirror="data")
    (rig.source / "d").mkdir()
    (rig.source / "d" / "below").mkdir()
    wait_for(lambda: rig.watcher.status()["watches"]["used"] == 3, 10, rig.log)
    shutil.rmtree(rig.source / "d")
    rig.watcher.ask(command="resume", mirror="data")
    wait_for(lambda: rig.watcher.target()["in_flight"], 10, rig.log)
    rig.watcher.ask(command="release", mirror="data")
    rig.daemon.freeze(False)
    rig.equal()


def test_a_directory_moved_out_of_the_tree_is_held_as_a_whole(rig: Rig, tmp_path: Path) -> None:
    """C8: one event, a hundred entries and one."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(tmp_path / "away")
    rig.watcher.wait_state("held")
    _flows(rig, "beside")
    assert _count(rig.target / "d") == FILES
    assert rig.watcher.target()["held"]["deletions"] == FILES + 1
    assert rig.watcher.target()["held"]["of"] == FILES + 2
    _release(rig)


def test_a_tree_deleted_at_once_is_held_before_more_than_the_limit_is_gone(rig: Rig) -> None:
    """C8: rm -rf."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    shutil.rmtree(rig.source / "d")
    rig.watcher.wait_state("held")
    _flows(rig, "beside")
    assert _count(rig.target / "d") >= FILES - 20
    _release(rig)


def test_what_was_deleted_while_the_watcher_was_down_is_held(rig: Rig) -> None:
    """C8: found by the reconcile; nothing of it is deleted, and new files arrive."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    rig.watcher.stop()
    for number in range(50):
        (rig.source / "d" / f"f{number:03}").unlink()
    (rig.source / "new").write_text("new")
    rig.watcher.start(wait=False)
    rig.watcher.wait_state("held")
    wait_for((rig.target / "new").exists, 10, rig.log)
    _flows(rig, "beside")
    assert _count(rig.target / "d") == FILES
    assert rig.watcher.target()["held"]["deletions"] == 50
    assert 101 <= rig.watcher.target()["held"]["of"] <= 103
    rig.watcher.stop()
    rig.watcher.start(wait=False)  # another restart is no release
    rig.watcher.wait_state("held")
    assert _count(rig.target / "d") == FILES
    _release(rig)


@pytest.mark.parametrize("by", ["reconcile", "restart"])
def test_what_is_left_of_a_mass_deletion_stays_held_though_it_is_below_the_limit(rig: Rig, by: str) -> None:
    """C8: some went before the limit was reached; the rest waits for the operator, not for the next comparison."""
    _fill(rig.source / "d")
    rig.start(max_delete={**LIMIT, "window": SHORT})
    rig.equal()
    for first in (0, 15):
        for number in range(first, first + 15):
            (rig.source / "d" / f"f{number:03}").unlink()
        wait_for(lambda: _count(rig.target / "d") == 85 or rig.watcher.target()["held"], 10, rig.log)
    rig.watcher.wait_state("held")
    time.sleep(SHORT)  # what went before counts no more
    left = _count(rig.target / "d")
    # the last of them may be read only after the limit was reached
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == left - 70, 10, rig.log)
    assert left - 70 <= 20
    status = rig.watcher.target()
    started = status["reconcile"]["started"]
    for _round in range(2):
        if by == "reconcile":
            rig.watcher.ask(command="resync", mirror="data")
        else:
            rig.watcher.stop()
            rig.watcher.start(wait=False)
            rig.watcher.wait_answers()

        wait_for(partial(_compared_since, rig, started), 20, rig.log)
        started = rig.watcher.target()["reconcile"]["started"]
        rig.watcher.wait_state("held")
        _flows(rig, f"beside-{_round}")
        assert _count(rig.target / "d") == left
        assert rig.watcher.target()["held"]["deletions"] == left - 70
    _release(rig)


def test_files_that_come_back_are_held_no_more(rig: Rig, tmp_path: Path) -> None:
    """C8: the directory is moved back, and the mirror is live without a release."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(tmp_path / "away")
    rig.watcher.wait_state("held")
    (tmp_path / "away").rename(rig.source / "d")
    (rig.source / "d" / "f000").write_text("changed")
    rig.watcher.wait_state("live")
    rig.equal()


def test_what_is_back_is_held_no_more_though_more_is_deleted_all_the_time(rig: Rig, tmp_path: Path) -> None:
    """C8: it is looked at every few seconds, whatever is held meanwhile."""
    _fill(rig.source / "d")
    _fill(rig.source / "e")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(tmp_path / "away")
    rig.watcher.wait_state("held")
    (tmp_path / "away").rename(rig.source / "d")
    left = sorted((rig.source / "e").iterdir())

    def is_back() -> bool:
        left.pop().unlink()
        time.sleep(0.3)
        return "d" not in rig.watcher.target()["held"]["paths"]

    wait_for(is_back, 25, rig.log)
    assert rig.watcher.target()["held"]["deletions"] <= FILES - len(left)
    _release(rig)


def test_a_mirror_that_has_grown_since_it_was_compared_may_lose_a_share_of_what_it_has_now(rig: Rig) -> None:
    """C8: a tenth of two thousand, where it was compared when it had nothing; more of them are held."""
    rig.start(max_delete=LIMIT)
    _fill(rig.source / "d", 2_000)
    rig.equal()
    for number in range(100):
        (rig.source / "d" / f"f{number:03}").unlink()
    rig.equal()
    assert rig.watcher.target()["held"] is None
    assert "held" not in rig.log()
    for number in range(100, 500):
        (rig.source / "d" / f"f{number:03}").unlink()
    status = rig.watcher.wait_state("held")
    assert 1_700 <= status["held"]["of"] <= 2_002
    assert _count(rig.target / "d") >= 2_000 - 100 - 200
    _release(rig)


def test_a_directory_that_is_held_is_counted_once_however_often_it_is_compared(rig: Rig, tmp_path: Path) -> None:
    """C8: its number stays right when what is above it is compared, and when another one is back."""
    for name in ("d", "e"):
        (rig.source / "top" / name).mkdir(parents=True)
        for number in range(50):
            (rig.source / "top" / name / f"{number}").write_text("x")
    rig.start(max_delete=LIMIT)
    rig.equal()
    for name in ("d", "e"):
        (rig.source / "top" / name).rename(tmp_path / name)
    rig.watcher.wait_state("held")
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == 102, 10, rig.log)
    for path in ("top", "top", None):
        started = rig.watcher.target()["reconcile"]["started"]
        rig.watcher.ask(command="resync", mirror="data", **({"path": path} if path else {}))
        wait_for(partial(_compared_since, rig, started), 20, rig.log)
        assert rig.watcher.target()["held"]["deletions"] == 102
    (tmp_path / "d").rename(rig.source / "top" / "d")
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == 51, 20, rig.log)
    _release(rig)


def test_a_few_that_were_deleted_meanwhile_stay_held_when_the_mass_is_back(rig: Rig, tmp_path: Path) -> None:
    """C8: whether they are what is yet to be restored only somebody can tell."""
    _fill(rig.source / "d")
    for number in range(3):
        (rig.source / f"few-{number}").write_text("x")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(tmp_path / "away")
    rig.watcher.wait_state("held")
    for number in range(3):
        (rig.source / f"few-{number}").unlink()
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == FILES + 1 + 3, 10, rig.log)
    (tmp_path / "away").rename(rig.source / "d")
    wait_for(lambda: (rig.watcher.target()["held"] or {}).get("deletions") == 3, 20, rig.log)
    _flows(rig, "beside")
    assert (rig.target / "few-0").exists()
    _release(rig)


@pytest.mark.parametrize("back", ["few files", "a part of a directory", "a part of the last directory"])
def test_what_is_yet_to_be_restored_stays_on_the_target_however_little_it_is(
    rig: Rig, tmp_path: Path, back: str
) -> None:
    """C8: who restores from the target would miss there what went because it was no mass deletion any more."""
    _fill(rig.source / "d")
    _fill(rig.source / "e", 10)
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(tmp_path / "d")
    if back == "a part of the last directory":
        (rig.source / "e").rename(tmp_path / "e")
    rig.watcher.wait_state("held")
    if back == "few files":
        for number in range(5):
            (rig.source / "e" / f"f{number:03}").unlink()
        wait_for(lambda: rig.watcher.target()["held"]["deletions"] == FILES + 1 + 5, 10, rig.log)
    (missing := tmp_path / "missing").mkdir()
    last = tmp_path / ("e" if back == "a part of the last directory" else "d")
    if back != "few files":
        for number in range(5):
            (last / f"f{number:03}").rename(missing / f"f{number:03}")
    for name in ("d", "e"):
        if (tmp_path / name).exists():
            (tmp_path / name).rename(rig.source / name)
    wait_for(lambda: (rig.watcher.target()["held"] or {}).get("deletions") == 5, 20, rig.log)
    _flows(rig, "beside")
    assert (_count(rig.target / "d"), _count(rig.target / "e")) == (FILES, 10)
    lacking = rig.source / ("e" if back == "few files" else last.name)
    for number in range(5):
        (lacking / f"f{number:03}").write_text("x")
    rig.watcher.wait_state("live")
    rig.equal()


def test_a_restore_into_the_source_finds_everything_on_the_target(rig: Rig) -> None:
    """C8: rsync reads slowly from where the watcher would delete; everything comes back."""
    (rig.source / "d").mkdir()
    for number in range(FILES):
        (rig.source / "d" / f"f{number:03}").write_bytes(os.urandom(40_000))
    rig.start(max_delete=LIMIT)
    rig.equal()
    before = {path.name: path.read_bytes() for path in (rig.target / "d").iterdir()}
    shutil.rmtree(rig.source / "d")
    rig.watcher.wait_state("held")
    left = {path.name for path in (rig.target / "d").iterdir()}  # up to the limit has gone before it was one
    assert len(left) >= FILES - 20
    argv = ["rsync", "-a", "--bwlimit=400", f"{rig.target}/d", f"{rig.source}/"]
    done = subprocess.run(argv, check=False, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (rig.source / "d").iterdir()} == {n: before[n] for n in left}
    rig.watcher.wait_state("live", seconds=60)
    rig.equal()


def test_what_is_left_of_a_mass_deletion_stays_held_when_a_part_of_it_is_back(rig: Rig) -> None:
    """C8: with what went before the limit was reached it is still too much, also when that is long ago."""
    _fill(rig.source / "d")
    rig.start(max_delete={**LIMIT, "window": SHORT})
    rig.equal()
    for first in (0, 15):
        for number in range(first, first + 15):
            (rig.source / "d" / f"f{number:03}").unlink()
        wait_for(lambda: _count(rig.target / "d") == 85 or rig.watcher.target()["held"], 10, rig.log)
    rig.watcher.wait_state("held")
    time.sleep(SHORT)  # what went before counts no more
    left = _count(rig.target / "d")
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == left - 70, 10, rig.log)
    (rig.source / "d" / "f029").write_text("back")
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == left - 71, 20, rig.log)
    _flows(rig, "beside")
    assert _count(rig.target / "d") == left
    _release(rig)


@pytest.mark.parametrize("held", [False, True], ids=["live", "while something is held"])
def test_temporary_names_of_programs_are_no_mass_deletion(rig: Rig, tmp_path: Path, held: bool) -> None:
    """C8: rsync into the source writes each file under a name of its own; none of these ever gets to the target."""
    _fill(tmp_path / "new", 300)
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    if held:
        (rig.source / "d").rename(tmp_path / "away")
        rig.watcher.wait_state("held")
    subprocess.run(["rsync", "-a", tmp_path / "new", f"{rig.source}/"], check=True)
    wait_for(lambda: _count(rig.target / "new") == 300, 30, rig.log)
    if held:
        assert rig.watcher.target()["held"]["deletions"] == FILES + 1
        (tmp_path / "away").rename(rig.source / "d")
    rig.equal()
    assert rig.watcher.target()["held"] is None
    assert held or "held" not in rig.log()


def test_many_files_that_get_other_names_are_no_mass_deletion(rig: Rig) -> None:
    """C8: what stands at the new name makes up for what goes at the old one."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    for path in sorted((rig.source / "d").iterdir()):
        path.rename(path.with_suffix(".jpg"))
    rig.equal()
    assert _count(rig.target / "d") == FILES
    assert "held" not in rig.log()


def test_many_files_that_are_renamed_to_one_name_are_a_mass_deletion(rig: Rig) -> None:
    """C8: each is written over by the next."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    for path in sorted((rig.source / "d").iterdir()):
        path.rename(rig.source / "one")
    rig.watcher.wait_state("held")
    assert _count(rig.target / "d") >= FILES - 21
    _release(rig)


def test_files_that_are_moved_and_then_deleted_are_a_mass_deletion(rig: Rig) -> None:
    """C8: the target is away meanwhile, so that it never got them under their new names."""
    _fill(rig.source / "d")
    (rig.source / "trash").mkdir()
    rig.start(max_delete=LIMIT)
    rig.equal()
    rig.daemon.kill()
    for path in sorted((rig.source / "d").iterdir()):
        path.rename(rig.source / "trash" / path.name)
    rig.watcher.wait_state("down")
    for path in (rig.source / "trash").iterdir():
        path.unlink()
    rig.daemon.start()
    rig.watcher.wait_state("held", seconds=60)
    _flows(rig, "beside")
    assert _count(rig.target / "d") >= FILES - 20
    _release(rig)


def test_files_are_somewhere_on_the_target_at_any_moment_while_they_are_moved(rig: Rig) -> None:
    """C8: each goes from where it was when it has arrived where it is."""
    (rig.source / "d").mkdir()
    (rig.source / "e").mkdir()
    for number in range(FILES):
        (rig.source / "d" / f"f{number:03}").write_bytes(b"x" * 20_000)
    rig.start(max_delete=LIMIT)
    rig.equal()
    for path in sorted((rig.source / "d").iterdir()):
        path.rename(rig.source / "e" / path.name)
    seen = []

    def has_moved() -> bool:
        old = {path.name for path in (rig.target / "d").iterdir()}
        new = {path.name for path in (rig.target / "e").iterdir()}
        seen.append(len(old | {name for name in new if not name.startswith(".")}))
        return not old

    wait_for(has_moved, 60, rig.log)
    assert min(seen) == FILES
    rig.equal()
    assert rig.watcher.target()["held"] is None


def test_a_few_deletions_are_not_held(rig: Rig) -> None:
    """C8: below the limit."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    for number in range(20):
        (rig.source / "d" / f"f{number:03}").unlink()
    rig.equal()
    assert rig.watcher.target()["held"] is None


def test_a_directory_moved_inside_the_tree_is_no_deletion(rig: Rig) -> None:
    """C8: what stands at the new name makes up for what goes at the old one."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(rig.source / "e")
    rig.equal()
    assert rig.watcher.target()["held"] is None
    assert "held" not in rig.log()


@pytest.mark.parametrize("by", ["file", "link"])
@pytest.mark.parametrize("when", ["live", "while down"])
def test_a_directory_replaced_by_something_else_is_a_deletion_too(rig: Rig, tmp_path: Path, by: str, when: str) -> None:
    """C8: sending what stands there now would delete all below the old directory."""
    _fill(rig.source / "d")
    rig.start(max_delete=LIMIT)
    rig.equal()
    if when == "while down":
        rig.watcher.stop()
    (rig.source / "d").rename(tmp_path / "away")
    if by == "file":
        (rig.source / "d").write_text("a file")
    else:
        (rig.source / "d").symlink_to(tmp_path / "away")
    if when == "while down":
        rig.watcher.start(wait=False)
    rig.watcher.wait_state("held")
    _flows(rig, "beside")
    assert _count(rig.target / "d") == FILES
    assert FILES <= rig.watcher.target()["held"]["deletions"] <= FILES + 1
    _release(rig)


@pytest.mark.parametrize("exclude", [[], ["*.swp"]])
def test_a_file_gone_before_the_first_comparison_takes_no_old_directory_of_its_name_along(
    rig: Rig, exclude: list[str]
) -> None:
    """C8: the target may have anything there until it was compared; the deletion came while it was away.

    A release lets that go, and nothing of what is left out (C5).
    """
    (rig.source / "d").write_text("a file by now")
    _fill(rig.target / "d")
    if exclude:
        (rig.target / "d" / "a.swp").write_text("x")
    rig.daemon.kill()
    rig.watcher.mirrors[0].update(max_delete=LIMIT, exclude=exclude)
    rig.watcher.write()
    rig.watcher.start(wait=False)
    rig.watcher.wait_state("down")
    events = rig.watcher.status()["mirrors"][0]["events"]
    (rig.source / "d").unlink()
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["events"] > events, 10, rig.log)
    rig.daemon.start()
    rig.watcher.wait_state("held")
    _flows(rig, "beside")
    assert _count(rig.target / "d") == FILES + len(exclude)
    assert rig.watcher.target()["held"]["deletions"] == (FILES if exclude else FILES + 1)
    if exclude:
        assert rig.watcher.command("release", "data", "--socket", str(rig.watcher.socket)).returncode == 0
        wait_for(lambda: _count(rig.target / "d") == 1, 20, rig.log)
        rig.passed()
        assert (rig.target / "d" / "a.swp").read_text() == "x"
    else:
        _release(rig)


def test_delete_false_never_deletes(rig: Rig) -> None:
    """C8: neither live nor by a reconcile."""
    _fill(rig.source / "d", 5)
    rig.start(delete=False)
    rig.equal()
    shutil.rmtree(rig.source / "d")
    rig.passed()
    rig.watcher.stop()
    rig.watcher.start()
    rig.passed()
    assert _count(rig.target / "d") == 5
    _fill(rig.source / "e", 5)
    rig.become_equal(b"d")
    rig.watcher.ask(command="pause", mirror="data")  # so that it is one change
    shutil.rmtree(rig.source / "e")
    (rig.source / "e").write_text("a file")
    rig.watcher.ask(command="resume", mirror="data")
    assert "in its way" in rig.watcher.wait_state("behind")["reason"]
    assert _count(rig.target / "e") == 5


def test_leave_to_delete_a_file_is_none_for_a_directory_in_whatever_batch(rig: Rig) -> None:
    """C8: what a file of that name became on the target is counted before it goes."""
    (rig.source / "d").mkdir()
    for number in range(100):
        (rig.source / "d" / str(number)).write_text("x")
    (rig.source / "f").write_text("x")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(rig.source.parent / "away d")  # whole, and at once
    rig.watcher.wait_state("held")
    (rig.source / "f").unlink()
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == 102, 10, rig.log)
    (rig.target / "f").unlink()
    (rig.target / "f").mkdir()
    for number in range(50):
        (rig.target / "f" / str(number)).write_text("of somebody else")
    (rig.source / "beside").touch()
    wait_for((rig.target / "beside").exists, 30, rig.log)
    rig.watcher.ask(command="release", mirror="data")
    wait_for(lambda: not (rig.target / "d").exists(), 30, rig.log)
    wait_for(lambda: (rig.watcher.target()["held"] or {}).get("paths") == ["f"], 10, rig.log)
    assert len(list((rig.target / "f").iterdir())) == 50


def test_one_release_is_enough_where_one_file_is_beside_what_is_left_out(rig: Rig) -> None:
    """C8, C5."""
    (rig.source / "d").write_text("a file by now")
    (rig.target / "d").mkdir()
    (rig.target / "d" / "a.swp").write_text("x")
    (rig.target / "d" / "f").write_text("x")
    rig.daemon.kill()
    rig.watcher.mirrors[0].update(max_delete={"percent": 0, "at_least": 0}, exclude=["*.swp"])
    rig.watcher.write()
    rig.watcher.start(wait=False)
    rig.watcher.wait_state("down")
    events = rig.watcher.status()["mirrors"][0]["events"]
    (rig.source / "d").unlink()
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["events"] > events, 10, rig.log)
    rig.daemon.start()
    rig.watcher.wait_state("held")
    (rig.source / "beside").touch()
    wait_for((rig.target / "beside").exists, 10, rig.log)
    wait_for(lambda: rig.watcher.target()["reconcile"]["state"] == "done", 10, rig.log)
    assert rig.watcher.ask(command="release", mirror="data")["ok"]
    wait_for(lambda: not (rig.target / "d" / "f").exists(), 30, rig.log)
    assert (rig.target / "d" / "a.swp").exists()


def test_a_release_is_not_undone_by_another_mass_deletion_in_the_same_batch(rig: Rig) -> None:
    """C8: what was let go goes, what came with it is held."""
    for folder in ("d", "e"):
        (rig.source / folder).mkdir()
        for number in range(100):
            (rig.source / folder / str(number)).write_text("x")
    rig.start(max_delete=LIMIT)
    rig.equal()
    (rig.source / "d").rename(rig.source.parent / "away d")  # whole, and at once
    rig.watcher.wait_state("held")
    wait_for(lambda: rig.watcher.target()["held"]["paths"] == ["d"], 10, rig.log)
    rig.watcher.ask(command="pause", mirror="data")
    rig.watcher.ask(command="release", mirror="data")
    (rig.source / "e").rename(rig.source.parent / "away e")
    wait_for(lambda: rig.watcher.status()["watches"]["used"] == 1, 10, rig.log)
    rig.watcher.ask(command="resume", mirror="data")
    wait_for(lambda: not (rig.target / "d").exists(), 10, rig.log)
    wait_for(lambda: (rig.watcher.target()["held"] or {}).get("paths") == ["e"], 10, rig.log)
    assert len(list((rig.target / "e").iterdir())) == 100
