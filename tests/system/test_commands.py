"""The commands of the service, as operators type them; and mistakes, each told in one clear line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Rig
from rig import processes, wait_for

from lockstep.status.control import ask


def _do(rig: Rig, *words: str) -> subprocess.CompletedProcess[str]:
    return rig.watcher.command(*words, "--socket", str(rig.watcher.socket), timeout=20)


def test_pause_keeps_changes_back_and_resume_lets_them_go(rig: Rig) -> None:
    """C11, C19: nothing is forgotten meanwhile, and no reconcile is needed."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    compared = rig.watcher.target()["reconcile"]
    assert _do(rig, "pause", "data").returncode == 0
    assert rig.watcher.wait_state("paused")["lag"] == 0
    (rig.source / "f").unlink()
    (rig.source / "g").write_text("x")
    wait_for(lambda: rig.watcher.target()["pending"] >= 2, 30, rig.log)
    done = _do(rig, "status")
    assert done.returncode == 1
    assert "paused" in done.stdout
    assert (rig.target / "f").exists()
    assert not (rig.target / "g").exists()
    assert _do(rig, "resume", "data").returncode == 0
    rig.equal()
    assert rig.watcher.target()["reconcile"] == compared


def test_an_order_tells_whether_it_has_changed_anything(rig: Rig) -> None:
    """Over the socket, for those who report changes; also while the target is down, which a state alone would hide."""

    def changed(order: str) -> object:
        answer = ask(str(rig.watcher.socket), {"command": order, "mirror": "data"})
        assert answer["ok"] is True, answer
        return answer["changed"]

    rig.start()
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    rig.watcher.wait_state("down")
    assert [changed(order) for order in ("pause", "pause", "resume", "resume")] == [True, False, True, False]
    assert changed("release") is False
    assert changed("resync") is True
    rig.daemon.start()
    rig.equal()


def test_status_says_what_is(rig: Rig) -> None:
    """C19: 0 only when all is in step; as text and as JSON, and the same over HTTP."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    done = _do(rig, "status")
    assert done.returncode == 0
    assert "live" in done.stdout
    status = json.loads(_do(rig, "status", "--json").stdout)
    assert status["state"] == "live"
    assert status["healthy"] is True
    assert status["mirrors"][0]["source"] == str(rig.source)


def test_resync_mends_what_was_changed_on_the_target(rig: Rig) -> None:
    """A whole mirror, a subtree, and one file; the rest is left alone."""
    for name in ("a", "b"):
        (rig.source / name).mkdir()
        (rig.source / name / "f").write_text("right")
    rig.start()
    rig.equal()
    (rig.target / "a" / "f").write_text("spoiled")
    (rig.target / "b" / "f").write_text("spoiled")
    (rig.target / "a" / "extra").write_text("x")
    done = _do(rig, "resync", "data", "a")
    assert done.returncode == 0
    wait_for(lambda: (rig.target / "a" / "f").read_text() == "right", 10, rig.log)
    wait_for(lambda: not (rig.target / "a" / "extra").exists(), 10, rig.log)
    rig.watcher.wait_in_step()
    assert (rig.target / "b" / "f").read_text() == "spoiled"
    assert _do(rig, "resync", "data", "b/f").returncode == 0
    rig.equal()
    (rig.target / "b" / "f").unlink()
    (rig.target / "beside").mkdir()
    assert _do(rig, "resync", "data").returncode == 0
    rig.equal()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pause", "nothing"], "no mirror 'nothing'"),
        (["resync", "data", "../elsewhere"], "relative to the source"),
        (["resync", "data", "/etc"], "relative to the source"),
    ],
)
def test_orders_that_make_no_sense_are_refused(rig: Rig, words: list[str], said: str) -> None:
    """One line on stderr, exit 1."""
    rig.start()
    done = _do(rig, *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_release_with_nothing_held_says_so(rig: Rig) -> None:
    rig.start()
    done = _do(rig, "release", "data")
    assert done.returncode == 0
    assert "nothing was held" in done.stdout


def test_commands_without_a_service_say_so(rig: Rig) -> None:
    done = _do(rig, "status")
    assert done.returncode == 1
    assert str(rig.watcher.socket) in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_daemon_with_a_pid_file(rig: Rig) -> None:
    """C12, C18: it returns when it is ready; a second one is refused; on SIGTERM it takes its pid file along."""
    pid_file = rig.watcher.folder / "lockstep.pid"
    words = ["run", "--config", str(rig.watcher.config), "--daemon", "--pid-file", str(pid_file)]
    words += ["--log-file", str(rig.watcher.log)]
    (rig.source / "f").write_text("x")
    done = rig.watcher.command(*words, timeout=20)
    assert done.returncode == 0, done.stderr
    pid = int(pid_file.read_text())
    try:
        rig.equal()
        assert rig.watcher.status()["pid"] == pid
        again = rig.watcher.command(*words, timeout=20)
        assert again.returncode == 1
        assert str(pid) in again.stderr
        (rig.source / "g").write_text("x")
        rig.equal()
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not pid_file.exists(), 20, rig.log)
    wait_for(lambda: pid not in processes("lockstep"), 10)
    assert not rig.watcher.socket.exists()


def _mirror(**keys: Any) -> Any:
    def change(rig: Rig) -> None:
        rig.watcher.mirrors[0].update(keys)

    return change


def _target(**keys: Any) -> Any:
    def change(rig: Rig) -> None:
        rig.watcher.mirrors[0]["targets"][0].update(keys)

    return change


def _readable(rig: Rig) -> None:
    rig.daemon.password_file.chmod(0o644)


def _twice(rig: Rig) -> None:
    rig.watcher.mirrors.append({**rig.watcher.mirrors[0], "name": "again"})


def _inside(rig: Rig) -> None:
    (rig.source / "sub").mkdir()
    rig.watcher.mirrors[0]["targets"] = [{"url": f"file://{rig.source}/sub"}]


MISTAKES: dict[str, tuple[Any, int, str]] = {
    "source missing": (_mirror(source="/nowhere/at/all"), 1, "does not exist"),
    "source is a file": (_mirror(source="/etc/passwd"), 1, "not a directory"),
    "source is relative": (_mirror(source="data"), 2, "absolute"),
    "source is the root": (_mirror(source="/"), 2, "must not be /"),
    "unknown key": (_mirror(exlude=["*.swp"]), 2, "exclude"),
    "number out of range": (_mirror(pace=7), 2, "pace"),
    "number that is none": (_mirror(quiet="soon"), 2, "quiet"),
    "wait shorter than quiet": (_mirror(quiet=5, max_wait=1), 2, "max_wait"),
    "url malformed": (_target(url="rsync:/host/module"), 2, "url"),
    "url with the password in it": (_target(url="rsync://u:secret@h/m"), 2, "password"),
    "no password file": (_target(password_file="/nowhere/at/all"), 1, "No such file"),
    "password readable by others": (_readable, 1, "chmod"),
    "source listed twice": (_twice, 2, "already"),
    "target inside of the source": (_inside, 2, "must not lie"),
    "module unknown": (lambda rig: _target(url=rig.daemon.url("unknown"))(rig), 1, "no such module"),
    "rsync missing": (lambda rig: None, 1, "rsync"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_by_check_in_one_line(rig: Rig, mistake: str) -> None:
    """C9, C10, C11: what, why, and the file that it is in; exit 2 for the configuration, 1 for what it meets."""
    change, code, said = MISTAKES[mistake]
    change(rig)
    rig.watcher.write()
    if mistake == "rsync missing":
        config = yaml.safe_load(rig.watcher.config.read_text())
        rig.watcher.config.write_text(yaml.safe_dump({**config, "rsync": "/nowhere/rsync"}))
    done = rig.watcher.command("check", str(rig.watcher.config), timeout=30)
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if said in line]
    assert lines, done.stderr
    assert all(line.startswith(f"lockstep: {rig.watcher.config}: ") for line in done.stderr.splitlines())
    assert "secret" not in done.stderr


@pytest.mark.parametrize("mistake", [name for name, (_, code, _) in MISTAKES.items() if code == 2])
def test_run_refuses_a_configuration_with_a_mistake(rig: Rig, mistake: str) -> None:
    """C15: exit 2 before anything starts, with and without --daemon."""
    change, _, said = MISTAKES[mistake]
    change(rig)
    rig.watcher.write()
    for more in ([], ["--daemon", "--pid-file", str(rig.watcher.folder / "pid")]):
        done = rig.watcher.command("run", "--config", str(rig.watcher.config), *more, timeout=10)
        assert done.returncode == 2
        assert said in done.stderr
    assert not (rig.watcher.folder / "pid").exists()


def test_a_source_that_comes_later_is_waited_for(rig: Rig) -> None:
    """C7: run does not give up on it: it is held, says why, and starts when it is there."""
    rig.source.rmdir()
    rig.watcher.start(wait=False)
    assert "No such file" in rig.watcher.wait_state("held")["reason"]
    rig.source.mkdir()
    (rig.source / "f").write_text("x")
    rig.watcher.wait_state("live")
    rig.equal()


def test_a_check_of_a_good_configuration_changes_nothing(rig: Rig) -> None:
    """C10: it logs in, and leaves nothing behind."""
    before = time.time()
    done = rig.watcher.command("check", str(rig.watcher.config), timeout=30)
    assert done.returncode == 0, done.stderr
    assert "ok" in done.stdout
    assert not list(rig.target.iterdir())
    assert rig.target.stat().st_mtime < before
    assert not Path(rig.watcher.folder / "state").exists()
