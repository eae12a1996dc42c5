"""A head start brings what the target lacks, and takes nothing away."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Optional

import pytest

from lockstep.comparison import Totals
from lockstep.config import Target
from lockstep.filters import Filter
from lockstep.head_start import LEAST, HeadStart, is_worth_it, keeps_links
from lockstep.transfer.process import Ended
from lockstep.walk import Scope

LARGE = 1_000


def put(path: Path, content: str = "x", at: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (at, at))


def run(
    tmp: Path,
    shares: Optional[list[list[bytes]]] = None,
    leave_out: tuple[bytes, ...] = (),
    options: tuple[str, ...] = (),
    rsync: str = "rsync",
) -> tuple[HeadStart, Ended]:
    for name in ("source", "target", "state"):
        (tmp / name).mkdir(exist_ok=True)
    target = Target("", "file", None, "", 0, "", str(tmp / "target"), None, options)

    async def answered() -> tuple[HeadStart, Ended]:
        over: asyncio.Future[tuple[HeadStart, Ended]] = asyncio.get_running_loop().create_future()
        HeadStart(
            rsync, os.fsencode(tmp / "source"), target, Scope([b""], shares=shares or []),
            Filter(leave_out).rsync_args(), LARGE, str(tmp / "state"),
            lambda ahead, ended: over.set_result((ahead, ended)),
        )  # fmt: skip
        return await asyncio.wait_for(over, 20)

    ahead, ended = asyncio.run(answered())
    ahead.close()
    assert os.listdir(tmp / "state") == []
    return ahead, ended


def there(tmp: Path) -> dict[str, str]:
    return {
        str(path.relative_to(tmp / "target")): path.read_text() if path.is_file() else ""
        for path in (tmp / "target").rglob("*")
    }


def test_what_the_target_lacks_is_sent_and_nothing_is_deleted(tmp_path: Path) -> None:
    put(tmp_path / "source/d/new", "new")
    put(tmp_path / "source/d/differs", "ours", 5)
    put(tmp_path / "target/d/differs", "theirs")
    put(tmp_path / "target/only-there", "kept")
    put(tmp_path / "source/left.out")
    put(tmp_path / "source/small", "s" * (LARGE - 1))
    put(tmp_path / "source/large", "l" * LARGE)
    (tmp_path / "source/link").symlink_to("d/new")
    ahead, ended = run(tmp_path, leave_out=(b"*.out",))
    assert ended.code == 0
    found = there(tmp_path)
    assert found.pop("small") == "s" * (LARGE - 1)
    assert found == {"d": "", "d/new": "new", "d/differs": "ours", "only-there": "kept", "link": "new"}
    assert (ahead.names, ahead.size) == (3, LARGE + 6)


def test_a_tree_shared_by_several_processes_arrives_as_by_one(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path / f"source/top/d{number}/sub/f")
        put(tmp_path / f"source/other/d{number}/f")
        put(tmp_path / f"source/top/d{number}x/f")
    put(tmp_path / "source/top/d1/cache/f")
    put(tmp_path / "source/f")
    (tmp_path / "source/top").chmod(0o700)
    shares = [[b"top/d0", b"top/d1", b"other/d2"], [b"top/d4", b"gone/d1"]]
    _ahead, ended = run(tmp_path, shares, leave_out=(b"cache/",))
    assert ended.code == 0
    expected = {str(path.relative_to(tmp_path / "source")) for path in (tmp_path / "source").rglob("*")}
    assert set(there(tmp_path)) == {path for path in expected if "cache" not in path}
    assert (tmp_path / "target/top").stat().st_mode & 0o777 == 0o700


def test_a_directory_above_a_shared_one_is_made_with_its_own_attributes(tmp_path: Path) -> None:
    """By whichever process comes first: what others may not read at the source, they may not read for a moment."""
    put(tmp_path / "source/private/shared/f")
    put(tmp_path / "source/private/other/f")
    (tmp_path / "source/private").chmod(0o700)
    program = tmp_path / "rsync"
    program.write_text('#!/bin/sh\ncase "$*" in *ignore-missing*) exec rsync "$@";; esac\nsleep 0.2\nexit 12\n')
    program.chmod(0o755)
    _ahead, ended = run(tmp_path, [[b"private/shared"]], rsync=str(program))
    assert ended.code == 12
    assert set(there(tmp_path)) == {"private", "private/shared", "private/shared/f"}
    assert (tmp_path / "target/private").stat().st_mode & 0o777 == 0o700


def test_files_that_are_one_stay_one_where_links_are_kept(tmp_path: Path) -> None:
    put(tmp_path / "source/a/f")
    (tmp_path / "source/b").mkdir()
    os.link(tmp_path / "source/a/f", tmp_path / "source/b/f")
    run(tmp_path, [[b"b"]], options=("-H",))
    assert (tmp_path / "target/a/f").samefile(tmp_path / "target/b/f")
    assert keeps_links(["-zH"])
    assert keeps_links(["--hard-links"])
    assert not keeps_links(["-z", "--checksum-choice=xxH", "--chmod=D0750"])


def test_how_far_it_is_is_read_from_what_the_processes_tell(tmp_path: Path) -> None:
    for name in ("source", "target", "state"):
        (tmp_path / name).mkdir()
    program = tmp_path / "rsync"
    lines = "<f+++++++++ 100\\ncd+++++++++ 4096\\n.f...p..... 7\\n<f+++++++++ 20\\nskipping\\n<f+++++++++ 3"
    program.write_text(f"#!/bin/sh\nprintf '{lines}'\nexec sleep 60\n")
    program.chmod(0o755)

    async def look() -> None:
        over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        target = Target("", "file", None, "", 0, "", str(tmp_path / "target"), None, ())
        ahead = HeadStart(
            str(program), os.fsencode(tmp_path / "source"), target, Scope([b""]), [], LARGE, str(tmp_path / "state"),
            lambda _ahead, ended: over.set_result(ended),
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not ahead.names:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
            ahead.look()
        ahead.look()
        assert (ahead.names, ahead.size) == (4, 120), "the last line is not whole"
        assert not ahead.ending
        ahead.kill()
        assert ahead.ending
        assert (await asyncio.wait_for(over, 20)).code < 0
        assert (ahead.names, ahead.size) == (4, 120)
        ahead.close()

    asyncio.run(look())


@pytest.mark.parametrize(
    ("source", "created", "worth"),
    [(LEAST, LEAST, True), (LEAST, LEAST - 1, False), (10 * LEAST, LEAST, False), (10 * LEAST, 3 * LEAST, True)],
)
def test_it_is_worth_it_where_much_is_missing_and_much_of_all(source: int, created: int, worth: bool) -> None:
    assert is_worth_it(Totals(source=source, created=created)) == worth
