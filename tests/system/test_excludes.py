"""What is excluded is not watched, not sent, and not deleted on the target (C5)."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import Rig
from rig import wait_for

EXCLUDE = ["*.swp", "cache/", "/top", ".nfs*", "[[]k]"]


def _fill(folder: Path) -> None:
    for name in ("d/cache/deep", "d/kept/cache", "other/top"):
        (folder / name).mkdir(parents=True)
    for name in ("a.swp", "d/b.swp", "d/cache/c", "d/cache/deep/e", "d/kept/f", "top", "other/top/g", "d/cache.txt"):
        (folder / name).write_text(name)
    (folder / "[k]").write_text("k")


LEFT_OUT = (b"a.swp", b"d/b.swp", b"d/cache", b"d/kept/cache", b"top", b"[k]")


def test_nothing_excluded_is_sent_or_watched(rig: Rig) -> None:
    """C5: neither by the reconcile nor live, and no watch stands on what nobody wants to know of."""
    _fill(rig.source)
    rig.start(exclude=EXCLUDE)
    rig.equal(*LEFT_OUT)
    assert rig.watcher.status()["mirrors"][0]["watches"] == 5  # the source, d, d/kept, other, other/top
    for name in LEFT_OUT:
        assert not (rig.target / name.decode()).exists()
    (rig.source / "d" / "cache" / "new").write_text("x")
    (rig.source / "d" / "cache2").mkdir()
    (rig.source / "d" / "cache2" / "cache").mkdir()
    (rig.source / "d" / "cache2" / "cache" / "n").write_text("x")
    (rig.source / "d" / "new.swp").write_text("x")
    rig.passed()
    rig.equal(*LEFT_OUT, b"d/new.swp", b"d/cache2/cache")
    assert not (rig.target / "d" / "new.swp").exists()
    assert rig.watcher.status()["mirrors"][0]["watches"] == 6


def test_a_tree_that_appears_whole_comes_without_what_is_excluded(rig: Rig, tmp_path: Path) -> None:
    """C5: moved in from outside, and copied in."""
    _fill(tmp_path / "one")
    rig.start(exclude=EXCLUDE)
    shutil.copytree(tmp_path / "one", rig.source / "copied")
    (tmp_path / "one").rename(rig.source / "moved")
    rig.equal(*[folder + b"/" + name for folder in (b"copied", b"moved") for name in LEFT_OUT if name != b"top"])
    assert not (rig.target / "moved" / "d" / "cache").exists()


def test_a_move_to_an_excluded_name_is_a_deletion_and_back_is_a_creation(rig: Rig) -> None:
    """C5: files and directories."""
    (rig.source / "file").write_text("x")
    (rig.source / "dir" / "sub").mkdir(parents=True)
    (rig.source / "dir" / "sub" / "f").write_text("x")
    rig.start(exclude=EXCLUDE)
    rig.equal()
    (rig.source / "file").rename(rig.source / "file.swp")
    (rig.source / "dir").rename(rig.source / "cache")
    rig.equal(b"file.swp", b"cache")
    assert sorted(path.name for path in rig.target.iterdir()) == []
    (rig.source / "cache" / "sub" / "while-hidden").write_text("x")
    (rig.source / "cache").rename(rig.source / "dir")
    (rig.source / "file.swp").rename(rig.source / "file")
    rig.equal()
    (rig.source / "dir" / "sub" / "f").write_text("seen again")
    rig.equal()


def test_what_is_excluded_stays_on_the_target_when_its_directory_goes(rig: Rig) -> None:
    """C5: live, one directory and a deep one; what is not excluded goes."""
    _fill(rig.source)
    rig.start(exclude=EXCLUDE)
    rig.equal(*LEFT_OUT)
    theirs = ["d/cache/theirs", "d/x.swp", "d/kept/cache/theirs"]
    for name in theirs:
        (rig.target / name).parent.mkdir(exist_ok=True)
        (rig.target / name).write_text("not ours")
    (rig.target / "other" / "cache").mkdir()  # with nothing in it
    shutil.rmtree(rig.source / "d")
    shutil.rmtree(rig.source / "other")
    wait_for(lambda: not (rig.target / "d" / "kept" / "f").exists(), 10, rig.log)
    rig.passed()
    for name in theirs:
        assert (rig.target / name).read_text() == "not ours"
    assert (rig.target / "other" / "cache").is_dir()
    assert not (rig.target / "d" / "cache.txt").exists()
    assert not (rig.target / "other" / "top").exists()
    assert not rig.watcher.target()["problems"]


def test_what_is_excluded_stays_when_its_directory_is_replaced(rig: Rig) -> None:
    """C5: so the replacement cannot arrive, and says so, until somebody has moved it away."""
    _fill(rig.source)
    rig.start(exclude=EXCLUDE)
    rig.equal(*LEFT_OUT)
    theirs = rig.target / "d" / "cache" / "theirs"
    theirs.parent.mkdir()
    theirs.write_text("not ours")
    rig.watcher.ask(command="pause", mirror="data")  # so that it is one change
    shutil.rmtree(rig.source / "d")
    (rig.source / "d").write_text("a file")
    rig.watcher.ask(command="resume", mirror="data")
    assert "in its way" in rig.watcher.wait_state("behind")["reason"]
    (rig.source / "beside").write_text("x")
    wait_for((rig.target / "beside").exists, 10, rig.log)
    assert theirs.read_text() == "not ours"
    shutil.rmtree(theirs.parent)
    rig.equal(*LEFT_OUT)
    assert not rig.watcher.target()["problems"]


def test_what_is_excluded_stays_on_the_target_in_a_reconcile(rig: Rig) -> None:
    """C5: also where its directory is gone from the source, and what is not ours to delete is no problem for ever."""
    _fill(rig.source)
    rig.start(exclude=EXCLUDE)
    rig.equal(*LEFT_OUT)
    rig.watcher.stop()
    for name in ("y.swp", "d/cache", "d/cache/theirs", "d/kept/z.swp"):
        if name.endswith("cache"):
            (rig.target / name).mkdir()
        else:
            (rig.target / name).write_text("not ours")
    shutil.rmtree(rig.source / "d")
    (rig.source / "other" / "top" / "g").unlink()
    rig.watcher.start()
    wait_for(lambda: not (rig.target / "d" / "kept" / "f").exists(), 10, rig.log)
    rig.passed()
    for name in ("y.swp", "d/cache/theirs", "d/kept/z.swp"):
        assert (rig.target / name).read_text() == "not ours"
    assert not (rig.target / "other" / "top" / "g").exists()
    assert not (rig.target / "d" / "cache.txt").exists()
    assert not rig.watcher.target()["problems"]


def test_a_file_that_comes_and_goes_takes_no_directory_along_that_holds_what_is_left_out(rig: Rig) -> None:
    """C5: of its name on the target; nobody has asked what is there, for the source had a file."""
    for folder in ("kept", "other"):
        (rig.target / folder).mkdir()
        (rig.target / folder / "a.swp").write_text("of the backup's own")
    rig.start(exclude=EXCLUDE)
    (rig.target / "foreign").mkdir()
    (rig.target / "foreign" / "f").write_text("somebody's, and not left out")
    rig.watcher.ask(command="pause", mirror="data")
    for name in ("kept", "plain", "other", "foreign"):
        (rig.source / name).write_text("x")
        (rig.source / name).unlink()
    rig.watcher.ask(command="resume", mirror="data")
    rig.passed()
    for folder in ("kept", "other"):
        assert (rig.target / folder / "a.swp").read_text() == "of the backup's own"
    (rig.source / "kept").write_text("in whose way it stands")
    (rig.source / "kept").unlink()
    rig.passed()
    assert (rig.target / "kept" / "a.swp").exists()
    assert not (rig.target / "plain").exists()
    assert not (rig.target / "foreign").exists()
    assert rig.watcher.target()["state"] == "live"


def test_an_empty_directory_that_is_left_out_stays_where_a_file_of_its_name_went(rig: Rig) -> None:
    """C5: the pattern is of directories alone, so the file is not left out."""
    (rig.target / "cache").mkdir()
    rig.start(exclude=["cache/"])
    rig.watcher.ask(command="pause", mirror="data")
    (rig.source / "cache").write_text("x")
    (rig.source / "cache").unlink()
    rig.watcher.ask(command="resume", mirror="data")
    rig.passed()
    assert (rig.target / "cache").is_dir()


def test_files_that_came_back_behind_a_spared_directory_need_no_question_each(rig: Rig) -> None:
    """Of a batch only the name at which a directory stands is asked about."""
    for number in range(300):
        (rig.source / f"f{number:03}").write_text("x")
    rig.start(exclude=["*.swp"])
    rig.passed()
    (rig.target / "kept").mkdir()
    (rig.target / "kept" / "a.swp").write_text("x")
    rig.daemon.freeze()
    rig.watcher.ask(command="pause", mirror="data")
    (rig.source / "kept").write_text("x")
    (rig.source / "kept").unlink()
    for number in range(300):
        (rig.source / f"f{number:03}").unlink()
    wait_for(lambda: rig.watcher.target()["pending"] > 300, 10, rig.log)
    rig.watcher.ask(command="resume", mirror="data")
    wait_for(lambda: rig.watcher.target()["in_flight"] > 200, 10, rig.log)
    for number in range(300):
        (rig.source / f"f{number:03}").write_text("back")
    wait_for(lambda: rig.watcher.target()["pending"] >= 300, 10, rig.log)  # beside those under way
    rig.daemon.freeze(False)
    wait_for(
        lambda: all(
            (rig.target / f"f{number:03}").exists() and (rig.target / f"f{number:03}").read_text() == "back"
            for number in range(300)
        ),
        90,
        "back",
    )
    rig.watcher.wait_in_step()
    assert rig.log().count(" replace: b") < 20
