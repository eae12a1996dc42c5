"""Before a directory is deleted the target is asked how much would go, and what is not ours stays."""

from __future__ import annotations

import asyncio
import io
import os
import tracemalloc
from pathlib import Path

import pytest

from lockstep.batch import Batch
from lockstep.changes import DIRECTORY_GONE, GONE, PERMITTED, Change
from lockstep.config import Target
from lockstep.filters import Filter
from lockstep.removal import SLICE, Answer, is_permitted, must_ask, read_answer
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import stood_in_the_way
from lockstep.transfer.pool import Pool
from lockstep.transfer.process import Ended, Process

NOTHING = Filter([])
CACHES = Filter([b"cache/", b"*.tmp"])


def removal(*items: tuple[bytes, int]) -> Batch:
    batch = Batch(Lane.REMOVE)
    for path, flags in items:
        batch.take(path, Change(flags, 1.0))
    return batch


@pytest.mark.parametrize(
    ("flags", "filters", "asks"),
    [
        (GONE, NOTHING, False),
        (GONE, CACHES, False),
        (GONE | DIRECTORY_GONE, NOTHING, True),
        (GONE | DIRECTORY_GONE, CACHES, True),
        (GONE | DIRECTORY_GONE | PERMITTED, NOTHING, False),
        (GONE | DIRECTORY_GONE | PERMITTED, CACHES, True),
    ],
)
def test_it_asks_only_where_the_names_alone_cannot_tell(flags: int, filters: Filter, asks: bool) -> None:
    assert must_ask(removal((b"d", flags)), filters) == asks


def test_a_target_that_was_not_compared_may_have_a_directory_where_a_file_went() -> None:
    assert must_ask(removal((b"f", GONE)), NOTHING, compared=False)
    assert not must_ask(removal((b"f", GONE | PERMITTED)), NOTHING, compared=False)


def test_a_batch_is_permitted_only_if_all_of_it_is() -> None:
    assert is_permitted(removal((b"a", GONE | PERMITTED), (b"b", GONE | PERMITTED)))
    assert not is_permitted(removal((b"a", GONE | PERMITTED), (b"b", GONE)))


def test_where_nothing_is_spared_the_directory_itself_may_go() -> None:
    assert read([b"d/f", b"d/"], [b"d"], b"keep") == Answer({b"d": 2})


def test_where_something_is_spared_the_rest_goes_and_the_directories_above_it_stay() -> None:
    found = [b"d/a/keep", b"d/a/f", b"d/a/", b"d/b/f", b"d/b/", b"d/"]
    assert read(found, [b"d"], b"keep") == Answer({b"d": 3}, [b"d/a/f", b"d/b/f", b"d/b"])


def test_each_entry_counts_for_the_name_that_it_is_below() -> None:
    found = [b"d/e/f", b"d/e/g", b"d/e/", b"d/h", b"d/", b"x/y", b"elsewhere/z", b"x/"]
    assert read(found, [b"d", b"d/e", b"x"]).entries == {b"d": 3, b"d/e": 3, b"x": 2}


def test_an_answer_of_many_lines_is_read_with_pauses_and_of_what_goes_whole_no_name_is_kept() -> None:
    count = 20 * SLICE
    found = io.BytesIO(b"".join(b"*deleting   d/%07d\n" % number for number in range(count)))
    tracemalloc.start()
    try:
        steps = list(read_answer(found, [b"d"], Filter([b"keep"])))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert steps == [*[None] * 20, Answer({b"d": count})]
    assert peak < 20 * count  # bytes; of a list of these names it is more than 60 for each


def read(found: list[bytes], tops: list[bytes], hidden: bytes = b"") -> Answer:
    filters = Filter([hidden] if hidden else [])
    *_pauses, answer = read_answer(io.BytesIO(b"".join(b"*deleting   %s\n" % path for path in found)), tops, filters)
    assert answer is not None
    return answer


def ask(tmp: Path, batch: Batch, filters: Filter) -> tuple[Answer, Ended]:
    (tmp / "source").mkdir(exist_ok=True)
    (tmp / "state").mkdir(exist_ok=True)
    target = Target("", "file", None, "", 0, "", str(tmp / "target"), None, ())

    async def answered() -> tuple[Answer, Ended]:
        over: asyncio.Future[tuple[Answer, Ended]] = asyncio.get_running_loop().create_future()

        def ended(process: Process, how: Ended) -> None:
            assert process.output is not None
            *_pauses, answer = read_answer(process.output, batch.items, filters)
            assert answer is not None
            over.set_result((answer, how))

        pool = Pool(lambda lane: command.batch("rsync", target, lane), lambda _ended: None, str(tmp / "state"))
        pool.run(Lane.COUNT, command.names(os.fsencode(tmp / "source"), list(batch.listed)), ended)
        return await asyncio.wait_for(over, 20)

    found = asyncio.run(answered())
    assert os.listdir(tmp / "state") == []
    return found


def fill(tmp: Path, *paths: str) -> None:
    for path in paths:
        at = tmp / "target" / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.mkdir() if path.endswith("/") else at.touch()


def test_everything_below_is_counted_and_nothing_deleted(tmp_path: Path) -> None:
    fill(tmp_path, "d/a/f", "d/a/new\nline", "d/g", "other")
    question, ended = ask(tmp_path, removal((b"d", GONE | DIRECTORY_GONE)), NOTHING)
    assert (ended.code, question.count, question.instead) == (0, 5, None)
    assert (tmp_path / "target/d/a/f").exists()


def test_what_the_mirror_leaves_out_is_spared(tmp_path: Path) -> None:
    fill(tmp_path, "d/a/f", "d/a/x.tmp", "d/b/f", "d/cache/deep/f", "d/g")
    question, ended = ask(tmp_path, removal((b"d", GONE | DIRECTORY_GONE)), CACHES)
    assert ended.code == 0
    assert question.instead is not None
    assert sorted(question.instead) == [b"d/a/f", b"d/b", b"d/b/f", b"d/g"]
    assert question.count == 4


def test_what_is_not_there_counts_nothing(tmp_path: Path) -> None:
    fill(tmp_path, "other")
    question, ended = ask(tmp_path, removal((b"d", GONE | DIRECTORY_GONE)), NOTHING)
    assert (ended.code, question.count, question.instead) == (0, 0, None)


@pytest.mark.parametrize(
    ("why", "is_so"),
    [
        ("could not make way for new regular file: d", True),
        ("could not make way for new symlink: a/could not make way for new b", True),
        ("rsync: [generator] could not make way for new directory: d", True),
        ('rsync: [receiver] mkstemp "/.could not make way for new.AbCdEf" failed: Permission denied (13)', False),
        ("cannot delete non-empty directory: could not make way for new regular file: d", False),
    ],
)
def test_only_what_rsync_says_before_the_name_tells_of_a_directory_in_the_way(why: str, is_so: bool) -> None:
    assert stood_in_the_way(why) == is_so
