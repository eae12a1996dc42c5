"""SQLite in WAL mode in the source, written by several processes: at rest the backup is the database.

While it is written its files on the backup are of different moments, as with every copy of files: who wants a database
of any moment lets it write dumps, or uses its own replication.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Rig
from workload import bare, times

WRITERS = 3
WRITER = """\
import sqlite3, sys
number, rows = map(int, sys.argv[2:])
base = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
base.execute("pragma wal_autocheckpoint=50")
for row in range(rows):
    base.execute("begin immediate")
    base.execute("insert into t values (?, ?, ?)", (number, row, "x" * (row * 37 % 3000)))
    if row % 7 == 0:
        base.execute("update t set text = text || 'y' where writer = ? and row % 11 = 0", (number,))
    if row % 13 == 0:
        base.execute("delete from t where writer = ? and row % 17 = 3", (number,))
    base.execute("commit")
print(base.execute("pragma journal_mode").fetchone()[0], flush=True)
sys.stdin.read()  # open until it is told to end
"""


def _write(database: Path, rows: int) -> list[subprocess.Popen[str]]:
    """Let the writers write; they have when this returns, and have the database open still."""
    with contextlib.closing(sqlite3.connect(database)) as base:
        base.execute("pragma journal_mode=wal")
        base.execute("create table if not exists t (writer integer, row integer, text text)")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(database), str(number), str(rows)],
            env=bare(database.parent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "wal\n"
    return writers


def _end(writers: list[subprocess.Popen[str]]) -> None:
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0


@pytest.fixture
def database(rig: Rig) -> Path:
    rig.start(quiet=0.3)
    (rig.source / "sub").mkdir()
    return rig.source / "sub" / "base.sqlite"


def _rows(database: Path) -> list[tuple[object, ...]]:
    """All rows of a database that is whole."""
    with contextlib.closing(sqlite3.connect(database)) as base:
        assert base.execute("pragma integrity_check").fetchall() == [("ok",)]
        return base.execute("select * from t order by writer, row").fetchall()


def test_database_that_was_closed(rig: Rig, database: Path, tmp_path: Path) -> None:
    """C1: the last one who closes it writes all back into one file."""
    for _ in range(times(2, 10)):
        _end(_write(database, times(150, 2000)))
    rig.equal()
    copy = shutil.copytree(rig.target / "sub", tmp_path / "restored")
    assert sorted(path.name for path in copy.iterdir()) == ["base.sqlite"]
    assert _rows(copy / "base.sqlite") == _rows(database)


def test_database_that_stays_open(rig: Rig, database: Path, tmp_path: Path) -> None:
    """C1, C4: nobody closes anything; what was committed is on the backup, in the database and its log.

    `-shm`, an index of the log, is written through mmap and gives no event; SQLite makes it anew for who opens first.
    """
    writers = _write(database, times(150, 2000))
    try:
        rig.become_equal(b"sub/base.sqlite-shm")
        rig.watcher.wait_in_step()  # what is under way has a temporary name
        copy = shutil.copytree(rig.target / "sub", tmp_path / "restored")
        assert (copy / "base.sqlite-wal").stat().st_size > 0
        assert _rows(copy / "base.sqlite") == _rows(database)
    finally:
        _end(writers)
    rig.equal()
