"""What a regular expression hides is taken out of rsync's answer, with what has to stay because of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lockstep.comparison import _item_of
from lockstep.sifting import SLICE, TakenOut, sift

LINES = [
    b"<f+++++++++ 5 a.txt\n",
    b"<f+++++++++ 7 a.o\n",
    b"cd+++++++++ 4096 d.o/\n",
    b"<f..t...... 9 d.o/x\n",
    b"*deleting   0 e/f/b.o\n",
    b"*deleting   0 e/f/c.txt\n",
    b"*deleting   0 e/f/\n",
    b"*deleting   0 e/\n",
    b"*deleting   0 g/\n",
    b"\n",
    b"Number of files: 12 (reg: 10, dir: 2)\n",
]


def sifted(lines: list[bytes], tmp_path: Path, hidden: bytes) -> tuple[list[bytes], TakenOut, int]:
    taken, pauses = TakenOut(), 0
    with tempfile.TemporaryFile() as found:
        found.writelines(lines)
        for left in sift(found, str(tmp_path), _item_of, lambda path, is_dir: hidden in path, taken):
            if left is None:
                pauses += 1
                continue
            with left:
                left.seek(0)
                return left.readlines(), taken, pauses
    raise AssertionError("it gave nothing back")


def test_what_is_hidden_is_taken_out_and_counted_and_the_rest_stays_as_it_is(tmp_path: Path) -> None:
    left, taken, _pauses = sifted(LINES, tmp_path, b".o")
    assert left == [LINES[0], LINES[5], LINES[8], *LINES[9:]]
    assert taken == TakenOut(deletions=3, created=2, size=16)


def test_a_long_answer_is_sifted_with_pauses(tmp_path: Path) -> None:
    left, taken, pauses = sifted([b"<f+++++++++ 1 f%d\n" % number for number in range(3 * SLICE)], tmp_path, b"f1")
    assert (pauses, taken.created, len(left)) == (3, 3 * SLICE - len(left), 3 * SLICE - taken.created)
    assert taken.created > SLICE
