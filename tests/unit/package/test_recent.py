"""Files whose inode changed since a moment are found by ctime, which nobody can set back."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from lockstep.recent import PAUSE, changed_since


def nothing(_path: bytes, _is_dir: bool) -> bool:
    return False


def found(tmp: Path, top: bytes, since: float, excluded=nothing) -> list[bytes]:
    return sorted(path for path in changed_since(os.fsencode(tmp), top, since, excluded) if path is not None)


def test_a_file_with_an_old_mtime_is_found_by_its_ctime(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for name in ("f", "d/g"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (1, 1))
    changed = (tmp_path / "f").stat().st_ctime
    assert found(tmp_path, b"", changed) == [b"d/g", b"f"]
    assert found(tmp_path, b"", changed + 100) == []


def test_directories_are_not_told_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/inner").write_text("x")
    (tmp_path / "link").symlink_to("d")
    assert found(tmp_path, b"", 0.0) == [b"d/inner", b"link"]


def test_only_what_is_below_the_top_is_told_by_its_whole_path(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub/f").write_text("x")
    assert found(tmp_path, b"a/sub", 0.0) == [b"a/sub/f"]


def test_what_is_excluded_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/f").write_text("x")
    (tmp_path / "cache.txt").write_text("x")
    assert found(tmp_path, b"", 0.0, lambda path, is_dir: is_dir and path == b"cache") == [b"cache.txt"]


def test_a_missing_top_is_left_to_the_comparison(tmp_path: Path) -> None:
    assert found(tmp_path, b"nowhere", 0.0) == []


def test_a_long_walk_pauses_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.recent.SLICE", 3600.0)  # it is counted here, however slow the machine is
    for number in range(2 * PAUSE):
        (tmp_path / str(number)).touch()
    told = list(changed_since(os.fsencode(tmp_path), b"", 0.0, nothing))
    assert told.count(None) == 2
    assert len(told) == 2 * PAUSE + 2


def test_a_walk_that_pauses_holds_nothing_open(tmp_path: Path) -> None:
    """While the target is away it pauses for long, and the source may be unmounted meanwhile."""
    for number in range(2 * PAUSE):
        (tmp_path / str(number)).touch()
    walk = changed_since(os.fsencode(tmp_path), b"", 0.0, nothing)
    while next(walk) is not None:
        pass
    opened = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd") if _is_open(number)]
    assert str(tmp_path) not in opened
    assert any(path is not None for path in walk)


def _is_open(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def test_a_file_that_vanishes_meanwhile_hides_no_other_one(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).touch()
    left = set(os.listdir(tmp_path))

    def excluded(path: bytes, _is_dir: bool) -> bool:
        if len(left) == 20:
            left.discard(os.fsdecode(path))
            (tmp_path / os.fsdecode(path)).unlink()
        return False

    assert found(tmp_path, b"", 0.0, excluded) == sorted(map(os.fsencode, left))


def test_entries_that_take_long_make_it_pause_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.recent.SLICE", 0.0)
    for number in range(5):
        (tmp_path / str(number)).touch()
    assert list(changed_since(os.fsencode(tmp_path), b"", 0.0, nothing)).count(None) == 5


def test_names_that_are_no_text_are_told_as_they_are(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\n", "wb"):
        pass
    assert found(tmp_path, b"", 0.0) == [b"\xff\n"]


def test_what_the_watcher_itself_lacks_is_not_passed_over(tmp_path: Path) -> None:
    """rsync would read what this one cannot for want of a descriptor, and say nothing."""
    (tmp_path / "f").write_text("x")
    walk = changed_since(os.fsencode(tmp_path), b"", 0.0, nothing)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            next(walk)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _later(tmp: Path) -> float:
    """A moment after all that was done before, and not after anything that is done from now on."""
    probe = tmp / "probe"
    probe.touch()
    before = probe.stat().st_ctime
    while probe.stat().st_ctime <= before:
        os.utime(probe)  # the clock for ctime is coarse
    return probe.stat().st_ctime


def _tree(tmp: Path) -> Path:
    source = tmp / "source"
    for name in ("p/d/e", "p/q", "r"):
        (source / name).mkdir(parents=True)
    for name in ("p/d/f", "p/d/e/g", "p/q/h", "r/i"):
        (source / name).write_text("x")
    return source


@pytest.mark.parametrize("top", [b"", b"p/new", b"p/new/e"])
def test_all_that_came_with_a_renamed_directory_is_told_though_its_ctimes_are_old(tmp_path: Path, top: bytes) -> None:
    """Two directories that change places while nobody watches may hold files of the same names, sizes and times."""
    source = _tree(tmp_path)
    since = _later(tmp_path)
    (source / "p/d").rename(source / "p/new")
    expected = [path for path in (b"p/new/e/g", b"p/new/f") if not top or path.startswith(top + b"/")]
    assert found(source, top, since) == expected


def test_where_only_one_of_two_directories_changed_nothing_was_renamed(tmp_path: Path) -> None:
    source = _tree(tmp_path)
    since = _later(tmp_path)
    (source / "p/d/new").write_text("x")  # d's time, and not that of p
    (source / "r/new").mkdir()  # r's time, and those of a new directory in it
    (source / "r").chmod(0o700)
    assert found(source, b"", since) == [b"p/d/new"]
