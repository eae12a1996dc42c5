"""The argument lists: names travel by stdin only, no secret is among them, and each lane does what it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep.config import Target
from lockstep.transfer import command
from lockstep.transfer.command import Lane
from lockstep.transfer.outcome import IN_THE_WAY, made, spared_a_directory

DAEMON = Target("rsync://u@h/m", "rsync", "u", "h", 8730, "m", "", "/etc/secret", ("--bwlimit=1",))
CONNECTED = [lane for lane in Lane if lane not in (Lane.LINK, Lane.FUZZY_ELSEWHERE)]  # the others need two names
ODD = [b"#c", b";c", b"-n", b" ", b"new\nline", b"\xff", b"*", b"[x]", b"a'\"$(x)`", b"--delete"]


def folder(path: Path) -> Target:
    return Target(f"file://{path}", "file", None, "", 0, "", str(path), None, ())


def carry_out(argv: list[str], source: Path, *paths: bytes) -> subprocess.CompletedProcess[bytes]:
    names = command.names(os.fsencode(source), paths)
    return subprocess.run(argv, input=names, capture_output=True, timeout=20, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "target").mkdir()
    return tmp_path / "source"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.mark.parametrize("lane", CONNECTED)
def test_a_daemon_is_addressed_with_its_user_and_port_and_the_password_stays_in_its_file(lane: Lane) -> None:
    argv = command.batch("/usr/bin/rsync", DAEMON, lane)
    assert argv[0] == "/usr/bin/rsync"
    assert argv[-3:] == ["--", "/", "rsync://u@h:8730/m"]
    assert "--password-file=/etc/secret" in argv
    assert "--bwlimit=1" in argv
    assert not {"--inplace", "--ignore-errors", "-r", "-a", "--delete"} & set(argv)


@pytest.mark.parametrize(
    ("host", "path", "url"),
    [
        ("h", "a/b", "rsync://u@h:8730/m/a/b"),
        ("::1", "", "rsync://u@[::1]:8730/m"),
        ("2001:db8::1", "x", "rsync://u@[2001:db8::1]:8730/m/x"),
    ],
)
def test_a_path_below_the_module_and_an_address_of_version_6_are_written_as_rsync_wants(
    host: str, path: str, url: str
) -> None:
    target = Target("", "rsync", "u", host, 8730, "m", path, None, ())
    assert command.batch("rsync", target, Lane.CONTENT)[-1] == url


def test_a_daemon_without_a_user_gets_none() -> None:
    target = Target("", "rsync", None, "h", 873, "m", "", None, ())
    argv = command.batch("rsync", target, Lane.CONTENT)
    assert argv[-1] == "rsync://h:873/m"
    assert not any("password" in word for word in argv)


def test_a_folder_gets_no_options_of_the_network(target: Path) -> None:
    argv = command.batch("rsync", folder(target), Lane.CONTENT)
    assert argv[-3:] == ["--", "/", str(target)]
    assert not any(word.startswith(("--contimeout", "--sockopts", "--password")) for word in argv)


def test_filters_that_are_no_text_survive_and_a_comparison_deletes_only_where_it_may() -> None:
    argv = command.comparison("rsync", DAEMON, [b"--filter=- \xff"], delete=True, checksum=False)
    assert os.fsdecode(b"--filter=- \xff") in argv
    assert {"-n", "--delete"} <= set(argv)
    assert "--checksum" not in argv
    argv = command.comparison("rsync", DAEMON, [], delete=False, checksum=True)
    assert "--delete" not in argv
    assert "--checksum" in argv


def test_names_are_ended_by_nul_and_begin_below_the_root() -> None:
    assert command.names(b"/srv/data", [b"a", b"", b"\n"]) == b"srv/data/./a\0srv/data/./\0srv/data/./\n\0"
    assert command.names(b"/srv/data", []) == b""


def told_below_root(tmp: Path, name: str, argv: list[str]) -> tuple[int, bytes, bytes, dict[str, str]]:
    """What an rsync whose root is a folder says of a source of this name there, and what the target has then."""
    root, there = tmp / "root", tmp / "target"
    source = root / name / "data"
    for path, text in [(source / "f", "new"), (source / "d/g", "new"), (there / "f", "old"), (there / "gone/x", "old")]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1, 1))
    for path in (source, source / "d", there, there / "gone"):
        os.utime(path, (2, 2))
    argv = [*argv[: argv.index("--") + 1], f"{root}/", *argv[argv.index("--") + 2 :]]
    how = carry_out(argv, Path(f"/{name}/data"), *[b"f", b"d", b"d/g", b"gone"])
    found = {str(path.relative_to(there)): path.read_text() for path in there.rglob("*") if path.is_file()}
    shutil.rmtree(root)
    shutil.rmtree(there)
    return how.returncode, how.stdout, how.stderr.replace(os.fsencode(name), b"plain"), found


@pytest.mark.parametrize("name", ["#name", ";name", "#"])
@pytest.mark.parametrize("lane", CONNECTED)
def test_a_source_at_the_root_whose_name_looks_like_a_comment_is_like_any_other(
    tmp_path: Path, lane: Lane, name: str
) -> None:
    argv = command.batch("rsync", folder(tmp_path / "target"), lane)
    assert told_below_root(tmp_path, name, argv) == told_below_root(tmp_path, "plain", argv)


def test_a_comparison_by_list_and_a_question_for_remains_find_a_source_whose_name_looks_like_a_comment(
    tmp_path: Path,
) -> None:
    there = folder(tmp_path / "target")
    for argv in (command.comparison("rsync", there, [], delete=True, checksum=False), command.remains("rsync", there)):
        one, other = told_below_root(tmp_path, "#name", argv), told_below_root(tmp_path, "plain", argv)
        assert one[0] == other[0]
        assert one[1].partition(b"\nFile list size")[0] == other[1].partition(b"\nFile list size")[0]
        assert one[2:] == other[2:]


@pytest.mark.parametrize("lane", [Lane.CONTENT, Lane.REST])
def test_every_name_arrives_as_it_is(source: Path, target: Path, lane: Lane) -> None:
    for name in ODD:
        Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(name)
    done = carry_out(command.batch("rsync", folder(target), lane), source, *ODD)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(os.fsencode(target))) == sorted(ODD)


def test_the_lane_of_content_sends_what_size_and_time_hide_and_the_other_does_not(source: Path, target: Path) -> None:
    for place, content in ((source, "new"), (target, "old")):
        (place / "f").write_text(content)
        os.utime(place / "f", (1, 1))
    assert carry_out(command.batch("rsync", folder(target), Lane.REST), source, b"f").returncode == 0
    assert (target / "f").read_text() == "old"
    assert carry_out(command.batch("rsync", folder(target), Lane.CONTENT), source, b"f").returncode == 0
    assert (target / "f").read_text() == "new"


def test_a_difference_of_a_nanosecond_is_sent(source: Path, target: Path) -> None:
    for place, content, nanoseconds in ((source, "new", 2), (target, "old", 1)):
        (place / "f").write_text(content)
        os.utime(place / "f", ns=(nanoseconds, nanoseconds))
    assert carry_out(command.batch("rsync", folder(target), Lane.REST), source, b"f").returncode == 0
    assert (target / "f").read_text() == "new"


@pytest.mark.parametrize("lane", [Lane.CONTENT, Lane.REST])
def test_only_the_lane_of_removal_deletes(source: Path, target: Path, lane: Lane) -> None:
    (target / "d").mkdir()
    (target / "d/f").touch()
    assert carry_out(command.batch("rsync", folder(target), lane), source, b"d").returncode == 0
    assert (target / "d/f").exists()
    asked = carry_out(command.batch("rsync", folder(target), Lane.COUNT), source, b"d")
    assert asked.stdout == b"*deleting   d/f\n*deleting   d/\n"
    assert (target / "d/f").exists()
    assert carry_out(command.batch("rsync", folder(target), Lane.REMOVE_TREES), source, b"d").returncode == 0
    assert not (target / "d").exists()


def test_a_removal_of_files_takes_no_directory_that_something_is_in_and_tells(source: Path, target: Path) -> None:
    for name in ("d", "empty"):
        (target / name).mkdir()
    for name in ("d/f", "plain", "cannot delete"):
        (target / name).touch()
    listed = (b"plain", b"cannot delete", b"empty")
    done = carry_out(command.batch("rsync", folder(target), Lane.REMOVE), source, *listed)
    assert (done.returncode, spared_a_directory(done.stdout)) == (0, False)
    (target / "plain").touch()
    done = carry_out(command.batch("rsync", folder(target), Lane.REMOVE), source, b"d", b"plain")
    assert (done.returncode, spared_a_directory(done.stdout)) == (0, True)
    assert [path.name for path in target.iterdir()] == ["d"]
    assert (target / "d/f").exists()


def test_a_listed_directory_brings_its_attributes_and_nothing_that_is_in_it(source: Path, target: Path) -> None:
    (source / "d").mkdir(mode=0o700)
    (source / "d/f").touch()
    assert carry_out(command.batch("rsync", folder(target), Lane.REST), source, b"d").returncode == 0
    assert os.listdir(target) == ["d"]
    assert os.listdir(target / "d") == []
    assert (target / "d").stat().st_mode & 0o777 == 0o700


def test_the_roots_lane_brings_its_attributes_and_touches_nothing_else(source: Path, target: Path) -> None:
    (source / "f").touch()
    (target / "other").touch()
    os.utime(source, (5, 5))
    assert carry_out(command.batch("rsync", folder(target), Lane.ROOT), source, b"").returncode == 0
    assert os.listdir(target) == ["other"]
    assert target.stat().st_mtime == 5


def test_a_file_takes_the_place_of_a_full_directory_and_the_other_way_round(source: Path, target: Path) -> None:
    (source / "x").write_text("file")
    (source / "y").mkdir()
    (target / "x/full").mkdir(parents=True)
    (target / "y").write_text("file")
    done = carry_out(command.batch("rsync", folder(target), Lane.CONTENT), source, b"x", b"y")
    assert done.returncode == 23  # only the lane that is asked about first deletes what is below a name
    assert IN_THE_WAY.encode() in done.stdout + done.stderr
    assert (target / "x/full").is_dir()
    assert (target / "y").is_dir()
    assert carry_out(command.batch("rsync", folder(target), Lane.REPLACE), source, b"x").returncode == 0
    assert (target / "x").read_text() == "file"


def test_a_comparison_changes_nothing_and_tells_everything(source: Path, target: Path) -> None:
    (source / "new").write_text("x")
    (target / "old").write_text("x")
    done = carry_out(command.comparison("rsync", folder(target), [], True, False), source, b"")
    assert re.search(rb"^\*deleting   \d+ old$", done.stdout, re.MULTILINE)
    assert b"<f+++++++++ 1 new\n" in done.stdout or b">f+++++++++ 1 new\n" in done.stdout
    assert b"Number of deleted files: 1" in done.stdout
    assert os.listdir(target) == ["old"]


def test_many_names_stand_in_the_arguments_and_are_treated_as_those_of_a_list(source: Path, target: Path) -> None:
    names = [*ODD, b"d", b"d/f", *(b"%d" % number for number in range(command.MANY))]
    (source / "d").mkdir()
    (source / "d" / "not listed").touch()
    for name in names:
        if name != b"d":
            Path(os.fsdecode(os.fsencode(source) + b"/" + name)).write_bytes(name)
    argv = command.large("rsync", folder(target), Lane.CONTENT, os.fsencode(source), [*names, b"missing"])
    assert argv is not None
    done = carry_out(argv, source)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(os.listdir(os.fsencode(target))) == sorted({name for name in names if b"/" not in name})
    assert os.listdir(target / "d") == ["f"]


@pytest.mark.parametrize(
    ("lane", "count", "length"),
    [(Lane.CONTENT, command.MANY - 1, 1), (Lane.REMOVE, 1000, 1), (Lane.ROOT, 1000, 1), (Lane.REST, 1000, 1100)],
)
def test_few_names_and_too_long_ones_and_other_lanes_have_a_list(lane: Lane, count: int, length: int) -> None:
    assert command.large("rsync", DAEMON, lane, b"/srv", [b"x" * length] * count) is None


def test_a_link_is_made_of_the_same_name_elsewhere_and_what_stands_there_is_left(source: Path, target: Path) -> None:
    for top in (source / "new", target / "old", target / "new"):
        top.mkdir()
    for name in ("same", "there"):
        for top in (source / "new", target / "old"):
            (top / name).write_text("data")
            os.utime(top / name, (1, 1))
    (source / "new" / "unknown").write_text("sent")
    (target / "new" / "there").write_text("else")
    argv = command.renamed("rsync", folder(target), Lane.LINK, b"new", b"old")
    done = carry_out(argv, source / "new", b"same", b"there", b"unknown")
    assert (done.returncode, done.stderr) == (0, b"")
    assert made(done.stdout.splitlines(keepends=True), 0) == {b"same", b"unknown"}
    assert (target / "new" / "same").stat().st_ino == (target / "old" / "same").stat().st_ino
    assert (target / "new" / "there").read_text() == "else"


def test_a_file_that_got_another_name_is_right_whatever_has_its_size_and_time(source: Path, target: Path) -> None:
    for top in (source, target):
        (top / "d").mkdir()
    for path, data in ((source / "d" / "new", "right"), (target / "d" / "old", "wrong")):
        path.write_text(data)
        os.utime(path, (1, 1))
    done = carry_out(command.batch("rsync", folder(target), Lane.FUZZY), source, b"d/new")
    assert (done.returncode, (target / "d" / "new").read_text()) == (0, "right")


@pytest.mark.parametrize("lane", [Lane.LINK, Lane.FUZZY_ELSEWHERE])
def test_directories_of_a_rename_are_named_to_a_daemon_from_its_modules_root(lane: Lane) -> None:
    below = Target("", "rsync", "u", "h", 8730, "m", "a/b", None, ())
    argv = command.renamed("rsync", below, lane, b"-new dir", b"old\xff")
    assert argv[-1] == "rsync://u@h:8730/m/a/b/./-new dir/"
    assert any(os.fsencode(word).endswith(b"-dest=/a/b/old\xff") for word in argv)
    assert command.renamed("rsync", DAEMON, lane, b"", b"old")[-1] == "rsync://u@h:8730/m/./"


@pytest.mark.parametrize(
    ("new", "fits"), [(b"a b", True), (b"-x", True), (b"a*", False), (b"[a", False), (b"a?", False)]
)
def test_names_that_a_daemon_takes_for_patterns_are_not_used(new: bytes, fits: bool) -> None:
    assert command.can_be_renamed(new, b"st*r") is fits


def test_a_process_without_a_name_leaves_with_0(target: Path) -> None:
    for lane in CONNECTED:
        done = carry_out(command.batch("rsync", folder(target), lane), Path("/srv"))
        assert (lane, done.returncode, done.stderr) == (lane, 0, b"")


@pytest.mark.parametrize(
    ("options", "seconds"), [((), 60.0), (("--timeout=5",), 10.0), (("--timeout=5", "-z", "--timeout=100"), 200.0)]
)
def test_patience_outlives_the_timeout_that_rsync_has(options: tuple[str, ...], seconds: float) -> None:
    assert command.patience(replace(DAEMON, rsync_options=options)) == seconds
