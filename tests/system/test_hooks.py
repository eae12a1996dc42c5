"""Hooks are told what the target has confirmed, by whatever means, at least once; the sync never waits for them."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from conftest import Rig
from rig import wait_for

ODD = [b"plain", b"with space", b"$(touch x)`y`", b"l\nf", b"\xff\xfe", b"-n", b"'\""]


class Server(ThreadingHTTPServer):
    """Takes what is posted and purged; `broken` answers 503, `silent` does not answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.broken = False
        self.open = threading.Event()
        self.open.set()
        self.tries = 0
        self.posted: list[dict[str, Any]] = []
        self.purged: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def told(self, kind: str) -> list[bytes]:
        return [
            os.fsencode(change["path"])
            for message in self.posted
            for change in message["changes"]
            if change["kind"] == kind
        ]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.tries += 1
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.open.wait(60)
        if not self.server.broken and self.command == "POST":
            self.server.posted.append(json.loads(body))
        elif not self.server.broken:
            self.server.purged.append(unquote_to_bytes(self.path[len("/cdn/") :]))
        self.send_response(503 if self.server.broken else 200)
        self.end_headers()

    do_PURGE = do_POST

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.open.set()
    found.shutdown()
    thread.join()
    found.server_close()


def writes(path: Path) -> list[str]:
    """A command that adds its stdin to a file."""
    return [sys.executable, "-c", "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read())", str(path)]


def make(rig: Rig, name: bytes) -> None:
    with open(os.fsencode(rig.source) + b"/" + name, "wb") as file:
        file.write(name)


def test_a_command_gets_every_name_once_it_is_on_the_target(rig: Rig) -> None:
    """NUL-ended, and in lines; whatever a name is, it is never more than that."""
    heard, lines = rig.watcher.folder / "heard", rig.watcher.folder / "lines"
    rig.start(hooks=[
        {"command": writes(heard), "interval": 0},
        {"command": writes(lines), "names": "lines", "include": ["l*", "plain"], "interval": 0},
    ])  # fmt: skip
    for name in ODD:
        make(rig, name)
    rig.equal()
    wait_for(lambda: heard.exists() and set(heard.read_bytes().split(b"\0")) >= set(ODD), 30, rig.log)
    wait_for(lambda: lines.exists() and set(lines.read_bytes().splitlines()) == {b"plain", b"l\\#012f"}, 30, rig.log)
    assert not list(rig.watcher.folder.glob("x"))

    def state() -> dict[str, Any]:
        return dict(rig.watcher.status()["mirrors"][0]["hooks"][0])

    told = wait_for(lambda: not state()["waiting"] and state(), 30, rig.log)
    assert (told["failures"], told["error"]) == (0, None)
    assert told["paths"] >= len(ODD)


def test_what_is_told_is_on_the_target_by_then(rig: Rig) -> None:
    """The program itself looks: after a change it finds the new content, after a deletion nothing."""
    found = rig.watcher.folder / "found"
    script = (
        "import os, sys\n"
        "for name in sys.stdin.buffer.read().split(b'\\0')[:-1]:\n"
        "    path = os.fsencode(sys.argv[1]) + b'/' + name\n"
        "    text = open(path).read() if os.path.isfile(path) else '-'\n"
        "    open(sys.argv[2], 'a').write(f'{os.fsdecode(name)} {text}\\n')\n"
    )
    command = [sys.executable, "-c", script, str(rig.target), str(found)]
    rig.start(hooks=[{"command": command, "interval": 0}])
    (rig.source / "a").write_text("one")
    wait_for(lambda: found.exists() and found.read_text() == "a one\n", 30, rig.log)
    (rig.source / "a").write_text("two")
    wait_for(lambda: found.read_text().endswith("a two\n"), 30, rig.log)
    (rig.source / "a").unlink()
    wait_for(lambda: found.read_text().endswith("a -\n"), 30, rig.log)
    rig.equal()


def test_a_server_is_told_changes_and_deletions_and_what_a_comparison_found(rig: Rig, server: Server) -> None:
    (rig.source / "before").write_text("x")
    (rig.source / "tree" / "deep").mkdir(parents=True)
    (rig.source / "tree" / "deep" / "f").write_text("x")
    rig.start(hooks=[{"url": f"{server.url}/in", "interval": 0}])
    rig.equal()
    wait_for(lambda: {b"before", b"tree", b"tree/deep/f"} <= set(server.told("changed")), 30, rig.log)
    (rig.source / "before").unlink()
    (rig.source / "tree").rename(rig.source / "other")
    rig.equal()
    wait_for(lambda: {b"before", b"tree"} <= set(server.told("deleted")), 30, rig.log)
    wait_for(lambda: b"other/deep/f" in server.told("changed"), 30, rig.log)
    assert {message["target"] for message in server.posted} == {"127.0.0.1/backup"}


def test_each_changed_path_is_purged_from_a_cache(rig: Rig, server: Server) -> None:
    rig.start(hooks=[{"purge": f"{server.url}/cdn/{{path}}", "include": ["img/"], "interval": 0}])
    (rig.source / "img").mkdir()
    for name in ODD:
        make(rig, b"img/" + name)
    make(rig, b"elsewhere")
    rig.equal()
    wait_for(lambda: {b"img/" + name for name in ODD} <= set(server.purged), 30, rig.log)
    assert b"elsewhere" not in server.purged


def test_a_socket_gets_a_line_for_each_path(rig: Rig) -> None:
    got: list[bytes] = []
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        link.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _address = link.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as file:
                    got.extend(file)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            rig.start(hooks=[{"socket": f"127.0.0.1:{link.getsockname()[1]}", "interval": 0, "tell": ["changed"]}])
            for name in ODD:
                make(rig, name)
            rig.equal()
            wait_for(lambda: {b"plain\n", b"l\\#012f\n", b"\xff\xfe\n"} <= set(got), 30, rig.log)
        finally:
            link.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_hook_that_never_answers_delays_no_file_and_no_stop(rig: Rig, server: Server) -> None:
    server.open.clear()
    rig.start(hooks=[{"url": server.url, "interval": 0, "timeout": 600}])
    make(rig, b"first")
    wait_for(lambda: server.tries, 30, rig.log)
    for number in range(20):
        make(rig, b"f%d" % number)
        wait_for((rig.target / f"f{number}").exists, 30, rig.log)
    rig.equal()
    assert rig.watcher.status()["mirrors"][0]["hooks"][0]["waiting"] >= 20
    assert server.posted == []
    assert rig.watcher.stop() == 0


def test_one_that_is_broken_is_told_everything_in_the_end_across_restarts_and_a_kill(rig: Rig, server: Server) -> None:
    """At least once: an orderly stop, and a SIGKILL, with all of it on the target already."""
    server.broken = True
    rig.start(hooks=[{"url": server.url, "interval": 0}])
    make(rig, b"before-the-stop")
    rig.equal()
    wait_for(lambda: server.tries >= 2, 30, rig.log)
    error = rig.watcher.status()["mirrors"][0]["hooks"][0]["error"]
    assert "HTTP 503" in error
    rig.watcher.stop()
    rig.watcher.start()
    make(rig, b"before-the-kill")
    rig.equal()
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["hooks"][0]["waiting"] == 2, 30, rig.log)
    tries = server.tries
    # told of in a try that began after it had waited, as the next one may not: so it is on the disk by then
    wait_for(lambda: server.tries >= tries + 2, 60, rig.log)
    rig.watcher.stop(signal.SIGKILL)
    server.broken = False
    rig.watcher.start()
    wait_for(lambda: {b"before-the-stop", b"before-the-kill"} <= set(server.told("changed")), 60, rig.log)
    wait_for(lambda: not rig.watcher.status()["mirrors"][0]["hooks"][0]["waiting"], 10, rig.log)
    state = rig.watcher.folder / "state"
    wait_for(lambda: not [path for path in state.iterdir() if path.name.startswith(".hook")], 10, rig.log)


def test_where_failures_are_ignored_the_next_ones_are_told(rig: Rig, server: Server) -> None:
    server.broken = True
    rig.start(hooks=[{"url": server.url, "interval": 0, "on_failure": "ignore"}])
    make(rig, b"lost")
    wait_for(lambda: rig.watcher.status()["mirrors"][0]["hooks"][0]["failures"], 30, rig.log)
    wait_for(lambda: not rig.watcher.status()["mirrors"][0]["hooks"][0]["waiting"], 30, rig.log)
    server.broken = False
    make(rig, b"told")
    wait_for(lambda: b"told" in server.told("changed"), 30, rig.log)
    assert b"lost" not in server.told("changed")
    rig.equal()


def test_a_hook_that_cannot_work_is_found_by_check(rig: Rig) -> None:
    rig.watcher.mirrors[0]["hooks"] = [{"command": ["/nowhere/at/all"]}]
    rig.watcher.write()
    done = rig.watcher.command("check", "--offline", str(rig.watcher.config), timeout=30)
    assert done.returncode == 1
    assert "mirrors[0].hooks[0]: /nowhere/at/all cannot be executed" in done.stderr
