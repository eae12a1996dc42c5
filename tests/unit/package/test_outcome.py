"""What rsync complains of is found back among the names that were listed: the refused one, and no other.

The texts come from rsync itself, run here; what needs another user or a failing disk stands as rsync 3.5.0 has it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.config import Target
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.names_told import Listed, unescape
from lockstep.transfer.outcome import Outcome, Result, complaints, judge, never_connected, reason

SOURCE = b"/srv/data"
END = b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394)\n"

ODD = [
    b'a"b', b'a" b', b'a": b', b'"', b'end"', b'(x")', b'x" (in mod)', b'x" failed: y', b'f" -> "g',
    b"new\nline",
    b"car\rret", b"vt\x0bff\x0c", b"back\\slash", b"a\\#012b", b"\\#", b"\\#01", b"\xff\xfe", b"gr\xc3\xbc", b" ",
    b"-n",
    b"#c", b";c", b"$(x)", b"`x`", b"*?[x]{y}", b"'", b"x) failed", b".x.AbCdEf", b"n" * 240,
    b"x: Permission denied (13)",
    b".hidden",
    b"dots..",
]  # fmt: skip
# rsync's own words as names are in WORDS
NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


def as_rsync_writes(name: bytes) -> bytes:
    """The rule of rsync's log.c, rwrite() and filtered_fwrite(), in the C locale."""
    out = b""
    for at, byte in enumerate(name):
        if byte < 0x20 or byte > 0x7E or (byte == 0x5C and re.match(rb"#[0-7]{3}", name[at + 1 : at + 5])):
            out += b"\\#%03o" % byte
        else:
            out += bytes([byte])
    return out


def folder(path: str) -> Target:
    return Target(f"file://{path}", "file", None, "", 0, "", path, None, ())


def daemon(path: str = "") -> Target:
    return Target("rsync://h/data", "rsync", None, "h", 873, "data", path, None, ())


class Rsync:
    """The real one, on a source of its own; a daemon answers on a pipe (RSYNC_CONNECT_PROG), so no port is needed."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.source = tmp / "source"
        self.target = tmp / "target"
        for each in (self.source, self.target):
            each.mkdir()

    def make(self, *paths: bytes) -> None:
        for path in paths:
            at = os.path.join(os.fsencode(self.source), path)
            os.makedirs(os.path.dirname(at), exist_ok=True)
            with open(at, "wb") as file:
                file.write(b"content")

    def run(self, target: Target, listed: list[bytes], lane: Lane = Lane.CONTENT, less: str = "", module: str = ""):
        """Exit code, stderr and what was made of them."""
        argv = [word for word in command.batch("rsync", target, lane) if word != less]
        source = os.fsencode(self.source)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        if target.scheme == "rsync":
            configuration = self.tmp / "rsyncd.conf"
            configuration.write_text(f"use chroot = no\n[data]\npath = {module}\nread only = no\n")
            environment["RSYNC_CONNECT_PROG"] = f"rsync --daemon --config={configuration}"
        done = subprocess.run(
            argv, input=command.names(source, listed), capture_output=True, env=environment, timeout=20, check=False
        )
        return done.returncode, done.stderr, judge(done.returncode, done.stderr, source, frozenset(listed))


@pytest.fixture
def rsync(tmp_path: Path) -> Rsync:
    return Rsync(tmp_path)


# ---------------------------------------------------------------- whole results


def test_exit_0_confirms_whatever_was_said() -> None:
    assert judge(0, b"some warning\n", SOURCE, frozenset({b"a"})) == Outcome(Result.CONFIRMED)


@pytest.mark.parametrize("code", [1, 2, 3, 5, 10, 11, 12, 13, 14, 20, 22, 25, 30, 35, 127, 255, -9, -15])
def test_any_code_but_0_23_and_24_fails_the_whole_and_gives_a_reason(code: int) -> None:
    found = judge(code, b"rsync: [sender] something happened\n", SOURCE, frozenset({b"a"}))
    assert found.result is Result.FAILED
    assert found.refused == {}
    assert f"(rsync {code}: rsync: [sender] something happened)" in found.reason


def test_a_signal_is_called_one() -> None:
    assert reason(-9, b"") == "rsync was ended by signal 9 (rsync -9)"


def test_the_first_line_that_is_no_summary_is_quoted() -> None:
    text = b"\nrsync error: unexplained (code 12)\nrsync: [receiver] the cause\nmore\n"
    assert reason(12, text).endswith("(rsync 12: rsync: [receiver] the cause)")


def test_a_long_complaint_is_shortened_and_an_unreadable_one_escaped() -> None:
    assert len(reason(12, b"x" * 5000)) < 400
    assert "\\xff" in reason(12, b"\xff\n")


def test_each_complaint_is_told_and_many_are_counted() -> None:
    lines = [b'rsync: [sender] opendir "/srv/data/%d" failed: Permission denied (13)\n' % number for number in range(7)]
    assert complaints(b"".join(lines[:2])) == "; ".join(line.decode().strip() for line in lines[:2])
    told = complaints(b"".join([*lines, lines[0], b'file has vanished: "/srv/data/v"\n', END]))
    assert told.endswith("; and 2 more")
    assert told.count("opendir") == 5
    assert "vanished" not in told
    assert complaints(END) == ""


@pytest.mark.parametrize(
    ("code", "stderr", "mend"),
    [
        (5, b"@ERROR: auth failed on module data\n", "password_file"),
        (5, b"@ERROR: Unknown module 'data'\n", "no such module"),
        (5, b"@ERROR: Unknown module 'data'\n", "hosts allow"),
        (1, b"ERROR: module is read only\nrsync: write error: Connection reset by peer (104)\n", "set read only = no"),
        (5, b"@ERROR: max connections (4) reached -- try again later\n", "rsync_daemon_max_connections"),
        (5, b"@ERROR: access denied to data from h (::1)\n", "hosts allow"),
        (5, b"@ERROR: chroot failed\n", "path is missing"),
        (5, b"@ERROR: chdir failed\n", "path is missing"),
        (10, b"rsync: [sender] failed to connect to h (127.0.0.1): Connection refused (111)\n", "nothing listens"),
        (10, b"rsync: [sender] failed to connect to h: No route to host (113)\n", "no route"),
        (11, b'rsync: [receiver] write failed on "f" (in data): No space left on device (28)\n', "disk is full"),
        (1, b"ERROR: module is read only\n", "read only = no"),
        (4, b"ERROR: The server is configured to refuse --delete\n", "refuse"),
        (1, b"ERROR: password file must not be other-accessible\n", "chmod"),
        (2, b"invalid file mode 00 for x\n", "3.4.4"),
    ],
)
def test_a_known_text_says_what_mends_it(code: int, stderr: bytes, mend: str) -> None:
    assert mend in reason(code, stderr)


@pytest.mark.parametrize(
    "text", [b"No space left on device (28)", b"Disk quota exceeded (122)", b"Read-only file system (30)"]
)
def test_a_full_or_read_only_target_is_no_matter_of_one_name(text: bytes) -> None:
    found = judge(23, b'rsync: [receiver] mkstemp "d/.x.AbCdEf" (in data) failed: ' + text + b"\n" + END, SOURCE,
                  frozenset({b"d/x"}))  # fmt: skip
    assert found.result is Result.FAILED


@pytest.mark.parametrize("name", [b"No space left on device", b"Read-only file system", b"Disk quota exceeded"])
def test_a_file_named_like_an_error_does_not_take_the_target_down(name: bytes) -> None:
    found = judge(23, b'rsync: [sender] send_files failed to open "/srv/data/' + name + b'": Permission denied (13)\n',
                  SOURCE, frozenset({name, b"other"}))  # fmt: skip
    assert found.result is Result.PARTIAL
    assert set(found.refused) == {name}


# ---------------------------------------------------------------- texts as rsync 3.5.0 has them

RECORDED = [
    ("unreadable", b'rsync: [sender] send_files failed to open "/srv/data/%s": Permission denied (13)'),
    ("unlistable", b'rsync: [sender] opendir "/srv/data/%s" failed: Permission denied (13)'),
    ("a failing disk", b'rsync: [sender] read errors mapping "/srv/data/%s": Input/output error (5)'),
    ("a name too long", b'rsync: [sender] link_stat "/srv/data/%s" failed: File name too long (36)'),
    ("directory's times", b'rsync: [generator] failed to set times on "%s" (in data): Operation not permitted (1)'),
    ("mode", b'rsync: [generator] failed to set permissions on "%s" (in data): Operation not permitted (1)'),
    ("owner", b'rsync: [generator] chown "%s" (in data) failed: Operation not permitted (1)'),
    ("mkdir", b'rsync: [generator] recv_generator: mkdir "%s" (in data) failed: Permission denied (13)'),
    ("mknod", b'rsync: [generator] mknod "%s" (in data) failed: Operation not permitted (1)'),
    ("symlink", b'rsync: [generator] symlink "%s" (in data) -> "t" failed: Permission denied (13)'),
    ("make way", b"could not make way for new regular file: %s"),
    ("make way for a link", b"could not make way for new symlink: %s"),
]
# a temporary name has one dot at its front, and six characters behind a dot in place of those at its end
TEMPORARY = [
    ("mkstemp", b'rsync: [receiver] mkstemp "%s" (in data) failed: Permission denied (13)'),
    ("rename", b'rsync: [receiver] rename "%s" (in data) -> "x": Operation not permitted (1)'),
]


def complaint(text: bytes, path: bytes, temporary: bool = False) -> bytes:
    if temporary:
        head, slash, tail = path.rpartition(b"/")
        tail = tail[1:] if tail.startswith(b".") else tail
        path = head + slash + b"." + tail.rstrip(b".") + b".aB3dE6"
    return text.replace(b"%s", as_rsync_writes(path)) + b"\n" + END


@pytest.mark.parametrize(
    "listed", [[b"dir/other", b"z"], [b"dir", b"dir/other", b"z"]], ids=["alone", "with its directory"]
)
@pytest.mark.parametrize(
    ("text", "temporary"),
    [(text, False) for _, text in RECORDED] + [(text, True) for _, text in TEMPORARY],
    ids=[name for name, _ in RECORDED + TEMPORARY],
)
def test_a_complaint_is_about_the_name_in_it_alone(text: bytes, temporary: bool, listed: list[bytes]) -> None:
    wrong = {}
    for path in [b"dir/" + name for name in ODD]:
        found = judge(23, complaint(text, path, temporary), SOURCE, frozenset([path, *listed]))
        assert found.result is Result.PARTIAL
        if set(found.refused) != {path} or found.vanished:
            wrong[path] = set(found.refused)
    assert wrong == {}


# what rsync says, as a name; "other" stands beside it
WORDS = [
    b"link_stat", b'link_stat "other" failed: No such file or directory (2)', b"rsync: link_stat",
    b"file has vanished: ", b'file has vanished: "other"',
    b"delete_file: unlink(other) failed", b"delete_file: rmdir(other)", b"x (will try again).",
    b"WARNING: x failed verification -- update discarded (will try again).",
    b"could not make way for new directory: other", b"could not make way for new x: other",
    b"recv_generator: mkdir ", b"cannot delete non-empty directory: other", b"rsync error:", b"rsync warning:",
    b"failed to open x: No space left on device (28)", b"x: Read-only file system (30)",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "temporary"),
    [(text, False) for _, text in RECORDED] + [(text, True) for _, text in TEMPORARY],
    ids=[name for name, _ in RECORDED + TEMPORARY],
)
def test_a_name_of_rsyncs_own_words_is_told_like_any_other(text: bytes, temporary: bool) -> None:
    """And is not taken for gone, for another, nor for a target that cannot write: it would count as arrived."""
    wrong = {}
    text = text.replace(b": Permission denied (13)", b": No such file or directory (2)")
    for name in WORDS:
        path = b"dir/" + name
        found = judge(23, complaint(text, path, temporary), SOURCE, frozenset([path, b"other", b"dir/other"]))
        if (found.result, set(found.refused), found.vanished) != (Result.PARTIAL, {path}, frozenset()):
            wrong[path] = found
    assert wrong == {}


def test_a_name_of_rsyncs_own_words_alone_in_the_source_is_no_word_of_rsync() -> None:
    wrong = {}
    for name in WORDS:
        for text in (b"could not make way for new regular file: %s", b"cannot delete non-empty directory: %s"):
            found = judge(23, complaint(text, name), SOURCE, frozenset([name, b"other"]))
            if (found.result, set(found.refused), found.vanished) != (Result.PARTIAL, {name}, frozenset()):
                wrong[name] = found
    assert wrong == {}


@pytest.mark.parametrize("name", WORDS)
def test_a_name_of_rsyncs_own_words_that_is_gone_has_vanished(name: bytes) -> None:
    stderr = b'rsync: [sender] link_stat "/srv/data/d/' + name + b'" failed: No such file or directory (2)\n'
    found = judge(23, stderr + END, SOURCE, frozenset([b"d/" + name, b"other"]))
    assert (found.refused, found.vanished) == ({}, frozenset([b"d/" + name]))


@given(names=st.lists(NAMES, min_size=1, max_size=5, unique=True), text=st.sampled_from([RECORDED[0], RECORDED[4]]))
def test_whatever_the_name_it_is_found_back(names: list[bytes], text: tuple[str, bytes]) -> None:
    paths = [b"some dir/" + name for name in names]
    found = judge(23, complaint(text[1], paths[0]), SOURCE, frozenset(paths))
    assert set(found.refused) == {paths[0]}


@given(name=st.binary(max_size=40))
def test_unescaping_undoes_what_rsync_does_to_a_name(name: bytes) -> None:
    assert unescape(as_rsync_writes(name)) == name


def test_a_deletion_that_is_denied_is_about_the_listed_directory_around_it() -> None:
    wrong = {}
    for name in ODD:
        inner = as_rsync_writes(name)
        stderr = b"rsync: [generator] delete_file: unlink(gone/" + inner + b") failed: Operation not permitted (1)\n"
        found = judge(23, stderr + END, SOURCE, frozenset({b"gone", b"elsewhere/x", b"go"}))
        if set(found.refused) != {b"gone"}:
            wrong[name] = set(found.refused)
    assert wrong == {}


def test_a_directory_that_cannot_be_deleted_is_not_everybodys_problem() -> None:
    stderr = b"rsync: [generator] delete_file: rmdir(gone/d) failed: Operation not permitted (1)\n"
    assert set(judge(23, stderr + END, SOURCE, frozenset({b"gone/d", b"x"})).refused) == {b"gone/d"}


def test_a_file_in_an_immutable_directory_where_a_file_is_to_come_is_about_that_file() -> None:
    stderr = (
        b'rsync: [generator] delete_file: unlink(q/non"e/sub/i"m) failed: Operation not permitted (1)\n'
        b'could not make way for new regular file: q/non"e\n'
    )
    assert set(judge(23, stderr + END, SOURCE, frozenset({b'q/non"e', b"q", b"ok"})).refused) == {b'q/non"e'}


def test_a_directory_that_cannot_be_made_leaves_its_neighbours_confirmed() -> None:
    stderr = (
        b'rsync: [generator] recv_generator: mkdir "nd" (in data) failed: Permission denied (13)\n'
        b"*** Skipping any contents from this failed directory ***\n"
    )
    assert set(judge(23, stderr + END, SOURCE, frozenset({b"nd", b"ok"})).refused) == {b"nd"}


def test_an_attribute_that_cannot_be_set_is_about_its_file() -> None:
    stderr = b'rsync: [receiver] rsync_xal_set: lsetxattr("d/x","user.k") failed: Operation not supported (95)\n'
    assert set(judge(23, stderr + END, SOURCE, frozenset({b"d", b"d/x", b"d/y"})).refused) == {b"d/x"}


def test_a_name_that_is_part_of_rsyncs_words_is_not_taken_for_the_one_meant() -> None:
    stderr = b'rsync: [receiver] mkstemp "/deep/a/.x.aB3dE6" (in data) failed: Permission denied (13)\n'
    found = judge(23, stderr + END, SOURCE, frozenset({b"a/x", b"a", b"e", b"failed"}))
    assert b"a/x" in found.refused


def test_the_source_itself_is_the_root() -> None:
    stderr = b'rsync: [generator] failed to set times on "/srv/data": Operation not permitted (1)\n'
    assert set(judge(23, stderr, SOURCE, frozenset({b""})).refused) == {b""}


def test_what_vanished_is_no_failure() -> None:
    stderr = b'file has vanished: "/srv/data/a"\ndirectory has vanished: "/srv/data/d"\n'
    end = b"rsync warning: some files vanished before they could be transferred (code 24)\n"
    found = judge(24, stderr + end, SOURCE, frozenset({b"a", b"d", b"c"}))
    assert (found.result, found.refused, found.vanished) == (Result.PARTIAL, {}, frozenset({b"a", b"d"}))


def test_refused_outweighs_vanished() -> None:
    stderr = b'file has vanished: "/srv/data/a"\nrsync: [sender] send_files failed to open "/srv/data/a": x (13)\n'
    found = judge(23, stderr, SOURCE, frozenset({b"a"}))
    assert set(found.refused) == {b"a"}
    assert not found.vanished


def test_what_was_not_named_has_arrived_only_if_names_that_are_gone_were_all_there_was() -> None:
    gone = b'file has vanished: "/srv/data/a"\n'
    assert judge(24, gone, SOURCE, frozenset({b"a", b"b"})).proves_rest
    assert not judge(23, gone, SOURCE, frozenset({b"a", b"b"})).proves_rest
    denied = b'rsync: [receiver] mkstemp "d/.x.aB3dE6" (in data) failed: Permission denied (13)\n'
    found = judge(23, denied + END, SOURCE, frozenset({b"d/x", b"d/.x", b"d/y"}))
    assert not found.proves_rest, "nobody knows which of two it is"
    assert len(found.refused) == 1


def test_of_a_name_full_of_quotes_only_some_ends_are_tried() -> None:
    name = b"/".join([b'"' * 250] * 14)
    line = b'rsync: [receiver] mkstemp "' + name + b'" (in data) failed: File name too long (36)'
    listed = Listed(SOURCE, frozenset({name, b"other"}))
    assert listed.meant(line) == {name}
    looked_up = _Counting(name)
    listed.paths = looked_up
    listed.meant(line)
    assert looked_up.number < 3_000, "a user who makes such names must not stop the watcher"


class _Counting(frozenset[bytes]):
    """How often something is looked for in it."""

    number = 0

    def __new__(cls, *_names: bytes) -> _Counting:
        return super().__new__(cls, ())

    def __contains__(self, name: object) -> bool:
        self.number += 1
        return False


def test_what_is_inside_a_directory_is_nothing_beside_it() -> None:
    listed = Listed(SOURCE, frozenset({b"a", b"a/b", b"a/b/c", b"a-b", b"a0", b"a.d/x", b"b/a/x"}))
    assert listed.inside(b"a") == {b"a/b", b"a/b/c"}
    assert listed.inside(b"a/b") == {b"a/b/c"}
    assert listed.inside(b"c") == set()


@pytest.mark.parametrize("stderr", [b"", END, b"some line of another rsync\n"])
def test_a_failure_that_names_nothing_confirms_nothing(stderr: bytes) -> None:
    listed = frozenset({b"a", b"d/b"})
    assert set(judge(23, stderr, SOURCE, listed).refused) == listed


@given(stderr=st.binary(max_size=200), code=st.sampled_from([23, 24]))
def test_garbage_never_breaks_it_and_never_confirms_everything(stderr: bytes, code: int) -> None:
    listed = frozenset({b"a", b"d/b", b"d"})
    found = judge(code, stderr, SOURCE, listed)
    assert found.result in (Result.PARTIAL, Result.FAILED)
    assert found.result is Result.FAILED or found.refused or found.vanished
    assert set(found.refused) | found.vanished <= listed


@pytest.mark.parametrize("name", ODD)
def test_one_that_was_written_meanwhile_is_no_matter_of_the_others(name: bytes) -> None:
    told = as_rsync_writes(b"d/" + name)
    again = b"WARNING: " + told + b" failed verification -- update discarded (will try again).\n"
    given_up = b"ERROR: " + told + b" failed verification -- update discarded.\n"
    listed = frozenset({b"d/" + name, b"other"})
    assert set(judge(23, again + given_up + END, SOURCE, listed).refused) == {b"d/" + name}
    other = b'rsync: [sender] send_files failed to open "other": Permission denied (13)\n'
    assert set(judge(23, again + other + END, SOURCE, listed).refused) == {b"other"}


# ---------------------------------------------------------------- what rsync says here


def test_a_missing_name_is_vanished_and_the_others_are_there(rsync: Rsync) -> None:
    rsync.make(b"here")
    code, _, found = rsync.run(folder(str(rsync.target)), [b"here", *ODD], less="--ignore-missing-args")
    assert (code, found.refused, found.vanished) == (23, {}, frozenset(ODD))
    assert (rsync.target / "here").read_bytes() == b"content"


def test_a_name_below_what_became_a_file_is_vanished(rsync: Rsync) -> None:
    rsync.make(b"a", b"here")
    code, _, found = rsync.run(folder(str(rsync.target)), [b"a/b/x", b"here"])
    assert (code, found.refused, found.vanished) == (23, {}, frozenset({b"a/b/x"}))


def test_a_directory_in_the_way_is_told_of_each_name(rsync: Rsync) -> None:
    names = [b"d/" + name for name in ODD]
    rsync.make(*names, b"d/fine")
    for name in names:
        os.makedirs(os.path.join(os.fsencode(rsync.target), name, b"full"))
    code, stderr, found = rsync.run(folder(str(rsync.target)), [*names, b"d/fine", b"d"], less="--force")
    assert (code, set(found.refused)) == (23, set(names)), stderr


# nobody, not even root, can make a file in /proc/sys: every name is refused with its temporary name
@pytest.mark.parametrize(
    ("target", "module"),
    [(daemon(), "/proc"), (daemon("proc"), "/"), (folder("/proc"), "")],
    ids=["a module", "a folder in a module", "a folder"],
)
@pytest.mark.parametrize("with_parent", [False, True], ids=["alone", "with its directory"])
def test_a_name_that_the_target_refuses_is_told_and_no_other(
    rsync: Rsync, target: Target, module: str, with_parent: bool
) -> None:
    names = [b"sys/" + name for name in [*ODD, b"l" * 255, b"\xc3\xbc" * 127]]
    rsync.make(*names, b"sys/kernel/inner")
    listed = [*names, *([b"sys"] if with_parent else [])]
    code, stderr, found = rsync.run(target, listed, module=module)
    assert (code, set(found.refused) - {b"sys"}) == (23, set(names)), stderr


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=25, unique=True))
def test_any_name_that_rsync_itself_complains_of_is_found_back(rsync: Rsync, names: list[bytes]) -> None:
    made = [b"sys/" + name for name in names]
    rsync.make(*made)
    listed = [*made, b"sys/is not there"]
    code, stderr, found = rsync.run(daemon(), listed, module="/proc")
    assert (code, set(found.refused)) == (23, set(made)), stderr


@pytest.mark.parametrize(
    ("url_module", "says"), [("nowhere", "no such module"), ("data", "path is missing")], ids=["unknown", "unmounted"]
)
def test_a_daemon_that_turns_everything_away_is_a_failure_with_its_reason(
    rsync: Rsync, url_module: str, says: str
) -> None:
    rsync.make(b"x")
    target = Target("rsync://h/m", "rsync", None, "h", 873, url_module, "", None, ())
    code, _, found = rsync.run(target, [b"x"], module=str(rsync.tmp / "missing"))
    assert (code, found.result) == (5, Result.FAILED)
    assert says in found.reason


@pytest.mark.parametrize("lane", [Lane.CONTENT, Lane.REST])
def test_what_is_in_a_directory_that_could_not_be_made_has_not_arrived(rsync: Rsync, lane: Lane) -> None:
    """rsync passes over it without a word for each."""
    rsync.make(b"a/d/f", b"a/d/e/g", b"other")
    (rsync.source / "a/d/empty").mkdir()
    (rsync.target / "a").write_text("where a directory should be")
    listed = [b"a/d", b"a/d/e", b"a/d/e/g", b"a/d/empty", b"a/d/f", b"other"]
    for names in (listed, [b"a", *listed]):
        code, stderr, found = rsync.run(folder(str(rsync.target)), names, lane)
        arrived = {name for name in names if (rsync.target / os.fsdecode(name)).exists()}
        assert code in (0, 23), stderr
        assert code == 0 or set(names) - set(found.refused) <= arrived, stderr
        (rsync.target / "other").unlink()


@pytest.mark.parametrize(
    ("code", "stderr", "never"),
    [
        (10, b"rsync: [sender] failed to connect to h (192.0.2.1): Connection refused (111)\n", True),
        (10, b"rsync: [sender] getaddrinfo: nowhere 873: Name or service not known\n", True),
        (10, b"rsync: [sender] read error: Connection reset by peer (104)\n", False),
        (10, b"rsync: [sender] write error: Broken pipe (32)\n", False),
        (12, b"rsync: connection unexpectedly closed (0 bytes received so far) [sender]\n", False),
        (30, b"[sender] io timeout after 30 seconds -- exiting\n", True),
        (35, b"rsync: [sender] failed to connect to h (192.0.2.1): Connection timed out (110)\n", True),
    ],
)
def test_a_connection_that_was_reset_was_made(code: int, stderr: bytes, never: bool) -> None:
    """Of one that waits it is no failure of the target: another one takes its place, or says what is wrong."""
    assert never_connected(code, stderr) is never
