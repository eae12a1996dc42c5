"""The page, the JSON and the health check, also when the watcher itself is stuck."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

import pytest

from lockstep.status.http import StatusHttp

LIVE = {"version": "0.1.0", "state": "live", "healthy": True, "unhealthy": [], "mirrors": []}


@contextmanager
def server(snapshot: Callable[[], dict[str, Any]], loop_timeout: float = 5.0) -> Iterator[int]:
    """The port of a server whose event loop runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = StatusHttp(("127.0.0.1", 0), loop, snapshot, loop_timeout)
    served.start()
    try:
        yield served.port
    finally:
        served.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def request(port: int, path: str, method: str = "GET") -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def test_the_json_is_the_snapshot_with_any_name_in_it() -> None:
    snapshot = {**LIVE, "path": "a\udcff"}
    with server(lambda: snapshot) as port:
        status, body, headers = request(port, "/status.json?x=1")
    assert (status, json.loads(body)) == (200, snapshot)
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_the_page_asks_nobody_for_anything() -> None:
    with server(lambda: LIVE) as port:
        status, body, headers = request(port, "/")
    assert status == 200
    assert body.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_health_is_200_or_503_with_the_reasons() -> None:
    with server(lambda: LIVE) as port:
        assert request(port, "/healthz")[:2] == (200, "ok\n")
    with server(lambda: {**LIVE, "healthy": False, "unhealthy": ["data: held", "b\n: lag"]}) as port:
        assert request(port, "/healthz")[:2] == (503, "data: held\nb\\n: lag\n")


def test_a_head_has_the_length_and_no_body() -> None:
    with server(lambda: LIVE) as port:
        status, body, headers = request(port, "/healthz", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, "", "3")


@pytest.mark.parametrize("path", ["/metrics/x", "/../etc/passwd", "/status.jsonx", "/status.json/"])
def test_everything_else_is_not_there(path: str) -> None:
    with server(lambda: LIVE) as port:
        assert request(port, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(method: str) -> None:
    with server(lambda: LIVE) as port:
        status, _, headers = request(port, "/", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_stuck_event_loop_is_not_healthy() -> None:
    go_on = threading.Event()

    def stuck() -> dict[str, Any]:
        go_on.wait(20)
        return LIVE

    with server(stuck, loop_timeout=0.2) as port:
        try:
            assert request(port, "/healthz")[:2] == (503, "the watcher is stuck: its event loop does not answer\n")
        finally:
            go_on.set()


def test_a_snapshot_that_fails_is_told() -> None:
    def broken() -> dict[str, Any]:
        raise KeyError("mirrors")

    with server(broken) as port:
        assert request(port, "/status.json")[:2] == (503, "the watcher is stuck: 'mirrors'\n")


def test_a_port_that_is_taken_is_named() -> None:
    with server(lambda: LIVE) as port:
        loop = asyncio.new_event_loop()
        second = StatusHttp(("127.0.0.1", port), loop, lambda: LIVE)
        with pytest.raises(OSError, match=rf"status\.listen 127\.0\.0\.1:{port}: Address already in use"):
            second.start()
        second.close()
        loop.close()


def test_clients_without_end_do_not_cost_threads_without_end() -> None:
    with server(lambda: LIVE) as port:
        before = threading.active_count()
        idle = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(24)]
        try:
            # They are taken in order, so when the last is turned away the first ones hold all the threads there are.
            assert idle[-1].recv(1) == b""
            assert threading.active_count() - before <= 16
        finally:
            for connection in idle:
                connection.close()
