"""Transfers under way at once do not cross, and directories end with their own times and modes (C21)."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

from conftest import Rig

from lockstep.plan import FRUITLESS

NO_LIMIT = {"percent": 100, "at_least": 10_000_000}


def _a_moment() -> None:
    """Up to the time that a batch takes, so that each step meets another stage of the one before."""
    time.sleep(random.choice([0, 0.001, 0.003, 0.006, 0.010]))


def test_a_directory_deleted_and_made_anew_at_once_keeps_what_is_new(rig: Rig) -> None:
    """C21: the deletion of `d` never takes the new `d/x` along, and never leaves the old one."""
    rig.start(max_delete=NO_LIMIT)
    d = rig.source / "d"
    for round_number in range(60):
        d.mkdir()
        (d / "x").write_text(f"{round_number:04}")
        (d / "sub").mkdir(mode=0o750)
        (d / "sub" / "y").write_text("y")
        _a_moment()
        if round_number % 20 == 19:
            rig.equal()
        shutil.rmtree(d)
        _a_moment()
        if round_number % 15 == 14:
            d.write_text("a file for once")
            d.unlink()
    rig.equal()
    d.mkdir()
    (d / "x").write_text("last")
    rig.equal()
    assert (rig.target / "d" / "x").read_text() == "last"


def test_a_directory_of_many_files_made_anew_while_nothing_goes_stops_nothing(rig: Rig) -> None:
    """C11: what waits for the new directory is noted before it, and is more than is looked at in one go."""
    rig.start(max_delete=NO_LIMIT)
    d = rig.source / "d"
    d.mkdir()
    for number in range(FRUITLESS + 100):
        (d / f"f{number}").touch()
    rig.equal()
    rig.watcher.ask(command="pause", mirror="data")
    shutil.rmtree(d)
    d.mkdir()
    (rig.source / "last").touch()
    rig.watcher.ask(command="resume", mirror="data")
    rig.equal()


def test_names_that_change_places_in_a_loop_end_equal(rig: Rig) -> None:
    """C21: a, b and c are renamed in a circle, directories and files in turn."""
    rig.start(max_delete=NO_LIMIT)
    for name in ("a", "b", "c"):
        (rig.source / name).mkdir()
        (rig.source / name / name).write_text(name)
    for _ in range(40):
        (rig.source / "a").rename(rig.source / "t")
        _a_moment()
        (rig.source / "b").rename(rig.source / "a")
        (rig.source / "c").rename(rig.source / "b")
        (rig.source / "t").rename(rig.source / "c")
        _a_moment()
    rig.equal()


def test_directories_keep_their_times_and_modes_when_their_contents_change(rig: Rig) -> None:
    """C21: the time is set back after each change inside, as tar and cp -a do."""
    rig.start()
    for number in range(10):
        folder = rig.source / f"d{number % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{number}").write_text("x")
        if number > 4:
            (folder / f"f{number - 3}").unlink()
        folder.chmod(0o700 + number)
        os.utime(folder, ns=(10**18 + number, 10**18 + number))
    os.utime(rig.source, ns=(10**18 + 5, 10**18 + 5))
    rig.equal()


def test_a_directory_keeps_its_time_while_a_big_file_is_under_way_in_it(rig: Rig) -> None:
    """C21: small files come and go beside a big one, and above it."""
    rig.start()
    deep = rig.source / "a" / "b"
    deep.mkdir(parents=True)
    for number in range(4):
        with (deep / "big").open("wb") as file:
            for _ in range(40):
                file.write(os.urandom(1 << 20))
        (deep / f"small{number}").write_text("s")
        (deep.parent / f"small{number}").write_text("s")
        if number:
            (deep / f"small{number - 1}").unlink()
        os.utime(deep, ns=(10**18 + number, 10**18 + number))
    rig.equal()


def test_a_directory_moved_away_while_a_big_file_in_it_is_under_way(rig: Rig) -> None:
    """C21: the old name goes, the new one has everything."""
    rig.start()
    (rig.source / "one").mkdir()
    for number in range(3):
        with (rig.source / "one" / "big").open("wb") as file:
            for _ in range(30):
                file.write(os.urandom(1 << 20))
        (rig.source / "one").rename(rig.source / "two")
        (rig.source / "two" / f"beside{number}").touch()
        (rig.source / "two").rename(rig.source / "one")
    (rig.source / "one").rename(rig.source / "three")
    rig.equal()


def test_what_stands_behind_a_link_that_took_a_directorys_place_is_not_sent(rig: Rig, tmp_path: Path) -> None:
    """C10: while nothing goes a file is written, its directory deleted, and a link to elsewhere made there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("none of the source's")
    rig.start(max_delete=NO_LIMIT)
    rig.watcher.ask(command="pause", mirror="data")
    d = rig.source / "d"
    d.mkdir()
    (d / "file").write_text("x")
    shutil.rmtree(d)
    d.symlink_to(elsewhere)
    rig.watcher.ask(command="resume", mirror="data")
    rig.equal()
    assert "'d/file'" not in rig.log()
