"""Whatever an rsync writes: nothing that it names as refused counts as arrived, and no name is made up."""

from __future__ import annotations

import io
import os
import re
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lockstep.changes import ATTRIBUTES, CONTENT, GONE, PERMITTED, STRUCTURE, ancestors
from lockstep.comparison import parse_difference, parse_line, parse_totals
from lockstep.filters import Filter
from lockstep.removal import read_answer
from lockstep.transfer.names_told import unescape
from lockstep.transfer.outcome import Result, judge, made, reason

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
SOURCE = b"/srv/data"
END = b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394)\n"
names = st.one_of(
    st.binary(min_size=1, max_size=9),
    st.sampled_from([b"a", b"b", b"d", b'q"', b"x)", b"\\#012", b".a.AbCdEf", b"n" * 250, b" failed: x", b"->", b"\n"]),
).filter(lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b".."))
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
# rsync 3.5.0's texts about one name: what is before it, and what is behind it
REFUSALS = [
    (b'rsync: [sender] send_files failed to open "/srv/data/', b'": Permission denied (13)'),
    (b'rsync: [generator] recv_generator: mkdir "', b'" (in data) failed: Not a directory (20)'),
    (b'rsync: [receiver] mkstemp "', b'" (in data) failed: Permission denied (13)'),
    (b'rsync: [generator] chown "', b'" (in data) failed: Operation not permitted (1)'),
    (b'rsync: [generator] failed to set times on "', b'" (in data): Operation not permitted (1)'),
    (b'rsync: [generator] symlink "', b'" (in data) -> "x" failed: File exists (17)'),
    (b"could not make way for new regular file: ", b""),
    (b"cannot delete non-empty directory: ", b""),
    (b"ERROR: ", b" failed verification -- update discarded."),
]
VANISHED = [
    (b'file has vanished: "/srv/data/', b'"'),
    (b'rsync: [sender] link_stat "/srv/data/', b'" failed: No such file or directory (2)'),
]
NOISE = [
    END[:-1],
    b"rsync warning: some files vanished before they could be transferred (code 24) at main.c(1394) [sender=3.5.0]",
    b"",
    b"*** Skipping any contents from this failed directory ***",
    b"WARNING: x failed verification -- update discarded (will try again).",
]


def as_rsync_writes(name: bytes, eight_bit: bool = False) -> bytes:
    """log.c, rwrite() and filtered_fwrite(); with -8 what is not ASCII stays as it is."""
    out = b""
    for at, byte in enumerate(name):
        special = byte < 0x20 or byte == 0x7F or (byte > 0x7E and not eight_bit)
        if special or (byte == 0x5C and re.match(rb"#[0-7]{3}", name[at + 1 : at + 5])):
            out += b"\\#%03o" % byte
        else:
            out += bytes([byte])
    return out


# ---------------------------------------------------------------- stderr


@FUZZ
@given(listed=st.sets(paths, min_size=1, max_size=6), code=st.sampled_from([23, 24]), data=st.data())
def test_what_stderr_names_as_refused_is_never_confirmed(listed: set[bytes], code: int, data: st.DataObject) -> None:
    lines, named = [], set()
    for path in sorted(listed):
        text = data.draw(st.sampled_from([None, *REFUSALS, *VANISHED]))
        if text is not None:
            lines.append(text[0] + as_rsync_writes(path) + text[1])
            named.add(path)
    lines += data.draw(st.lists(st.sampled_from(NOISE), max_size=3))
    found = judge(code, b"\n".join(data.draw(st.permutations(lines))) + b"\n" + END, SOURCE, frozenset(listed))
    assert found.result is Result.PARTIAL
    assert named <= set(found.refused) | found.vanished
    assert not set(found.refused) & found.vanished
    assert set(found.refused) | found.vanished <= listed


@FUZZ
@given(listed=st.sets(paths, min_size=1, max_size=6), code=st.integers(-64, 255), stderr=st.binary(max_size=300))
def test_no_complaint_at_all_makes_up_a_name_or_confirms_what_is_doubtful(
    listed: set[bytes], code: int, stderr: bytes
) -> None:
    found = judge(code, stderr, SOURCE, frozenset(listed))
    assert (found.result is Result.CONFIRMED) == (code == 0)
    assert set(found.refused) | found.vanished <= listed
    if found.result is Result.PARTIAL:
        assert found.refused or found.vanished
    said = [line for line in stderr.splitlines() if line]
    if found.result is Result.PARTIAL and any(not line.startswith((b"rsync", b"WARNING", b"***")) for line in said):
        assert found.refused or found.vanished
    assert found.result is Result.PARTIAL or not (found.refused or found.vanished)
    assert len(reason(code, stderr)) < 1_000
    reason(code, stderr).encode("utf-8")


@FUZZ
@given(listed=st.sets(paths, min_size=2, max_size=6), stranger=st.binary(min_size=1, max_size=40))
def test_a_line_that_nobody_understands_is_about_all_of_them(listed: set[bytes], stranger: bytes) -> None:
    line = b"?" + stranger.replace(b"\n", b"").replace(b"\r", b"").replace(b'"', b"")
    assume(line.splitlines() == [line] and b"(will try again)." not in line)
    assume(b": " not in line and b"delete_file" not in line)
    assert set(judge(23, line + b"\n" + END, SOURCE, frozenset(listed)).refused) == listed


@FUZZ
@given(told=st.lists(st.binary(max_size=60), max_size=6), code=st.sampled_from([0, 23, 24, 12]))
def test_what_a_link_lane_made_is_only_what_it_says(told: list[bytes], code: int) -> None:
    kinds = b"hc<>" if code in (0, 24) else b"hc"
    for name in made(told, code):
        assert any(line[:1] in [bytes([kind]) for kind in kinds] and unescape(line[12:]).startswith(name)
                   for line in told)  # fmt: skip


# ---------------------------------------------------------------- --out-format

ITEMS = st.builds(
    lambda update, kind, rest: update + kind + rest,
    st.sampled_from([b"<", b">", b"c", b".", b"h"]),
    st.sampled_from([b"f", b"d", b"L", b"D", b"S"]),
    st.text("cstpoguaxbn.+?", min_size=9, max_size=9).map(str.encode),
)


@FUZZ
@given(path=paths, item=ITEMS, size=st.integers(0, 2**50), checksum=st.booleans())
def test_a_difference_is_read_back_as_it_was(path: bytes, item: bytes, size: int, checksum: bool) -> None:
    is_directory = item[1:2] == b"d"
    told = as_rsync_writes(path, eight_bit=True) + (b"/" if is_directory else b"")
    found = parse_difference(item + b" %d " % size + told + b"\n", checksum)
    assert found is not None
    assert (found.path, found.is_directory) == (path, is_directory)
    assert found.size == (size if item[:1] in b"<>" and item[1:2] == b"f" else 0)
    if is_directory:
        assert found.flags == ATTRIBUTES | (STRUCTURE if item[:1] == b"c" else 0)
    else:
        assert found.flags == (CONTENT if checksum and item[:1] in b"<>" else ATTRIBUTES)
    assert parse_line(item + b" " + told + b"\n", checksum) == (path, found.flags)
    gone = parse_difference(b"*deleting   %d " % size + told + b"\n", checksum)
    assert gone is not None
    assert (gone.path, gone.flags, gone.size) == (path, GONE | PERMITTED, 0)


@FUZZ
@given(line=st.binary(max_size=80))
def test_no_line_gives_a_path_that_leads_anywhere_else(line: bytes) -> None:
    for found in (parse_difference(line, False), parse_line(line, True)):
        if found is not None:
            assert unescape(line.rstrip(b"\n")).rstrip(b"/").endswith(found[0].rstrip(b"/") or b".") or found[0] == b""
            assert not found[0].startswith(b"./")
            assert not found[0].endswith(b"/")


@FUZZ
@given(lines=st.lists(st.binary(max_size=60), max_size=8))
def test_statistics_are_numbers_whatever_is_written(lines: list[bytes]) -> None:
    totals = parse_totals(lines)
    assert min(totals.source, totals.deletions, totals.created, totals.size, totals.target) >= 0


# ---------------------------------------------------------------- what would be deleted


@FUZZ
@given(tree=st.sets(paths, min_size=1, max_size=12), data=st.data())
def test_nothing_that_is_hidden_nor_what_it_stands_in_is_deleted_and_all_else_is(
    tree: set[bytes], data: st.DataObject
) -> None:
    whole = {b"top/" + path for path in tree}
    whole |= {above for path in whole for above in ancestors(path) if above}
    order = sorted(whole, reverse=True)  # what is in a directory before itself
    hidden = data.draw(st.sets(st.sampled_from(order)))
    filters: Any = SimpleNamespace(hidden=lambda path, is_dir: path in hidden)
    lines = [b"*deleting   " + as_rsync_writes(path, eight_bit=True) + b"\n" for path in order]
    *_pauses, answer = read_answer(io.BytesIO(b"".join(lines)), [b"top"], filters)
    assert answer is not None
    found = answer.instead
    assert answer.entries == {b"top": len(whole if found is None else found)}
    if not hidden:
        assert found is None
        return
    spared = hidden | {above for path in hidden for above in ancestors(path)}
    assert found is not None
    assert set(found) == whole - spared
    assert [path for path in order if path in set(found)] == found


@FUZZ
@given(tree=st.sets(paths, min_size=1, max_size=8), noise=st.lists(st.binary(max_size=30), max_size=4))
def test_an_answer_counts_each_deletion_once_and_nothing_else(tree: set[bytes], noise: list[bytes]) -> None:
    assume(not any(line.startswith(b"*deleting") for text in noise for line in text.split(b"\n")))
    lines = [b"*deleting   " + as_rsync_writes(path, eight_bit=True) for path in sorted(tree)]
    written = io.BytesIO(b"".join(line + b"\n" for line in [*noise, *lines]))
    *_pauses, every = read_answer(written, [b""], Filter([]))
    *_pauses, some = read_answer(written, [b""], Filter([b"a"]))
    assert every is not None
    assert some is not None
    assert every.count == len(tree)
    hidden = {path for path in tree if b"a" in path.split(b"/")}
    if hidden:
        assert some.instead is not None
        assert not set(some.instead) & hidden
        assert some.count == len(some.instead)
