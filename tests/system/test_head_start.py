"""Much that a target lacks is sent together, and what changes meanwhile is right in the end (C3, C12, C21)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Rig
from rig import ENVIRONMENT, wait_for

STRAINED = str(Path(__file__).with_name("strained.py"))
TOLD = "were sent together"

# Behind a real one that is over it does what one can do that has read a file before it changed, and what was deleted
# before that: it puts `stale` in its place, with the time that it had, and makes `gone` once more.
LATE = """#!/bin/sh
case "$*" in *--max-size*) ;; *) exec rsync "$@";; esac
touch "{here}/began"
while [ ! -e "{here}/go" ]; do sleep 0.01; done
rsync "$@" || exit
for name in stale gone; do
  cp -p "{here}/$name" "{target}/d/.$name.AbCdEf" && mv "{target}/d/.$name.AbCdEf" "{target}/d/$name"
done
"""


def fill(rig: Rig, files: int, size: int = 200) -> None:
    for number in range(files):
        folder = rig.source / f"d{number % 40}" / f"e{number % 400}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"f{number}").write_bytes(b"x" * size)


def wait_sending(rig: Rig, done: int = 1) -> None:
    """Until the head start is under way, and so many names are told as sent."""

    def is_so() -> bool:
        found = rig.watcher.target()["reconcile"]
        return bool(found["state"] == "sending" and done <= found["done"] < found["known"])

    wait_for(is_so, 30, rig.log)


def start_slowly(rig: Rig) -> None:
    """With a head start under way that takes some seconds, however quick the machine is."""
    fill(rig, 12_000)
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--bwlimit=400"]
    rig.watcher.write()
    rig.watcher.start(wait=False)
    rig.watcher.wait_answers()
    wait_sending(rig)


@pytest.mark.parametrize("delete", [True, False, "startup"])
def test_what_it_overwrites_or_brings_back_late_is_right_in_the_end(rig: Rig, tmp_path: Path, delete: object) -> None:
    program = tmp_path / "late-rsync"
    program.write_text(LATE.format(here=tmp_path, target=rig.target))
    program.chmod(0o755)
    (rig.source / "d").mkdir()
    for number in range(60):
        (rig.source / "d" / f"f{number}").write_text("x")
    for name in ("stale", "gone"):
        (rig.source / "d" / name).write_text("old")
        os.utime(rig.source / "d" / name, (1_000_000_000, 1_000_000_000))
        (tmp_path / name).write_text("old")
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.head_start.LEAST": 50})]
    rig.watcher.extra = {"rsync": str(program)}
    rig.watcher.mirrors[0]["delete"] = delete
    rig.watcher.write()
    rig.watcher.start(wait=False)
    wait_for((tmp_path / "began").exists, 30, rig.log)
    (rig.source / "d" / "stale").write_text("new")  # with size and time as before
    os.utime(rig.source / "d" / "stale", (1_000_000_000, 1_000_000_000))
    (rig.source / "d" / "later").write_text("x")
    (rig.source / "d" / "gone").unlink()
    wait_for((rig.target / "d" / "later").exists, 20, rig.log)
    wait_for(
        lambda: (rig.target / "d" / "stale").exists() and (rig.target / "d" / "stale").read_text() == "new", 20, rig.log
    )
    (tmp_path / "go").touch()
    wait_for(lambda: TOLD in rig.log(), 20, rig.log)
    if delete is not False:
        rig.equal()
    else:
        rig.become_equal(b"d/gone")
        rig.watcher.wait_in_step()
        assert not rig.differences(b"d/gone")
        assert (rig.target / "d" / "gone").exists(), "and nothing is deleted that must not be"


def test_what_changes_beside_it_arrives_and_stays(rig: Rig) -> None:
    """Rewritten with size and time as before, renamed, deleted, made; of files that it sends just then."""
    start_slowly(rig)
    number = 0
    while TOLD not in rig.log():
        at = number * 37 % 12_000
        path = rig.source / f"d{at % 40}" / f"e{at % 400}" / f"f{at}"
        if path.exists():
            before = path.stat()
            if number % 4 == 0:
                path.unlink()
            elif number % 4 == 1:
                path.rename(path.with_name(f"renamed{number}"))
            else:
                path.write_bytes(b"y" * 200)
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if number % 50 == 0:
            if number < 40 * 50:
                (rig.source / f"d{number // 50}").rename(rig.source / f"moved{number}")
            (rig.source / f"live{number}").write_text("x")
            wait_for((rig.target / f"live{number}").exists, 10, rig.log)
        number += 1
    assert number > 50
    rig.equal()
    assert rig.log().count(TOLD) == 1


@pytest.mark.parametrize("how", ["killed", "stopped", "target away", "paused"])
def test_one_that_is_cut_is_made_up_for(rig: Rig, how: str) -> None:
    start_slowly(rig)
    (rig.source / "d0" / "beside").write_text("x")
    if how in ("killed", "stopped"):
        rig.watcher.stop(signal.SIGKILL if how == "killed" else signal.SIGTERM)
        (rig.source / "d1" / "meanwhile").write_text("x")
        rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = []
        rig.watcher.write()
        rig.watcher.start()
    elif how == "target away":
        rig.daemon.kill()
        rig.watcher.wait_state("down")
        rig.daemon.start()
    else:
        rig.watcher.ask(command="pause", mirror="data")
        wait_for(lambda: TOLD in rig.log(), 20, rig.log)
        rig.watcher.ask(command="resume", mirror="data")
    rig.equal(seconds=90)


def test_what_is_left_out_or_too_large_is_not_sent_with_it(rig: Rig) -> None:
    fill(rig, 60)
    for name in ("d1/no.tmp", "cache/f"):
        (rig.source / name).parent.mkdir(exist_ok=True)
        (rig.source / name).write_text("x")
    (rig.source / "large").write_bytes(b"l" * 70_000)
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.head_start.LEAST": 50, "lockstep.reconcile.BULK": 70_000})]
    rig.start(exclude=["*.tmp", "cache/"])
    rig.equal(b"d1/no.tmp", b"cache")
    assert not (rig.target / "d1" / "no.tmp").exists()
    assert not (rig.target / "cache").exists()
    sent = next(line for line in rig.log().splitlines() if TOLD in line)
    assert f"with {60 * 200} bytes" in sent, "the large one comes after it, and has a process of its own"


def test_what_was_sent_with_it_is_counted_where_all_is_sent_once(rig: Rig) -> None:
    fill(rig, 60)
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.head_start.LEAST": 50})]
    done = subprocess.run(
        [sys.executable, *rig.watcher.program, "run", "--once", "--config", str(rig.watcher.config)],
        cwd="/", env=ENVIRONMENT, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert TOLD in done.stderr
    found = re.search(r"\((\d+) names and ([\d,.]+) bytes", done.stdout)
    assert found is not None, done.stdout
    assert int(found[1]) >= 60
    assert float(found[2].replace(",", "")) > 0
    assert not rig.differences()


def test_hooks_are_told_each_name(rig: Rig, tmp_path: Path) -> None:
    fill(rig, 60)
    told = tmp_path / "told"
    program = tmp_path / "hook"
    program.write_text(f"#!/bin/sh\ncat >> {told}\n")
    program.chmod(0o755)
    rig.watcher.program = [STRAINED, json.dumps({"lockstep.head_start.LEAST": 50})]
    rig.start(hooks=[{"command": [str(program)]}])
    rig.equal()
    names = {f"d{number % 40}/e{number % 400}/f{number}" for number in range(60)}
    wait_for(lambda: told.exists() and all(name in told.read_text() for name in names), 20, rig.log)
    assert TOLD not in rig.log()
