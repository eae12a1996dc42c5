"""What is deleted at the start, while running, or never; where it is kept; how much goes across; and --fsync."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Rig
from rig import processes, wait_for


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_with_startup_the_start_deletes_and_nothing_else_does(rig: Rig) -> None:
    make(rig.source, "kept", "live", "d/e/f")
    make(rig.target, "extra", "tree/deep/extra")
    rig.start(delete="startup")
    rig.equal()
    (rig.source / "live").unlink()
    shutil.rmtree(rig.source / "d")
    rig.passed()
    rig.watcher.ask(command="resync", mirror="data")
    rig.passed()
    assert (rig.target / "live").exists()
    assert (rig.target / "d/e/f").exists()
    rig.watcher.stop()
    rig.watcher.start()
    rig.equal()


def test_with_running_what_is_seen_to_go_is_deleted_and_nothing_else_is(rig: Rig) -> None:
    make(rig.source, "kept", "live", "d/e/f", "old/f")
    make(rig.target, "extra", "tree/extra")
    rig.start(delete="running")
    rig.equal(b"extra", b"tree")
    (rig.source / "live").unlink()
    shutil.rmtree(rig.source / "d")
    (rig.source / "old").rename(rig.source / "new")
    rig.equal(b"extra", b"tree")
    rig.watcher.ask(command="resync", mirror="data")
    rig.passed()
    rig.watcher.stop()
    (rig.source / "kept").unlink()
    rig.watcher.start()
    rig.passed()
    assert {"extra", "tree", "kept"} <= {path.name for path in rig.target.iterdir()}
    rig.equal(b"extra", b"tree", b"kept")


def test_what_was_replaced_or_deleted_is_kept_in_a_folder_of_the_target(rig: Rig) -> None:
    """Live and found by a comparison; the folder is no part of the mirror, and nothing in it is ever deleted."""
    make(rig.source, "rewritten", "gone", "tree/deep/f", "later")
    (rig.source / "rewritten").write_text("one")
    rig.start(backup_dir=".old/%Y")
    rig.equal(b".old")
    (rig.source / "rewritten").write_text("two")
    (rig.source / "gone").unlink()
    shutil.rmtree(rig.source / "tree")
    rig.equal(b".old")

    def kept() -> dict[str, str]:
        return {
            path.relative_to(next((rig.target / ".old").iterdir())).as_posix(): path.read_text()
            for path in (rig.target / ".old").rglob("*")
            if path.is_file()
        }

    assert kept() == {"rewritten": "one", "gone": "gone", "tree/deep/f": "tree/deep/f"}
    rig.watcher.stop()
    (rig.source / "later").unlink()
    rig.watcher.start()
    rig.equal(b".old")
    assert kept()["later"] == "later"
    assert len(kept()) == 4
    assert not rig.watcher.target()["problems"]


def test_temporary_names_are_made_in_a_folder_of_their_own(rig: Rig) -> None:
    """Which is made where there is none, and is no part of the mirror."""
    rig.start(temp_dir=".tmp", bwlimit=2000)
    seen: set[str] = set()
    (rig.source / "d").mkdir()
    with (rig.source / "d" / "big").open("wb") as file:
        file.write(b"x" * (4 << 20))

    def arrived() -> bool:
        seen.update(path.name for path in (rig.target / ".tmp").iterdir())
        beside = [path.name for path in (rig.target / "d").iterdir()] if (rig.target / "d").exists() else []
        assert set(beside) <= {"big"}
        return "big" in beside

    wait_for(arrived, 60, rig.log)
    assert any(name.startswith("big.") for name in seen)
    rig.equal(b".tmp")


def test_a_target_that_is_away_gets_its_folders_when_it_is_back(rig: Rig) -> None:
    make(rig.source, "f")
    rig.daemon.kill()
    rig.watcher.mirrors[0]["temp_dir"] = ".tmp"
    rig.watcher.write()
    rig.watcher.start(wait=False)
    assert "nothing listens" in rig.watcher.wait_state("down")["reason"]
    rig.daemon.start()
    rig.equal(b".tmp", seconds=90)


def test_the_limit_of_the_hour_is_in_force(rig: Rig) -> None:
    """On every connection that waits, with its table; and --fsync where it is asked for."""
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--fsync"]
    rig.start(bwlimit=[{"from": "00:00", "limit": "7000"}, {"from": "12:00", "limit": "7000"}])
    make(rig.source, "f")
    rig.equal()
    waiting = wait_for(
        lambda: [line for line in processes(rig.daemon.url()).values() if "--files-from=-" in line], 30, rig.log
    )
    assert all("--bwlimit=7000 --fsync" in line for line in waiting)


@pytest.mark.parametrize("mode", ["startup", "running"])
def test_no_mode_deletes_more_than_max_delete_allows(rig: Rig, mode: str) -> None:
    make(rig.source, *(f"f{number}" for number in range(10)))
    make(rig.target, *(f"x{number}" for number in range(10)))
    rig.watcher.mirrors[0].update(delete=mode, max_delete={"percent": 0, "at_least": 5})
    rig.watcher.write()
    rig.watcher.start(wait=mode == "running")
    if mode == "running":
        rig.watcher.wait_in_step()
        for path in rig.source.iterdir():
            path.unlink()
    rig.watcher.wait_state("held")
    # those that were read before the rest were no more than may go
    left = range(20, 21) if mode == "startup" else range(15, 21)
    wait_for(lambda: len(list(rig.target.iterdir())) in left, 30, rig.log)
    rig.watcher.wait_all_held()
    rig.watcher.ask(command="release", mirror="data")
    wait_for(lambda: len(list(rig.target.iterdir())) == 10, 30, rig.log)


def test_running_deletes_no_directory_where_a_file_of_its_name_is_seen_to_go(rig: Rig) -> None:
    """It went while nobody watched, and stays."""
    (rig.source / "d").mkdir()
    for number in range(5):
        (rig.source / "d" / str(number)).write_text("x")
    rig.start(delete="running")
    rig.equal()
    rig.watcher.stop()
    shutil.rmtree(rig.source / "d")
    rig.watcher.start()
    rig.passed()
    assert (rig.target / "d" / "0").exists()
    rig.watcher.ask(command="pause", mirror="data")
    (rig.source / "d").write_text("x")
    (rig.source / "d").unlink()
    rig.watcher.ask(command="resume", mirror="data")
    rig.passed()
    assert (rig.target / "d" / "0").exists()


@pytest.mark.parametrize("exclude", [[], ["*.swp"]])
def test_startup_deletes_beside_what_is_left_out(rig: Rig, exclude: list[str]) -> None:
    """In a directory that the source no longer has."""
    (rig.target / "gone").mkdir()
    (rig.target / "gone" / "other").write_text("x")
    (rig.target / "gone" / "kept.swp").write_text("x")
    rig.start(delete="startup", exclude=exclude)
    rig.passed()
    assert not (rig.target / "gone" / "other").exists()
