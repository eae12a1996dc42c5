"""What a hook is told reaches a program, a server, a socket or a cache whole; no name can mean something to them."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from lockstep.config_hooks import CHANGED, DELETED, Hook, Purge, Receiver, Stream
from lockstep.config_notify import Command, Post
from lockstep.notify.delivery import DeliveryError
from lockstep.notify.parcel import Parcel, Told, deliver, name, problem

ODD = [b"a b", b"$(touch x)", b"\xff", b"l\nf", b"back\\#012", b"q?a=1#f&%2e", "ü".encode(), b"d/..x/%"]
SECRET = "geheim0123456789"


def parcel(*paths: bytes) -> Parcel:
    return Parcel("data", "/data", "h/m", [Told(path, CHANGED) for path in paths], 3)


def hook(to: Receiver, end: bytes = b"\0") -> Hook:
    return Hook(to, end, (), (CHANGED, DELETED), True, 0.0)


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, int] = {}
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.got.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.answers.get(self.path, 200))
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    do_PURGE = do_GET = do_POST

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    found.daemon_threads = True
    thread = threading.Thread(target=found.serve_forever, args=(0.05,))
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def closed(folder: Path, text: str, mode: int = 0o640) -> str:
    path = folder / "file"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def refused(to: Receiver, *paths: bytes) -> str:
    with pytest.raises(DeliveryError) as caught:
        deliver(hook(to), parcel(*paths))
    assert SECRET not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------------- a program


def test_a_program_gets_every_name_on_stdin_and_what_it_is_about_in_its_environment(tmp_path: Path) -> None:
    script = (
        "import os, sys; open(sys.argv[1], 'wb').write(sys.stdin.buffer.read() + os.fsencode("
        "'|'.join(os.environ[f'LOCKSTEP_{word}'] for word in ('MIRROR', 'SOURCE', 'TARGET'))))"
    )
    to = Command((sys.executable, "-c", script, str(tmp_path / "x")), 20.0)
    deliver(hook(to), parcel(*ODD))
    assert (tmp_path / "x").read_bytes() == b"".join(path + b"\0" for path in ODD) + b"data|/data|h/m"
    deliver(hook(to, b"\n"), parcel(b"l\nf", b"back\\#012", b"a\\b"))
    assert (tmp_path / "x").read_bytes() == b"l\\#012f\nback\\#134#012\na\\b\ndata|/data|h/m"
    assert not (tmp_path / "x)").exists()


# ---------------------------------------------------------------------- a server


def test_a_server_gets_one_json_object_and_the_headers_of_a_file(server: Server, tmp_path: Path) -> None:
    file = closed(tmp_path, f"# for the shop\nX-Api-Key: {SECRET}\n\nX-Empty:\n")
    deliver(hook(Post(f"{server.url}/in", None, None, 10.0, file)), parcel(b"a", b"\xff"))
    ((method, path, headers, body),) = server.got
    assert (method, path, headers["X-Api-Key"], headers["X-Empty"]) == ("POST", "/in", SECRET, "")
    told = json.loads(body)
    assert (told["mirror"], told["source"], told["target"], told["dropped"]) == ("data", "/data", "h/m", 3)
    assert told["changes"] == [{"path": "a", "kind": CHANGED}, {"path": "\udcff", "kind": CHANGED}]


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (f"X-Key: {SECRET}", 0o644, "chmod o="),
        (f"X-Key {SECRET}", 0o640, "line 1: must be as in  Name: value"),
        (f"X-Key: {SECRET}\x00", 0o640, "line 1: must be as in"),
        (f"A: b\nX Key: {SECRET}", 0o640, "line 2: must be as in"),
    ],
)
def test_a_file_of_headers_that_cannot_be_used_is_named(tmp_path: Path, text: str, mode: int, said: str) -> None:
    to = Post("http://127.0.0.1:1/", None, None, 1.0, closed(tmp_path, text, mode))
    assert said in refused(to, b"a")
    assert said in str(problem(to))
    purge = Purge("http://127.0.0.1:1/{path}", "GET", None, None, to.headers_file, 1.0)
    assert said in str(problem(purge))


# ---------------------------------------------------------------------- a socket


class Listener:
    """Takes one connection at a time and reads it to its end; `closes` it then, or not."""

    def __init__(self, link: socket.socket, closes: bool = True) -> None:
        self.link, self.closes = link, closes
        self.got: list[bytes] = []
        self.kept: list[socket.socket] = []
        self.link.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        connection, _address = self.link.accept()
        with connection.makefile("rb") as file:
            self.got.append(file.read())
        if self.closes:
            connection.close()
        else:
            self.kept.append(connection)


def test_a_socket_gets_a_line_for_each_path(tmp_path: Path) -> None:
    for kind, where in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, str(tmp_path / "s"))):
        with socket.socket(kind) as link:
            link.bind(where)
            listener = Listener(link)
            to = Stream(*link.getsockname(), None, 10.0) if kind == socket.AF_INET else Stream("", 0, str(where), 10.0)
            deliver(hook(to, b"\n"), parcel(*ODD))
            lines = listener.got[0].split(b"\n")
            assert len(lines) == len(ODD) + 1
            assert lines[3] == b"l\\#012f"
            assert lines[2] == b"\xff"


def test_a_socket_that_does_not_say_that_it_has_read_all_was_not_told(tmp_path: Path) -> None:
    where = str(tmp_path / "s")
    assert "No such file" in refused(Stream("", 0, where, 1.0), b"a")
    with socket.socket(socket.AF_UNIX) as link:
        link.bind(where)
        listener = Listener(link, closes=False)
        assert "has not read all and closed within 0.3 s" in refused(Stream("", 0, where, 0.3), b"a")
        listener.thread.join(10)
        assert listener.got == [b"a\n"]
        listener.kept.pop().close()


# ---------------------------------------------------------------------- a cache


def test_each_path_is_purged_on_one_connection_with_its_name_escaped(server: Server, tmp_path: Path) -> None:
    to = Purge(f"{server.url}/site/{{path}}?v=1", "PURGE", None, closed(tmp_path, SECRET), None, 10.0)
    deliver(hook(to), parcel(*ODD))
    assert [method for method, *_rest in server.got] == ["PURGE"] * len(ODD)
    assert [path.startswith("/site/") and path.endswith("?v=1") for _method, path, *_rest in server.got] == [True] * 8
    assert [unquote_to_bytes(path[6:-4]) for _method, path, *_rest in server.got] == ODD
    assert all(path.count("?") == 1 and "#" not in path for _method, path, *_rest in server.got)
    assert server.got[0][2]["Authorization"] == f"Bearer {SECRET}"
    assert server.connections == 1


def test_only_what_matches_is_purged_and_its_groups_can_be_used(server: Server) -> None:
    to = Purge(f"{server.url}/{{2}}/{{1}}", "GET", "^cms/site(.*)/images/(.*)$", None, None, 10.0)
    deliver(hook(to), parcel(b"cms/site1/images/a.jpg", b"cms/site1/x", b"cms/site2/images/b c"))
    assert [path for _method, path, *_rest in server.got] == ["/a.jpg/1", "/b%20c/2"]


def test_a_cache_that_did_not_have_it_was_purged_and_one_that_refuses_was_not(server: Server) -> None:
    server.answers = {"/a": 404, "/b": 412, "/c": 403}
    to = Purge(f"{server.url}/{{path}}", "GET", None, None, None, 10.0)
    deliver(hook(to), parcel(b"a", b"b"))
    assert "HTTP 403 Forbidden" in refused(to, b"a", b"c")


def test_of_a_receiver_only_the_host_is_named() -> None:
    assert name(Purge(f"http://cdn:8/{SECRET}/{{path}}", "PURGE", None, None, None, 1.0)) == "PURGE to cdn"
    assert name(Stream("h", 8009, None, 1.0)) == "socket h:8009"
    assert name(Stream("", 0, "/run/x", 1.0)) == "socket /run/x"
    assert name(Post(f"http://h/{SECRET}", None, None, 1.0)) == "POST to h"
    assert problem(Stream("h", 1, None, 1.0)) is None
