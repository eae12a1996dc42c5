"""What a cut transfer left under temporary names is told from everything else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional

from lockstep.batch import Batch
from lockstep.changes import CONTENT, Change
from lockstep.remains import MOST, Remains
from lockstep.transfer.command import Lane


def idle(path: bytes) -> bool:
    return False


def interrupted(*paths: bytes, lane: Lane = Lane.CONTENT) -> Remains:
    remains = Remains()
    batch = Batch(lane)
    for path in paths:
        batch.take(path, Change(CONTENT, 0.0))
    remains.interrupted(batch)
    return remains


def found(remains: Remains, names: Sequence[bytes], there: Sequence[bytes] = ()) -> list[bytes]:
    def look(path: bytes) -> Optional[os.stat_result]:
        return os.lstat("/") if path in there else None

    return remains.found([b"*deleting   " + name + b"\n" for name in names], look, idle)


def test_only_temporary_names_of_what_was_under_way_are_found() -> None:
    remains = interrupted(b"a/f", b"g", b"a/.hidden")
    assert remains.due(idle) == [b"", b"a"]
    names = [b"a/.f.AbC123", b".g.000000", b"a/.hidden.xyzXYZ", b".f.AbC123", b"a/.other.AbC123", b"a/f.AbC123"]
    assert found(remains, [*names, b"a/.f.AbC1234", b"a/f", b"b/.f.AbC123"]) == names[:3]


def test_a_link_has_a_number_for_its_temporary_name() -> None:
    remains = interrupted(b"a/link", b".hidden")
    remains.due(idle)
    names = [b"a/.link.1807", b".hidden.99", b"a/.link.1807x", b"a/.other.1807", b"a/link.1807"]
    assert found(remains, names) == names[:2]


def test_what_the_source_has_by_now_is_none() -> None:
    remains = interrupted(b"f")
    remains.due(idle)
    assert found(remains, [b".f.AbC123", b".f.BbC123"], there=[b".f.AbC123"]) == [b".f.BbC123"]


def test_a_directory_is_never_taken_for_remains() -> None:
    remains = interrupted(b"f")
    remains.due(idle)
    assert found(remains, [b".f.AbC123/"]) == []


def test_a_name_with_odd_bytes_is_read_as_rsync_tells_it() -> None:
    remains = interrupted(b"d/x\ny")
    remains.due(idle)
    assert found(remains, [b"d/.x\\#012y.AbC123"]) == [b"d/.x\ny.AbC123"]


def test_other_lines_are_no_names() -> None:
    remains = interrupted(b"f")
    remains.due(idle)
    lines = [b".d..t...... .f.AbC123\n", b"\n", b">f+++++++++ .f.AbC123\n"]
    assert not remains.found(lines, lambda path: None, idle)


def test_it_is_asked_once_and_again_only_without_an_answer() -> None:
    remains = interrupted(b"f")
    assert remains.due(idle) == [b""]
    assert not remains.due(idle)
    remains.failed()
    assert remains.due(idle) == [b""]
    found(remains, [])
    assert not remains.due(idle)


def test_what_is_under_way_again_is_left_alone_until_it_has_ended() -> None:
    remains = interrupted(b"d/f", b"e/g")
    assert remains.due(lambda path: path == b"d/f") == [b"e"]
    lines = [b"*deleting   e/.g.AbC123\n"]
    assert remains.found(lines, lambda path: None, lambda path: path == b"e/g") == []
    assert remains.due(idle) == [b"d", b"e"]
    assert found(remains, [b"e/.g.AbC123"]) == [b"e/.g.AbC123"]


def test_what_writes_no_file_leaves_none() -> None:
    assert not interrupted(b"f", lane=Lane.REMOVE).due(idle)
    assert not interrupted(b"", lane=Lane.ROOT).due(idle)


def test_the_newest_names_are_remembered_and_memory_is_bounded() -> None:
    remains = interrupted(*(b"d%d/f" % number for number in range(MOST + 5)))
    directories = remains.due(idle)
    assert len(directories) == MOST
    assert b"d4" not in directories
    assert b"d5" in directories
