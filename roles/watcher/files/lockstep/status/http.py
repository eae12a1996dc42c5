"""The status over HTTP: a page, JSON, and a health check for monitors.

HTTP is parsed by the standard library in threads of its own; the state belongs to the event loop, so each request asks
the loop for one snapshot. That is also the test of life: a loop that does not answer is not healthy.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from concurrent.futures import Future
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from lockstep.status import render

Snapshot = Callable[[], dict[str, Any]]

# Seconds: how long a client may dawdle, and how long the event loop may.
CLIENT_TIMEOUT = 10.0
LOOP_TIMEOUT = 5.0
MAX_THREADS = 16
LOOK = 1.0  # seconds between looks whether to end


class StatusHttp:
    """Serves `snapshot`, which is called in the event loop's thread, at `listen` until closed."""

    def __init__(
        self,
        listen: tuple[str, int],
        loop: asyncio.AbstractEventLoop,
        snapshot: Snapshot,
        loop_timeout: float = LOOP_TIMEOUT,
    ) -> None:
        self._listen = listen
        self._loop = loop
        self._snapshot = snapshot
        self._loop_timeout = loop_timeout
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also when any free one (0) was asked for."""
        return int(self._server.server_address[1]) if self._server is not None else self._listen[1]

    def start(self) -> None:
        """Listen. Raises OSError with the address in its text."""
        host, port = self._listen
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self._server = _Server(found[0], found[4][:2], self._ask)
        except OSError as error:
            raise OSError(f"status.listen {host}:{port}: {error.strerror or error}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK,), name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a request under way may end by itself."""
        if self._server is not None and self._thread is not None:
            ending = threading.Thread(target=self._server.shutdown)
            ending.start()
            with contextlib.suppress(OSError):  # so that it need not wait for its next look around
                socket.create_connection((str(self._server.server_address[0]), self.port), 1).close()
            ending.join()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def _ask(self) -> dict[str, Any]:
        """A snapshot, from another thread. Raises TimeoutError or RuntimeError when the loop gives none."""
        answer: Future[dict[str, Any]] = Future()

        def take() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(self._snapshot())
                except Exception as error:  # noqa: BLE001  it is told to whoever asked
                    answer.set_exception(error)

        self._loop.call_soon_threadsafe(take)
        try:
            return answer.result(self._loop_timeout)
        finally:
            # Nobody waits for it any more: a loop that comes back has better things to do.
            answer.cancel()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, family: int, address: Any, ask: Snapshot) -> None:
        self.address_family = family
        self.ask = ask
        self._free = threading.BoundedSemaphore(MAX_THREADS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which can hang for long where DNS does not answer.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            # Whoever opens connections without end must not cost memory without end.
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self._free.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = CLIENT_TIMEOUT
    server_version = "lockstep"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in ("/", "/status.json", "/healthz"):
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "not found: / /status.json /healthz\n")
            return
        try:
            code, kind, text = _answer(path, self.server.ask())
        except Exception as error:  # noqa: BLE001  also a snapshot that fails is an answer, and not a healthy one
            reason = str(error) or "its event loop does not answer"
            code, kind, text = HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"the watcher is stuck: {reason}\n"
        self._send(code, kind, text)

    do_HEAD = do_GET

    def _refuse(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "only GET and HEAD\n", {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse

    def _send(self, code: HTTPStatus, kind: str, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Requests are no news."""


def _answer(path: str, status: dict[str, Any]) -> tuple[HTTPStatus, str, str]:
    if path == "/":
        return HTTPStatus.OK, "text/html", render.html(status)
    if path == "/status.json":
        return HTTPStatus.OK, "application/json", json.dumps(status) + "\n"
    if status.get("healthy") is True:
        return HTTPStatus.OK, "text/plain", "ok\n"
    reasons = status.get("unhealthy") or ["not healthy"]
    return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "".join(f"{render.plain(reason)}\n" for reason in reasons)
