"""A message reaches a program's stdin or an HTTP server; what goes wrong is told without a secret in it."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lockstep.config_notify import Command, Post
from lockstep.notify.delivery import DeliveryError, deliver, name, problem

SECRET = "geheim0123456789"


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: tuple[int, dict[str, str]] = (204, {})
        self.got: list[tuple[str, str | None, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook/{SECRET}?q={SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Authorization"], body))
        code, headers = self.server.answer
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def secret(folder: Path, text: str, mode: int = 0o640) -> str:
    path = folder / "secret"
    path.write_text(text + "\n")
    path.chmod(mode)
    return str(path)


def python(script: str, *words: str, timeout: float = 20.0) -> Command:
    return Command((sys.executable, "-c", script, *words), timeout)


def refused(channel: Command | Post) -> str:
    with pytest.raises(DeliveryError) as caught:
        deliver(channel, b"{}\n")
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_server_gets_the_message_and_the_token(server: Server, tmp_path: Path) -> None:
    deliver(Post(server.url, None, secret(tmp_path, SECRET), 10.0), b'{"a": 1}\n')
    assert server.got == [(f"/hook/{SECRET}?q={SECRET}", f"Bearer {SECRET}", b'{"a": 1}\n')]


def test_an_address_that_is_a_secret_can_come_from_a_file(server: Server, tmp_path: Path) -> None:
    channel = Post(None, secret(tmp_path, server.url), None, 10.0)
    deliver(channel, b"{}\n")
    assert [(path, token) for path, token, _body in server.got] == [(f"/hook/{SECRET}?q={SECRET}", None)]
    assert SECRET not in name(channel) + name(Post(server.url, None, None, 1.0))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, {}), "HTTP 500 Internal Server Error"),
        ((403, {}), "HTTP 403 Forbidden"),
        ((302, {"Location": f"http://elsewhere/{SECRET}"}), "leads elsewhere: give the address itself"),
    ],
)
def test_an_answer_that_is_no_success_is_a_failure(
    server: Server, answer: tuple[int, dict[str, str]], said: str
) -> None:
    server.answer = answer
    assert said in refused(Post(server.url, None, None, 10.0))


def test_a_server_that_is_away_or_silent_is_a_failure(server: Server) -> None:
    with socket.socket() as away:  # bound, and listening to nobody
        away.bind(("127.0.0.1", 0))
        port = away.getsockname()[1]
        assert refused(Post(f"http://127.0.0.1:{port}/{SECRET}", None, None, 10.0)).startswith("127.0.0.1: ")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        assert "timed out" in refused(Post(f"http://127.0.0.1:{silent.server_port}/", None, None, 0.2))


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (SECRET, 0o644, "chmod o="),
        ("", 0o640, "must hold one word"),
        (f"{SECRET} two", 0o640, "must hold one word"),
        (f"{SECRET}\nX-Evil: 1", 0o640, "must hold one word"),
        ("\u00e9", 0o640, "not ASCII"),
    ],
)
def test_a_secret_that_cannot_be_used_is_named_by_its_file(
    server: Server, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    channel = Post(server.url, None, secret(tmp_path, text, mode), 10.0)
    assert said in refused(channel)
    assert said in str(problem(channel))
    assert server.got == []


def test_a_program_gets_the_message_on_stdin_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    script = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]) + sys.stdin.read())"
    deliver(python(script, str(tmp_path / "x"), "$(touch y)", "a b;"), b'{"a": 1}\n')
    assert (tmp_path / "x").read_text() == "['$(touch y)', 'a b;']" + '{"a": 1}\n'


def test_a_program_gets_nothing_of_the_watchers_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSYNC_PASSWORD", SECRET)
    deliver(python("import os, sys; open(sys.argv[1], 'w').write(repr(os.environ))", str(tmp_path / "x")), b"")
    assert SECRET not in (tmp_path / "x").read_text()


def test_a_program_that_fails_says_why() -> None:
    said = refused(python("import sys; sys.stderr.write('no route to pager\\nmore'); sys.exit(3)"))
    assert said == f"{sys.executable} left with 3: no route to pager"
    assert "No such file" in refused(Command(("/nowhere/at/all",), 1.0))
    assert problem(Command(("/nowhere/at/all",), 1.0)) == "/nowhere/at/all cannot be executed"


def runs(number: int) -> bool:
    """Not killed; one that is killed may not have been taken note of yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    assert "did not end within 5 s" in refused(python(script, str(tmp_path / "pid"), timeout=5.0))
    number = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while runs(number):
        assert time.monotonic() < deadline


def test_what_a_program_leaves_in_the_background_is_not_waited_for() -> None:
    deliver(python("import subprocess; subprocess.Popen(['sleep', '600'])", timeout=20.0), b"{}\n")
