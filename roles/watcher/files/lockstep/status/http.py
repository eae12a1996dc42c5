"""The status over HTTP: a page, JSON, metrics, and a health check for monitors.

HTTP is parsed by the standard library in threads of its own; the state belongs to the event loop, so each request asks
the loop for one snapshot. That is also the test of life: a loop that does not answer is not healthy.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import socket
import sys
import threading
from concurrent.futures import Future
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional, Union

from lockstep.status import access, page
from lockstep.status.control import bind, clear
from lockstep.status.words import plain

Snapshot = Callable[[bool], dict[str, Any]]  # whether with the details that only the page and the metrics want

# Seconds: how long a client may dawdle, and how long the event loop may.
CLIENT_TIMEOUT = 10.0
LOOP_TIMEOUT = 5.0
MAX_THREADS = 16
LOOK = 1.0  # seconds between looks whether to end
GIVE_WAY = 1.0  # seconds until whoever dawdled has let go


class StatusHttp:
    """Serves `snapshot`, which is called in the event loop's thread, at `listen` until closed.

    `listen` is host and port, or the path of a unix socket; `token_file` holds what each request must show.
    """

    def __init__(
        self,
        listen: Union[tuple[str, int], str],
        loop: asyncio.AbstractEventLoop,
        snapshot: Snapshot,
        loop_timeout: float = LOOP_TIMEOUT,
        token_file: Optional[str] = None,
    ) -> None:
        self._listen = listen
        self._loop = loop
        self._snapshot = snapshot
        self._loop_timeout = loop_timeout
        self._token_file = token_file
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, also when any free one (0) was asked for; 0 for a unix socket."""
        return self._server.server_port if self._server is not None else 0

    def start(self) -> None:
        """Listen. Raises OSError with the address in its text, TokenError or ControlError."""
        if self._token_file is not None:
            access.read_token(self._token_file)
        family: int
        address: Any
        try:
            if isinstance(self._listen, str):
                clear(self._listen, "status.listen")
                family, address = socket.AF_UNIX, self._listen
            else:
                host, port = self._listen
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
                family, address = found[0], found[4][:2]
            self._server = _Server(family, address, self._ask, self._token_file)
        except OSError as error:
            raise OSError(f"status.listen {self._shown()}: {error.strerror or error}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(LOOK,), name="http", daemon=True)
        self._thread.start()

    def _shown(self) -> str:
        return self._listen if isinstance(self._listen, str) else f"{self._listen[0]}:{self._listen[1]}"

    def close(self) -> None:
        """Stop listening; a request under way may end by itself."""
        if self._server is not None and self._thread is not None:
            ending = threading.Thread(target=self._server.shutdown)
            ending.start()
            with contextlib.suppress(OSError), socket.socket(self._server.address_family) as waking:
                waking.settimeout(1)  # so that it need not wait for its next look around
                waking.connect(self._server.server_address)
            ending.join()
            self._server.server_close()
            if isinstance(self._listen, str):
                with contextlib.suppress(OSError):
                    os.unlink(self._listen)
            self._thread.join()
            self._server = self._thread = None

    def _ask(self, detailed: bool) -> dict[str, Any]:
        """A snapshot, from another thread. Raises TimeoutError or RuntimeError when the loop gives none."""
        answer: Future[dict[str, Any]] = Future()

        def take() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(self._snapshot(detailed))
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

    def __init__(self, family: int, address: Any, ask: Snapshot, token_file: Optional[str]) -> None:
        self.address_family = family
        self.ask = ask
        self.token_file = token_file
        self._free = threading.BoundedSemaphore(MAX_THREADS)
        self._waited_for: dict[Any, None] = {}  # connections whose client is to say or to take something, oldest first
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks the host's name up, which can hang for long where DNS does not answer.
        if self.address_family == socket.AF_UNIX:
            bind(self.socket, str(self.server_address))
            self.server_name, self.server_port = str(self.server_address), 0
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        # Whoever opens connections without end must not cost memory without end, nor keep others out.
        if not self._free.acquire(blocking=False) and not (
            self._hang_up_oldest() and self._free.acquire(timeout=GIVE_WAY)
        ):
            self.shutdown_request(request)
            return
        self.wait_for(request, True)
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self.wait_for(request, False)
            self._free.release()
            self.shutdown_request(request)

    def wait_for(self, request: Any, waits: bool) -> None:
        """Whether it is this connection's client that takes its time now, and not the watcher."""
        with self._lock:
            self._waited_for.pop(request, None)
            if waits:
                self._waited_for[request] = None

    def _hang_up_oldest(self) -> bool:
        with self._lock:
            oldest = next(iter(self._waited_for), None)
            if oldest is None:
                return False
            del self._waited_for[oldest]
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)  # its thread closes it
            return True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.wait_for(request, False)
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
        local = self.server.address_family != socket.AF_UNIX
        refused = access.refusal(self.headers, self.server.token_file, local)
        if refused is not None:
            more = {"WWW-Authenticate": access.REALM} if refused.ask else None
            self._send(refused.code, "text/plain", f"{refused.text}\n", more)
            return
        if path not in ("/", "/status.json", "/healthz", "/metrics"):
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "not found: / /status.json /metrics /healthz\n")
            return
        self.server.wait_for(self.connection, False)
        try:
            code, kind, text = _answer(path, self.server.ask(path in ("/", "/metrics")))
        except Exception as error:  # noqa: BLE001  also a snapshot that fails is an answer, and not a healthy one
            reason = str(error) or "its event loop does not answer"
            code, kind, text = HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"the watcher is stuck: {reason}\n"
        self._send(code, kind, text)

    do_HEAD = do_GET

    def _refuse(self) -> None:
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", "only GET and HEAD\n", {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse

    def address_string(self) -> str:
        return "local"  # a unix socket's client has no address, and nobody logs it

    def _send(self, code: HTTPStatus, kind: str, text: str, headers: dict[str, str] | None = None) -> None:
        body = text.encode("utf-8", "backslashreplace")
        self.server.wait_for(self.connection, True)
        self.send_response(code)
        self.send_header("Content-Type", kind if ";" in kind else f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", page.POLICY)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Requests are no news."""


def _answer(path: str, status: dict[str, Any]) -> tuple[HTTPStatus, str, str]:
    if path == "/":
        return HTTPStatus.OK, "text/html", page.html(status)
    if path == "/status.json":
        return HTTPStatus.OK, "application/json", json.dumps(status) + "\n"
    if path == "/metrics":
        return _metrics(status)
    if status.get("healthy") is True:
        return HTTPStatus.OK, "text/plain", "ok\n"
    reasons = status.get("unhealthy") or ["not healthy"]
    return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", "".join(f"{plain(reason)}\n" for reason in reasons)


def _metrics(status: dict[str, Any]) -> tuple[HTTPStatus, str, str]:
    try:
        # Here and not above: the client library is optional, and costs memory that only whoever scrapes should pay.
        from lockstep.status import metrics  # noqa: PLC0415
    except ImportError:
        importlib.invalidate_caches()  # so that it is found when it has been installed
        return HTTPStatus.NOT_IMPLEMENTED, "text/plain", (
            f"metrics need the Python module prometheus_client, which {sys.executable} does not have: install the "
            "package python3-prometheus-client (Debian), python3-prometheus_client (EL, SUSE) or, into the watcher's "
            "virtual environment, prometheus_client; the watcher need not be restarted\n"
        )  # fmt: skip
    return HTTPStatus.OK, metrics.CONTENT_TYPE, metrics.text(status)
