"""Equal is what is there with the same type, mode, size and time; nothing less ends a measurement."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Callable

import pytest
from bench.equality import differing, sketch, strictly, wait_equal
from bench.place import BenchError


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "a" / "b").mkdir(parents=True)
    (source / "a" / "b" / "file").write_bytes(b"text")
    (source / "link").symlink_to("a")
    shutil.copytree(source, target, symlinks=True)
    return source, target


def test_a_copy_is_equal(pair: tuple[Path, Path]) -> None:
    assert set(sketch(pair[0])) == {"a", "a/b", "a/b/file", "link"}
    assert differing(sketch(pair[0]), sketch(pair[1])) == []
    assert wait_equal(*pair, 0) > 0
    assert strictly(*pair, 0) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda target: (target / "more").write_bytes(b""),
        lambda target: (target / "a/b/file").unlink(),
        lambda target: (target / "a/b/file").write_bytes(b"longer than it was"),
        lambda target: (target / "a/b/file").chmod(0o600),
        lambda target: os.utime(target / "a/b/file", ns=(1, 1)),
        lambda target: ((target / "link").unlink(), (target / "link").mkdir()),
    ],
)
def test_whatever_differs_is_found_and_not_waited_for_for_ever(
    pair: tuple[Path, Path], change: Callable[[Path], object]
) -> None:
    change(pair[1])
    assert len(differing(sketch(pair[0]), sketch(pair[1]))) == 1
    with pytest.raises(BenchError, match="1 names of 4 differ"):
        wait_equal(*pair, 0)
    assert strictly(*pair, 0) > 0


def test_content_of_the_same_size_and_time_is_told_in_the_end(pair: tuple[Path, Path]) -> None:
    file = pair[1] / "a/b/file"
    before = file.stat()
    file.write_bytes(b"TEXT")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert wait_equal(*pair, 0) > 0
    assert strictly(*pair, 0) == 1


def test_what_differs_at_first_is_looked_at_until_it_is_equal(pair: tuple[Path, Path]) -> None:
    source, target = pair
    late = target / "a/b/file"
    late.rename(target.parent / "kept")
    (target / "more").mkdir()
    asked, slept = [], []

    def ready() -> bool:
        asked.append(1)
        return True

    def sleep(_seconds: float) -> None:
        slept.append(1)
        if len(slept) == 3:
            (target.parent / "kept").rename(late)
            (target / "more").rmdir()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.equality.time.sleep", sleep)
        wait_equal(source, target, 60, ready)
    assert len(slept) == 3
    assert len(asked) == 2  # before the first walk and before the last: in between only what differed was looked at


def test_the_watchers_own_name_on_the_target_is_no_difference(pair: tuple[Path, Path]) -> None:
    times = pair[1].stat()
    (pair[1] / ".lockstep").mkdir()
    os.utime(pair[1], ns=(times.st_atime_ns, times.st_mtime_ns))
    assert strictly(*pair, 0) == 0
