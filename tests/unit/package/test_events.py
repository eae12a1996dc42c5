"""The parts of `lockstep events` that need no kernel: names of events, patterns, the tree of watches, formats."""

from __future__ import annotations

import os
import syslog
from pathlib import Path

import pytest

from lockstep.events import options, show, wait, words
from lockstep.events.patterns import Pattern, Selection
from lockstep.events.stream import Told
from lockstep.events.tree import Tree

TOLD = Told(1, 0x40000100, 0x2F, b"d/", b"x\xff")


def test_every_kind_of_event_has_its_name_both_ways() -> None:
    for name, mask in words.KINDS.items():
        assert words.bits(name.upper()) == mask
        assert name.upper().encode() in words.text(mask).split(b",")
    assert words.text(words.CLOSE_NOWRITE | 0x40000000) == b"CLOSE_NOWRITE,CLOSE,ISDIR"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (b"%w%f", b"d/x\xff\n"),
        (b"%e %;e", b"CREATE,ISDIR CREATE;ISDIR\n"),
        (b"%c%0%n%%", b"2f\0\n%\n"),
        (b"%Q %", b"%Q %\n"),
        (b"%T", b"then\n"),
        (b"", b"\n"),
    ],
)
def test_a_format_puts_in_what_it_names(template: bytes, line: bytes) -> None:
    assert show.formatted(template, "then", newline=True)(TOLD) == line


def test_a_pattern_is_posix_looks_at_bytes_and_says_what_is_wrong_with_it() -> None:
    assert Pattern(b"^a[[:digit:]]+$", ignore_case=False).found_in(b"a12")
    assert not Pattern(b"^a[[:digit:]]+$", ignore_case=False).found_in(b"A12")
    assert Pattern(b"^A.$", ignore_case=True).found_in(b"a\xff")
    with pytest.raises(ValueError, match=r"[Uu]nmatched|[Pp]arenthes|[Mm]issing"):
        Pattern(b"(", ignore_case=False)


def test_an_exclude_goes_before_an_include_and_only_it_unwatches() -> None:
    selection = Selection([Pattern(b"/no", False)], [Pattern(rb"\.c$", False)], frozenset({b"d/left"}))
    assert selection.tells(b"d/a.c")
    assert not selection.tells(b"d/a.h")
    assert not selection.tells(b"d/no.c")
    assert selection.watches(b"d/sub")
    assert not selection.watches(b"d/no")
    assert not selection.watches(b"d/left")


def test_a_renamed_directory_takes_what_is_below_along() -> None:
    tree = Tree()
    tree.root(1, b"./")
    tree.hang(2, 1, b"a")
    tree.hang(3, 2, b"b")
    assert tree.shown(3) == b"./a/b/"
    tree.hang(2, 1, b"c")
    assert tree.shown(3) == b"./c/b/"
    assert (tree.child(1, b"a"), tree.child(1, b"c")) == (None, 2)
    assert sorted(tree.below(2)) == [2, 3]


def test_a_directory_made_anew_under_a_name_outlives_the_old_ones_end() -> None:
    tree = Tree()
    tree.root(1, b"./")
    tree.hang(2, 1, b"a")
    tree.hang(3, 1, b"a")
    tree.forget(2)
    assert tree.child(1, b"a") == 3
    assert tree.shown(2) is None
    assert len(tree) == 2


def test_options_may_stand_anywhere_and_be_shortened() -> None:
    given = options.wait(["a", "--mon", "-t", "1.5", "b", "--event=open,CLOSE", "-qq", "--", "-c"])
    assert (given.monitor, given.timeout, given.quiet, given.csv) == (True, 1.5, 2, False)
    assert given.choice.paths == (b"a", b"b", b"-c")
    assert given.choice.asked == words.OPEN | words.CLOSE
    assert options.wait(["a", "-t", "0"]).timeout is None


def test_what_goes_wrong_is_told_to_the_systems_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda _level, text: said.append(text))
    assert wait.main(["-s", "-q", os.fsdecode(os.fsencode(tmp_path) + b"/none\xff")]) == 1
    assert said == [f"Couldn't watch {tmp_path}/none\\xff: No such file or directory"]
