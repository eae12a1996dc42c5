"""The page, the JSON and the health check, also when the watcher itself is stuck."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from documents import document

from lockstep.status.access import TokenError
from lockstep.status.control import ControlError
from lockstep.status.http import Snapshot, StatusHttp

LIVE = {"version": "0.1.0", "state": "live", "healthy": True, "unhealthy": [], "mirrors": []}


@contextmanager
def server(
    snapshot: Snapshot, loop_timeout: float = 5.0, listen: Any = ("127.0.0.1", 0), token_file: str | None = None
) -> Iterator[int]:
    """The port of a server whose event loop runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = StatusHttp(listen, loop, snapshot, loop_timeout, token_file)
    served.start()
    try:
        yield served.port
    finally:
        served.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def request(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_the_json_is_the_snapshot_with_any_name_in_it() -> None:
    snapshot = {**LIVE, "path": "a\udcff"}
    with server(lambda detailed: snapshot) as port:
        status, body, headers = request(port, "/status.json?x=1")
    assert (status, json.loads(body)) == (200, snapshot)
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_page_asks_nobody_for_anything() -> None:
    with server(lambda detailed: LIVE) as port:
        status, body, headers = request(port, "/")
    assert status == 200
    assert body.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_health_is_200_or_503_with_the_reasons() -> None:
    with server(lambda detailed: LIVE) as port:
        assert request(port, "/healthz")[:2] == (200, "ok\n")
    with server(lambda detailed: {**LIVE, "healthy": False, "unhealthy": ["data: held", "b\n: lag"]}) as port:
        assert request(port, "/healthz")[:2] == (503, "data: held\nb\\n: lag\n")


def test_a_head_has_the_length_and_no_body() -> None:
    with server(lambda detailed: LIVE) as port:
        status, body, headers = request(port, "/healthz", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, "", "3")


@pytest.mark.parametrize("path", ["/metrics/x", "/../etc/passwd", "/status.jsonx", "/status.json/"])
def test_everything_else_is_not_there(path: str) -> None:
    with server(lambda detailed: LIVE) as port:
        assert request(port, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(method: str) -> None:
    with server(lambda detailed: LIVE) as port:
        status, _, headers = request(port, "/", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_stuck_event_loop_is_not_healthy() -> None:
    go_on = threading.Event()

    def stuck(detailed: bool) -> dict[str, Any]:
        go_on.wait(20)
        return LIVE

    with server(stuck, loop_timeout=0.2) as port:
        try:
            assert request(port, "/healthz")[:2] == (503, "the watcher is stuck: its event loop does not answer\n")
        finally:
            go_on.set()


def test_a_snapshot_that_fails_is_told() -> None:
    def broken(detailed: bool) -> dict[str, Any]:
        raise KeyError("mirrors")

    with server(broken) as port:
        assert request(port, "/status.json")[:2] == (503, "the watcher is stuck: 'mirrors'\n")


def test_a_port_that_is_taken_is_named() -> None:
    with server(lambda detailed: LIVE) as port:
        loop = asyncio.new_event_loop()
        second = StatusHttp(("127.0.0.1", port), loop, lambda detailed: LIVE)
        with pytest.raises(OSError, match=rf"status\.listen 127\.0\.0\.1:{port}: Address already in use"):
            second.start()
        second.close()
        loop.close()


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.0\r\nX", b"GET /status.json HTTP/1.0\r\n\r\n"])
def test_slow_clients_without_end_cost_no_threads_without_end_and_keep_nobody_out(said: bytes) -> None:
    """They say nothing, or half of it, or do not take their answer; the longest wait is over first."""
    answered = []

    def large(detailed: bool) -> dict[str, Any]:
        answered.append(1)
        return {**LIVE, "path": "x" * (16 << 20)}  # more than the kernel keeps for a client

    with server(large) as port:
        before = threading.active_count()
        slow = []
        try:
            for number in range(24):
                slow.append(socket.create_connection(("127.0.0.1", port), 10))
                slow[-1].sendall(said)
                until = time.monotonic() + 20
                while said.endswith(b"\r\n\r\n") and len(answered) <= number:
                    assert time.monotonic() < until, "no answer is on its way"
                    time.sleep(0.001)
            assert request(port, "/healthz")[:2] == (200, "ok\n")
            assert threading.active_count() - before <= 16
            while slow[0].recv(1 << 20):
                pass  # hung up
        finally:
            for connection in slow:
                connection.close()


def asked(listen: Any, token_file: str | None = None, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
    """One request for the page of a server that listens there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = StatusHttp(listen, loop, lambda detailed: LIVE, token_file=token_file)
    try:
        served.start()
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
        if isinstance(listen, str):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(listen)
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()
    finally:
        served.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


ANYWHERE = ("127.0.0.1", 0)
TOKEN = "0123456789abcdef0123"


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o640)
    return path


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", basic(TOKEN)])
def test_with_the_token_there_is_an_answer(token: Path, shown: str) -> None:
    assert asked(ANYWHERE, str(token), Authorization=shown)[0] == 200


@pytest.mark.parametrize(
    "shown", ["", f"Bearer {TOKEN}x", "Bearer", f"Digest {TOKEN}", basic(""), basic("x" + TOKEN), "Basic %", TOKEN]
)
def test_without_the_token_there_is_none_and_a_browser_asks_for_it(token: Path, shown: str) -> None:
    status, body, headers = asked(ANYWHERE, str(token), **({"Authorization": shown} if shown else {}))
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic ")
    assert "All is in step" not in body
    assert TOKEN not in body + str(headers)


def test_a_token_that_others_can_read_is_no_token(token: Path) -> None:
    token.chmod(0o644)
    with pytest.raises(TokenError, match="chmod o="):
        asked(ANYWHERE, str(token), Authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize("text", ["", "short\n", " " * 40])
def test_a_token_must_be_long_enough_not_to_be_guessed(token: Path, text: str) -> None:
    token.write_text(text)
    with pytest.raises(TokenError, match="openssl rand"):
        asked(ANYWHERE, str(token))


def test_a_token_that_is_exchanged_counts_at_once(token: Path) -> None:
    with server(lambda detailed: LIVE, token_file=str(token)) as port:
        assert request(port, "/", Authorization=f"Bearer {TOKEN}")[0] == 200
        token.write_text("another one of that kind")
        assert request(port, "/", Authorization=f"Bearer {TOKEN}")[0] == 401
        token.unlink()
        assert request(port, "/", Authorization=f"Bearer {TOKEN}")[0] == 503


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:8008", 200), ("[::1]:8008", 200), ("localhost", 200), ("evil.example", 421), ("evil.example:80", 421)],
)
def test_a_web_page_elsewhere_cannot_have_a_browser_here_read_it(host: str, status: int) -> None:
    """Under a name of its own that leads to this host (DNS rebinding)."""
    assert asked(ANYWHERE, Host=host)[0] == status


def test_a_unix_socket_serves_its_group_and_is_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with server(lambda detailed: LIVE, listen=str(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()
    assert asked(str(path), Host="any.name")[0] == 200


def test_the_socket_of_a_service_that_runs_is_not_taken_away(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    with server(lambda detailed: LIVE, listen=path), pytest.raises(ControlError, match=r"another status\.listen"):
        asked(path)


def test_details_are_only_taken_for_who_wants_them() -> None:
    taken: list[bool] = []

    def snapshot(detailed: bool) -> dict[str, Any]:
        taken.append(detailed)
        return document()

    with server(snapshot) as port:
        for path in ("/", "/status.json", "/healthz", "/metrics"):
            assert request(port, path)[0] == 200
    assert taken == [True, False, False, True]


def test_without_the_client_library_the_rest_goes_on_and_metrics_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "lockstep.status.metrics", raising=False)
    monkeypatch.delattr("lockstep.status.metrics", raising=False)
    with server(lambda detailed: document()) as port:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "prometheus_client", None)
            status, body, _headers = request(port, "/metrics")
            assert status == 501
            assert "python3-prometheus-client" in body
            assert request(port, "/")[0] == 200
        assert request(port, "/metrics")[0] == 200  # installed meanwhile
