"""What stands at a path, also where the kernel takes no path that long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.look import PATH_MAX, UNREADABLE, is_inside, look

DEEP = b"/a" * 10_000  # a rename of one deep tree into another makes such paths of trees that anybody can build


@pytest.fixture
def deepest(tmp_path: Path) -> Iterator[bytes]:
    """The deepest directory below a source that can be looked at, the next name being of 255 bytes."""
    source, names = os.fsencode(tmp_path), []
    while len(b"/".join([source, *names])) + 256 <= PATH_MAX:
        names.append(b"L" * 255)
        os.mkdir(b"/".join([source, *names]))
    yield b"/".join(names)
    while names:
        os.rmdir(b"/".join([source, *names]))
        names.pop()


def test_what_lies_thousands_of_names_too_deep_is_no_missing_one(tmp_path: Path, deepest: bytes) -> None:
    path = deepest + b"/" + b"M" * 255 + DEEP
    assert look(os.fsencode(tmp_path), path) is UNREADABLE


def test_thousands_of_names_below_what_is_missing_nothing_is(tmp_path: Path, deepest: bytes) -> None:
    source = os.fsencode(tmp_path)
    assert look(source, b"gone" + DEEP) is None
    os.mkdir(tmp_path / "a")
    assert look(source, b"a/gone" + DEEP) is None
    assert look(source, deepest[:-255] + b"N" * 255 + b"/" + b"M" * 255 + DEEP) is None
    assert look(source + b"/gone", b"x" * 256) is None


def test_below_a_file_nothing_is_however_deep(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert look(os.fsencode(tmp_path), b"file" + DEEP) is None
    assert not is_inside(os.fsencode(tmp_path), b"file" + DEEP[:6_000])


def test_a_name_that_is_too_long_for_the_file_system_may_stand_there(tmp_path: Path) -> None:
    assert look(os.fsencode(tmp_path), b"x" * 256) is UNREADABLE
    assert look(os.fsencode(tmp_path), b"x" * 256 + b"/y") is UNREADABLE


def test_a_source_of_which_the_path_is_too_long_itself_is_asked_once() -> None:
    assert look(b"/s" * 3_000, b"") is UNREADABLE
