"""`lockstep events` beside inotifywait: the same lines for the same operations, and none missing where that misses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rig import ENVIRONMENT, processes, wait_for
from side_by_side import KERNEL, Running, both, command, once


def _files(tree: Path, _running: Running) -> None:
    (tree / "new").write_text("x")
    with (tree / "file").open("a") as file:
        file.write("more")
    (tree / "file").read_text()
    (tree / "file").chmod(0o600)
    (tree / "new").rename(tree / "newer")
    os.link(tree / "file", tree / "linked")
    (tree / "pointer").symlink_to("nowhere")
    (tree / "newer").unlink()
    (tree / "old" / "inner").write_text("y")


def _names(tree: Path, _running: Running) -> None:
    for name in (b"a b", b" first", b"last ", b'quo"te', b"com,ma", b"new\nline", b"\xff\xfe", b"per%cent", b"n" * 255):
        with open(os.fsencode(tree) + b"/" + name, "wb"):
            pass


def _directories(tree: Path, running: Running) -> None:
    (tree / "made").mkdir()
    running.watches(4)
    (tree / "made" / "f").write_text("x")
    (tree / "made").rename(tree / "renamed")
    (tree / "renamed" / "f").write_text("longer")
    (tree / "old" / "older").rename(tree / "renamed" / "moved")
    (tree / "renamed" / "moved" / "g").write_text("y")
    (tree / "renamed" / "moved" / "g").unlink()
    (tree / "renamed" / "moved").rmdir()
    (tree / "renamed" / "f").unlink()
    (tree / "renamed").rmdir()
    (tree / "old").rename(tree.parent / "out")
    (tree.parent / "out" / "unseen").write_text("x")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-r"],
        ["-c"],
        ["-r", "--csv", "-e", "create", "-e", "DELETE,move"],
        ["-e", "close,open"],
        ["--format", "%w|%f|%e|%;e|%%|%0|%n|%Q|%", "-e", "modify,attrib"],
        ["--format", "%f%0", "--no-newline"],
        ["-r", "--format", "%T %w%f", "--timefmt", "at Y%% %%s"],
        ["-r", "--exclude", "/(new|linked)$"],
        ["-r", "--excludei", "/(NEW|LINKED)$"],
        ["-r", "--include", "e[[:alpha:]]*$"],
        ["-r", "--includei", "NEW|FENCE"],
        ["-r", "@tree/old"],
        ["-P", "-e", "create"],
    ],
    ids=" ".join,
)
def test_events_of_files_are_told_as_inotifywait_tells_them(tmp_path: Path, words: list[str]) -> None:
    real, ours = both(tmp_path, words, _files)
    assert ours == real
    assert len(ours) > 1


@pytest.mark.parametrize("words", [[], ["-c"], ["--format", "%w%f%0", "--no-newline"]], ids=" ".join)
def test_names_are_told_as_inotifywait_tells_them(tmp_path: Path, words: list[str]) -> None:
    real, ours = both(tmp_path, words, _names)
    assert ours == real
    assert any(b"\xff\xfe" in line for line in ours)


def test_events_of_directories_are_told_as_inotifywait_tells_them(tmp_path: Path) -> None:
    """Where that has the time to watch them; of a directory moved out it may go on to tell, without a path."""
    real, ours = both(tmp_path, ["-r", "-e", KERNEL], _directories)
    assert ours == [line for line in real if not line.startswith(b" ")]
    assert b"tree/renamed/moved/ DELETE g" in ours


def test_a_file_that_is_watched_itself_has_no_slash(tmp_path: Path) -> None:
    for real in (True, False):
        (tmp_path / "f").write_text("x")
        with Running("events", real, ["-m", "f"], tmp_path) as running:
            (tmp_path / "f").write_text("longer")
            wait_for(lambda: b"CLOSE_WRITE" in running.output(), 20, running.said)
            assert running.output().split(b"\n")[-2] == b"f CLOSE_WRITE,CLOSE "


# what ends them, what they then exit with, and whether anything is printed
ENDS = {
    "an event that was asked for": (["-e", "create", "tree"], lambda tree: (tree / "x").touch(), 0, True),
    "its loss, which was not asked for": (["-e", "open", "tree/file"], lambda tree: (tree / "file").unlink(), 1, False),
    "nothing within the time": (["-t", "1", "tree"], lambda tree: None, 2, False),
    "nothing more within the time": (["-m", "-t", "5", "tree"], lambda tree: (tree / "x").mkdir(), 2, True),
    "an event, quietly": (["-qq", "-e", "create", "tree"], lambda tree: None, 0, False),
}


@pytest.mark.parametrize("what", ENDS)
def test_the_exit_status_is_that_of_inotifywait(tmp_path: Path, what: str) -> None:
    words, operation, status, printed = ENDS[what]
    quiet = "-qq" in words
    found = []
    for real in (True, False):
        folder = tmp_path / str(real)
        tree = folder / "tree"
        tree.mkdir(parents=True)
        (tree / "file").write_text("x")
        with Running("events", real, words, folder, quiet=quiet) as running:
            if quiet:  # it does not say when it is ready
                running.watches(1)
                (tree / "x").touch()
            operation(tree)
            found.append((running.ended(), running.output(), running.said()))
    assert found[1] == found[0]
    assert found[1][0] == status
    assert bool(found[1][1]) is printed


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-m", "nowhere"],
        ["-m", "tree", "nowhere"],
        ["-e", "nonsense", "tree"],
        ["-d", "tree"],
        ["-c", "--format", "%f", "tree"],
        ["--format", "%T", "tree"],
        ["--timefmt", "%s", "tree"],
        ["--no-newline", "tree"],
    ],
    ids=" ".join,
)
def test_mistakes_are_told_as_inotifywait_tells_them(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "tree").mkdir()
    real = once("events", True, words, tmp_path)
    assert once("events", False, words, tmp_path) == real
    assert real[0] == 1


@pytest.mark.parametrize(
    "words",
    [["--bogus", "t"], ["-Z", "t"], ["-t", "soon", "t"], ["--exclude", "(", "t"], ["--fromfile", "none"]],
    ids=" ".join,
)
def test_wrong_usage_exits_as_inotifywait_does_and_says_more(tmp_path: Path, words: list[str]) -> None:
    """Not with 2, which a script takes for a time that is over."""
    (tmp_path / "t").mkdir()
    status, _output, said = once("events", False, words, tmp_path)
    assert status == once("events", True, words, tmp_path)[0] == 1
    assert any(word.strip("-") in said for word in words)


def test_paths_are_read_from_a_file_or_stdin_and_those_with_an_at_are_left_out(tmp_path: Path) -> None:
    for place in ("list", "-"):
        tree = tmp_path / place / "tree"
        (tree / "no").mkdir(parents=True)
        (tree / "yes").mkdir()
        (tmp_path / place / "list").write_text("tree\n@tree/no/\n")
        with (tmp_path / place / "list").open() as listed:
            process = subprocess.Popen(
                [*command("events", False), "-m", "-r", "-e", "create", "--fromfile", place],
                cwd=tmp_path / place, env=ENVIRONMENT, stdin=listed, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
        assert process.stderr is not None
        assert process.stdout is not None
        assert b"may take a while" in process.stderr.readline()
        assert process.stderr.readline() == b"Watches established.\n"
        (tree / "no" / "f").touch()
        (tree / "yes" / "f").touch()
        assert process.stdout.readline() == b"tree/yes/ CREATE f\n"
        process.terminate()
        process.communicate(timeout=20)


def test_events_are_added_to_a_file_by_a_daemon_that_returns_when_it_watches(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "out").write_text("before\n")
    status, output, said = once("events", False, ["-d", "-o", "out", "-e", "create", "tree"], tmp_path)
    assert (status, output) == (0, ""), said
    (daemon,) = (pid for pid in processes("events -d -o out") if Path(f"/proc/{pid}/cwd").readlink() == Path("/"))
    try:
        (tmp_path / "tree" / "f").touch()
        wait_for(lambda: (tmp_path / "out").read_text() == "before\ntree/ CREATE f\n", 20)
    finally:
        os.kill(daemon, signal.SIGTERM)
    wait_for(lambda: not Path(f"/proc/{daemon}").exists(), 20)


def test_it_ends_when_nothing_is_left_to_watch(tmp_path: Path) -> None:
    """inotifywait -m stays for ever then."""
    (tmp_path / "tree").mkdir()
    with Running("events", False, ["-m", "-r", "tree"], tmp_path) as running:
        (tmp_path / "tree").rmdir()
        assert running.ended() == 1
        assert running.said().endswith("nothing is left to watch\n")


def test_help_of_both_tools_is_shown(tmp_path: Path) -> None:
    for tool, says in (("events", "inotifywait"), ("stats", "inotifywatch")):
        for word in ("-h", "--help"):
            status, output, _said = once(tool, False, [word], tmp_path)
            assert status == 0
            assert says in output


def test_a_reader_that_has_seen_enough_ends_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "lockstep", "events", "-q", "-m", str(tmp_path / "tree")],
        env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()

    def touched() -> bool:
        (tmp_path / "tree" / "f").touch()
        return process.poll() is not None

    wait_for(touched, 30)
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_with_syslog_nothing_is_said_to_stderr(tmp_path: Path) -> None:
    """What it says goes to the system's log, mistakes of usage aside; the tests of the package see it arrive there."""
    (tmp_path / "tree").mkdir()
    assert once("events", False, ["-s", "-t", "0.1", "tree"], tmp_path) == (2, "", "")
    assert once("events", True, ["-s", "-t", "1", "tree"], tmp_path) == (2, "", "")
