"""SIGHUP takes up a changed configuration without disturbing what did not change (C15), SIGTERM stops (C18)."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig
from rig import processes, wait_for


def _add_mirror(rig: Rig, name: str, **keys: Any) -> tuple[Path, Path]:
    """One more mirror in the configuration, into a module of its own; its source and target."""
    source = rig.source.with_name(f"source-{name}")
    source.mkdir(exist_ok=True)
    rig.daemon.write(("backup", name))
    target = {"url": rig.daemon.url(name), "password_file": str(rig.daemon.password_file)}
    rig.watcher.mirrors.append({"name": name, "source": str(source), "targets": [target], **keys})
    rig.watcher.write()
    return source, rig.source.with_name(name)


def _reload(rig: Rig) -> None:
    assert rig.watcher.process is not None
    loaded = rig.watcher.status()["config"]["loaded"]
    rig.watcher.process.send_signal(signal.SIGHUP)
    wait_for(lambda: rig.watcher.status()["config"]["loaded"] > loaded, 10, rig.log)


def _spares(rig: Rig) -> set[int]:
    """The rsyncs that wait for work for the first mirror."""
    mine = processes(str(rig.daemon.password_file))
    return {number for number, line in mine.items() if line.endswith(rig.daemon.url())}


def test_a_mirror_comes_and_goes_and_the_other_does_not_blink(rig: Rig) -> None:
    """C15: no reconcile, no new connection, no event lost."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    seen = [(time.monotonic(), _spares(rig))]

    def settled() -> bool:
        """None has come or gone for a while; how many there are is told by how far the link seems."""
        found = _spares(rig)
        if found != seen[0][1]:
            seen[0] = (time.monotonic(), found)
        return len(found) >= 4 and time.monotonic() - seen[0][0] > 3

    wait_for(settled, 60, lambda: str(_spares(rig)))
    before, spares = rig.watcher.target(), seen[0][1]
    over = threading.Event()

    source, target = _add_mirror(rig, "more")
    (source / "g").write_text("y")
    _reload(rig)
    wait_for((target / "g").exists, 10, rig.log)
    after = rig.watcher.target()
    assert after["batches"] == before["batches"]
    assert after["reconcile"] == before["reconcile"]
    assert after["since"] == before["since"]
    assert _spares(rig) == spares

    def keep_on() -> None:
        number = 0
        while not over.is_set():
            (rig.source / f"n{number % 50}").write_text(str(number))
            number += 1
            time.sleep(0.002)

    worker = threading.Thread(target=keep_on)
    worker.start()
    try:
        rig.watcher.mirrors.pop()
        rig.watcher.write()
        _reload(rig)
        assert [mirror["name"] for mirror in rig.watcher.status()["mirrors"]] == ["data"]
        (source / "unseen").write_text("x")
    finally:
        over.set()
        worker.join()
    rig.equal()
    assert rig.watcher.target()["reconcile"] == before["reconcile"]
    assert not (target / "unseen").exists()


def test_a_changed_mirror_starts_anew(rig: Rig) -> None:
    """C15: what it excluded before arrives."""
    (rig.source / "a.swp").write_text("x")
    rig.start(exclude=["*.swp"])
    rig.equal(b"a.swp")
    rig.watcher.mirrors[0]["exclude"] = []
    rig.watcher.write()
    _reload(rig)
    rig.equal()


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("mirrors: [", "line"),
        ("mirors: []\n", "mirrors"),
        ("mirrors: [{name: data, source: relative, targets: [{url: 'rsync://h/m'}]}]\n", "source"),
        (None, "cannot be read"),
        ("state_dir: /elsewhere\nmirrors: [{name: data, source: /s, targets: [{url: 'rsync://h/m'}]}]\n", "restart"),
    ],
)
def test_a_mistake_leaves_what_runs_alone_and_is_named(rig: Rig, text: str | None, mistake: str) -> None:
    """C15: in status.config.error, in healthz and in the log; a mended file clears it."""
    rig.start()
    good = rig.watcher.config.read_text()
    if text is None:
        rig.watcher.config.rename(rig.watcher.config.with_name("away"))
    else:
        rig.watcher.config.write_text(text)
    assert rig.watcher.process is not None
    rig.watcher.process.send_signal(signal.SIGHUP)
    wait_for(lambda: rig.watcher.status()["config"]["error"], 10, rig.log)
    status = rig.watcher.status()
    assert mistake in status["config"]["error"]
    assert not status["healthy"]
    assert "not reloaded" in rig.log()
    (rig.source / "f").write_text("x")
    rig.equal()
    rig.watcher.config.write_text(good)
    _reload(rig)
    assert rig.watcher.status()["config"]["error"] is None


def test_a_target_that_leads_into_a_source_is_refused_however_it_is_named(rig: Rig, tmp_path: Path) -> None:
    """It would copy what it has copied, for ever; only the disk can tell."""
    rig.start()
    (rig.source / "inside").mkdir()
    (tmp_path / "link").symlink_to(rig.source / "inside")
    other = tmp_path / "other"
    other.mkdir()
    target = {"url": f"file://{tmp_path}/link"}
    rig.watcher.mirrors.append({"name": "more", "source": str(other), "targets": [target]})
    rig.watcher.write()
    assert rig.watcher.process is not None
    rig.watcher.process.send_signal(signal.SIGHUP)
    error = wait_for(lambda: rig.watcher.status()["config"]["error"], 10, rig.log)
    assert str(rig.source / "inside") in error
    (other / "f").write_text("x")
    (rig.source / "goes on").write_text("x")
    rig.equal()
    assert not (rig.source / "inside/f").exists()
    rig.watcher.stop()
    for command in (("run",), ("run", "--once")):
        done = rig.watcher.command(*command, "--config", str(rig.watcher.config))
        assert done.returncode == 2
        assert str(rig.source / "inside") in done.stderr


def test_a_stop_is_orderly_and_quick(rig: Rig) -> None:
    """C18: exit 0; what is under way is not lost, and no rsync is left (the fixture looks)."""
    rig.start()
    (rig.source / "f").write_text("x")
    rig.equal()
    began = time.monotonic()
    assert rig.watcher.stop() == 0
    assert time.monotonic() - began < 8  # less than the ten seconds that it waits for what is under way
    assert not rig.watcher.socket.exists()


def test_a_stop_in_the_middle_of_work_ends_in_time(rig: Rig) -> None:
    """C18: with a daemon that answers no more, within the stop timeout."""
    rig.start()
    for number in range(30):
        (rig.source / f"f{number}").write_bytes(os.urandom(1 << 20))
    rig.daemon.freeze()
    try:
        (rig.source / "g").write_bytes(os.urandom(20 << 20))
        wait_for(lambda: rig.watcher.target()["in_flight"], 30, rig.log)
        began = time.monotonic()
        assert rig.watcher.stop() == 0
        assert time.monotonic() - began < 20  # systemd's patience, as the role has it
    finally:
        rig.daemon.freeze(False)
    rig.watcher.start()
    rig.equal()
