"""One name that the target refuses is a problem of its own (C11, C16); by mount points, which nobody can move."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Rig, assembled
from mounts import Namespace
from rig import wait_for


@pytest.fixture
def stubborn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Namespace]]:
    """A rig whose daemon runs in a namespace in which a target's name can be made a mount point."""
    space = Namespace()
    try:
        with assembled(tmp_path_factory.mktemp("rig"), before=space.enter) as rig:
            yield rig, space
    finally:
        space.close()


def test_one_refused_name_is_one_problem(stubborn: tuple[Rig, Namespace]) -> None:
    """C11: the rest goes on; it is told once in the log, and cured when it can be."""
    rig, space = stubborn
    (rig.source / "d").mkdir()
    (rig.source / "d" / "fixed").write_text("old")
    rig.start()
    rig.equal()
    fixed = rig.target / "d" / "fixed"
    space.bind(fixed, fixed)  # a mount point cannot be renamed over
    (rig.source / "d" / "fixed").write_text("new")
    status = rig.watcher.wait_state("behind")
    assert "d/fixed" in status["reason"]
    for number in range(20):
        (rig.source / "d" / f"f{number}").write_text("x")
        (rig.source / f"f{number}").write_text("x")
    rig.become_equal(b"d", seconds=10)
    wait_for(lambda: len(list((rig.target / "d").iterdir())) == 21, 10, rig.log)
    problems = rig.watcher.target()["problems"]
    assert [problem["path"] for problem in problems] == ["d/fixed"], json.dumps(problems)
    wait_for(lambda: rig.watcher.target()["problems"][0]["attempts"] >= 2, 10, rig.log)
    assert rig.log().count("names refused") == 1
    space.umount(fixed)
    rig.equal()
    assert rig.watcher.target()["problems"] == []


def test_a_name_that_cannot_be_deleted_is_one_problem(stubborn: tuple[Rig, Namespace]) -> None:
    """C11: other deletions go on, also in the same batch."""
    rig, space = stubborn
    for number in range(10):
        (rig.source / f"f{number}").write_text("x")
    rig.start()
    rig.equal()
    fixed = rig.target / "f5"
    space.bind(fixed, fixed)
    for number in range(10):
        (rig.source / f"f{number}").unlink()
    rig.watcher.wait_state("behind")
    wait_for(lambda: [path.name for path in rig.target.iterdir()] == ["f5"], 10, rig.log)
    assert [problem["path"] for problem in rig.watcher.target()["problems"]] == ["f5"]
    space.umount(fixed)
    rig.equal()


def test_two_names_that_have_one_temporary_name_are_two_problems(stubborn: tuple[Rig, Namespace]) -> None:
    """What rsync says of `.twin` it says of `twin` in the same words: nothing counts as arrived for not being named."""
    rig, space = stubborn
    (rig.source / "d").mkdir()
    names = ["twin", ".twin", "twin."]
    for name in names:
        (rig.source / "d" / name).write_text("old")
    rig.start()
    rig.equal()
    rig.watcher.ask(command="pause", mirror="data")  # so that one rsync gets all of them
    for name in names:
        space.bind(rig.target / "d" / name, rig.target / "d" / name)
        (rig.source / "d" / name).write_text("new")
    (rig.source / "d" / "other").write_text("x")
    wait_for(lambda: rig.watcher.target()["pending"] > len(names), 10, rig.log)
    rig.watcher.ask(command="resume", mirror="data")
    wait_for((rig.target / "d" / "other").exists, 10, rig.log)
    wait_for(
        lambda: {problem["path"] for problem in rig.watcher.target()["problems"]} == {f"d/{name}" for name in names},
        20,
        lambda: json.dumps(rig.watcher.target()["problems"]) + rig.log(),
    )
    for name in names:
        space.umount(rig.target / "d" / name)
    rig.become_equal()
    wait_for(lambda: rig.watcher.target()["problems"] == [], 20, rig.log)


@pytest.fixture
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig whose daemon may not set the times of what it does not own."""
    without = ["setpriv", "--bounding-set=-fowner", "--inh-caps=-fowner"]
    with assembled(tmp_path_factory.mktemp("rig"), before=without) as rig:
        yield rig


def test_a_directory_whose_time_cannot_be_set_keeps_nothing_in_it_from_arriving(strict: Rig) -> None:
    """It is listed with whatever is sent into it, so that each of these rsyncs has something to complain of."""
    rig = strict
    rig.start()
    folder = rig.source / "d"
    folder.mkdir()
    os.chown(folder, 1234, 1234)
    names = [f"f{number}" for number in range(20)]
    for name in names:
        (folder / name).write_text("old")
    # rsync compares whole seconds: a time of long ago is never by chance the one that the target has
    os.utime(folder, (1_000_000_000, 1_000_000_000))
    wait_for(lambda: _problems(rig) == ["d"], 10, rig.log)
    for name in names:  # in place, so that of the directory itself no event tells
        (folder / name).write_text("new")
        wait_for(lambda name=name: _content(rig.target / "d" / name) == "new", 10, rig.log)
    wait_for(lambda: rig.watcher.target()["pending"] == 0, 20, rig.log)
    wait_for(lambda: _problems(rig) == ["d"], 10, rig.log)
    assert rig.watcher.target()["batches"] < 80, "the same again and again"
    # what is under way for the last time has a temporary name
    wait_for(lambda: sorted(os.listdir(rig.target / "d")) == sorted(names), 10, rig.log)


def _content(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _problems(rig: Rig) -> list[str]:
    return [problem["path"] for problem in rig.watcher.target()["problems"]]


def test_what_a_daemon_says_to_everyone_is_no_complaint_about_names(stubborn: tuple[Rig, Namespace]) -> None:
    """C11: its motd comes on stdout, which is read where files are deleted."""
    rig, space = stubborn
    (rig.watcher.folder / "motd").write_text("Welcome to the backup host.\nUse by others is refused.\n")
    rig.daemon.kill()
    rig.daemon.write(("backup",), extra=f"motd file = {rig.watcher.folder}/motd")
    rig.daemon.start()
    for name in ("a", "stays", "z"):
        (rig.source / name).write_text(name)
    rig.start()
    rig.equal()
    fixed = rig.target / "stays"
    space.bind(fixed, fixed)
    rig.watcher.ask(command="pause", mirror="data")
    for name in ("a", "stays", "z"):
        (rig.source / name).unlink()
    rig.watcher.ask(command="resume", mirror="data")
    rig.watcher.wait_state("behind")
    problems = rig.watcher.target()["problems"]
    assert [problem["path"] for problem in problems] == ["stays"]
    assert "Welcome" not in json.dumps(problems)
    space.umount(fixed)
    rig.equal()


def test_what_a_comparison_on_schedule_deletes_spares_nothing_of_live_deletions(
    stubborn: tuple[Rig, Namespace],
) -> None:
    """C1: it leaves something out, and a live deletion that goes in one batch with its does not."""
    rig, space = stubborn
    (rig.source / "d").mkdir()
    for name in ("a.tmp", "b"):
        (rig.source / "d" / name).write_text(name)
    rig.start(reconcile_exclude=["*.tmp"], reconcile_every=2)
    rig.equal()
    old = rig.target / "old"
    rig.watcher.ask(command="pause", mirror="data")  # a comparison might delete it before it is one
    old.write_text("of nobody")
    space.bind(old, old)
    rig.watcher.ask(command="resume", mirror="data")
    rig.watcher.wait_state("behind")
    rig.watcher.ask(command="pause", mirror="data")
    shutil.rmtree(rig.source / "d")
    # its next try is due, and waits with the other one for the end of the pause
    wait_for(lambda: rig.watcher.target()["problems"][0]["next_try"] is None, 60, rig.log)
    wait_for(lambda: rig.watcher.status()["watches"]["used"] == 1, 10, rig.log)
    space.umount(old)
    rig.watcher.ask(command="resume", mirror="data")
    rig.equal()
