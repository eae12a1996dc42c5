"""Others are told when a target has been in trouble, and when it is cured; by whatever means, the sync never waits."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import Rig
from rig import processes, wait_for

TOKEN = "only-for-this-test-0123"


class Pager(ThreadingHTTPServer):
    """A real HTTP server that people would be paged by; `broken` answers 500, `silent` does not answer."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PagerHandler)
        self.broken = False
        self.silent = threading.Event()
        self.silent.set()
        self.tries = 0
        self.got: list[dict[str, Any]] = []
        self.tokens: set[str | None] = set()

    def events(self) -> list[str]:
        return [change["event"] for message in self.got for change in message["changes"]]


class PagerHandler(BaseHTTPRequestHandler):
    server: Pager

    def do_POST(self) -> None:
        self.server.tries += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.silent.wait(60)
        if not self.server.broken:
            self.server.got.append(json.loads(body))
            self.server.tokens.add(self.headers["Authorization"])
        self.send_response(500 if self.server.broken else 204)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def pager() -> Iterator[Pager]:
    found = Pager()
    thread = threading.Thread(target=found.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.silent.set()
    found.shutdown()
    thread.join()
    found.server_close()


def _notify(rig: Rig, pager: Pager, **more: Any) -> None:
    token = rig.watcher.folder / "pager-token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    to = {"url": f"http://127.0.0.1:{pager.server_port}/page", "token_file": str(token)}
    rig.watcher.notify = {"behind": 1, "down": 0.5, "interval": 0.2, "to": [to], **more}


def test_down_and_cured_are_posted_with_the_token(rig: Rig, pager: Pager) -> None:
    _notify(rig, pager)
    rig.start()
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    wait_for(lambda: pager.events() == ["down"], 60, rig.log)
    rig.daemon.start()
    wait_for(lambda: pager.events() == ["down", "cured"], 90, rig.log)
    change = pager.got[0]["changes"][0]
    assert (change["mirror"], change["target"], change["before"]) == ("data", "127.0.0.1/backup", None)
    assert "is down: " in pager.got[0]["text"]
    assert pager.tokens == {f"Bearer {TOKEN}"}
    assert not [line for line in processes(str(rig.watcher.folder)).values() if TOKEN in line]
    assert TOKEN not in rig.log() + json.dumps(rig.watcher.status())


def test_a_pager_that_is_broken_is_tried_again_until_it_has_heard_everything_once(rig: Rig, pager: Pager) -> None:
    pager.broken = True
    _notify(rig, pager)
    rig.start(max_delete={"percent": 0, "at_least": 0})
    (rig.source / "f").write_text("x")
    rig.equal()
    (rig.source / "f").unlink()
    rig.watcher.wait_state("held")
    wait_for(lambda: pager.tries >= 2, 30, rig.log)
    told = wait_for(lambda: rig.watcher.status()["notify"][0]["error"], 10)
    assert "HTTP 500" in told
    rig.watcher.ask(command="release", mirror="data")
    rig.equal()
    pager.broken = False
    wait_for(lambda: pager.events() == ["held", "cured"], 60, rig.log)
    assert rig.log().count("HTTP 500") == 1


def test_a_pager_that_never_answers_delays_no_file(rig: Rig, pager: Pager) -> None:
    pager.silent.clear()
    _notify(rig, pager)
    rig.start(max_delete={"percent": 0, "at_least": 0})
    (rig.source / "f").write_text("x")
    rig.equal()
    (rig.source / "f").unlink()
    rig.watcher.wait_state("held")
    wait_for(lambda: pager.tries, 30, rig.log)
    for number in range(20):
        (rig.source / f"g{number}").write_text("x")
        wait_for((rig.target / f"g{number}").exists, 5, rig.log)
    assert pager.got == []
    assert rig.watcher.stop() == 0


def test_a_command_gets_the_message_on_stdin_and_none_of_the_watchers_secrets(rig: Rig, pager: Pager) -> None:
    heard = rig.watcher.folder / "heard"
    script = "import os, sys; open(sys.argv[1], 'a').write(sys.stdin.read()); assert 'RSYNC_PASSWORD' not in os.environ"
    command = [sys.executable, "-c", script, str(heard)]
    _notify(rig, pager, to=[{"command": command}])
    rig.start()
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    wait_for(heard.exists, 60, rig.log)
    message = wait_for(lambda: heard.read_text().endswith("\n") and json.loads(heard.read_text().splitlines()[0]), 10)
    assert message["changes"][0]["event"] == "down"
    rig.daemon.start()


def test_after_a_restart_nothing_is_told_twice_and_the_cure_is_told(rig: Rig, pager: Pager) -> None:
    _notify(rig, pager)
    rig.start()
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    wait_for(lambda: pager.events() == ["down"], 60, rig.log)
    rig.watcher.stop()
    rig.watcher.start(wait=False)
    rig.watcher.wait_state("down", seconds=60)
    rig.daemon.start()
    wait_for(lambda: pager.events() == ["down", "cured"], 90, rig.log)


def test_a_reload_takes_up_other_receivers(rig: Rig, pager: Pager) -> None:
    rig.start()
    _notify(rig, pager)
    rig.watcher.write()
    assert rig.watcher.process is not None
    os.kill(rig.watcher.process.pid, 1)
    wait_for(lambda: len(rig.watcher.status()["notify"]) == 1, 10, rig.log)
    rig.daemon.kill()
    (rig.source / "f").write_text("x")
    wait_for(lambda: pager.events() == ["down"], 60, rig.log)
    rig.daemon.start()


def test_a_mistake_in_who_is_told_is_found_by_check(rig: Rig, pager: Pager, tmp_path: Path) -> None:
    _notify(rig, pager)
    (rig.watcher.folder / "pager-token").chmod(0o644)
    rig.watcher.write()
    done = rig.watcher.command("check", "--offline", str(rig.watcher.config), timeout=30)
    assert done.returncode == 1
    assert "notify.to[0]: token_file" in done.stderr
    assert "chmod o=" in done.stderr
    assert TOKEN not in done.stderr
