"""Whatever is said to the status socket and over HTTP, by whom and how slowly: the next good request is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.config import parse
from lockstep.service import Service
from lockstep.status.control import MAX_LINE, ControlServer
from lockstep.status.http import StatusHttp
from lockstep.status.snapshot import details, document

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)
CONFIG = b"mirrors: [{name: data, source: /data, targets: [{url: 'rsync://h/m'}]}]"
COMMANDS = ["status", "resync", "pause", "resume", "release", "nonsense", "", None, 7, [], {}]
names = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(["data", "../..", "a\0b", "\udcff"]), st.integers())
requests = st.fixed_dictionaries(
    {}, optional={"command": st.sampled_from(COMMANDS), "mirror": names, "path": names, "more": st.integers()}
).map(lambda request: json.dumps(request).encode())
lines = st.one_of(
    requests, st.binary(max_size=60), st.sampled_from([b"[" * 9_000, b'{"a":' * 9_000, b"x" * (MAX_LINE + 10), b"\0"])
)


class Running:
    """A service without a mirror that runs, at its socket and over HTTP, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "s")
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.service: Service = self.do(self._service())
        self._control = ControlServer(self.path, self.service._obey)
        self.do(self._control.start())
        self._http = StatusHttp(("127.0.0.1", 0), self.loop, self._snapshot)
        self._http.start()
        self.port = self._http.port

    def _snapshot(self, detailed: bool) -> dict[str, Any]:
        return details(self.service) if detailed else document(self.service)

    async def _service(self) -> Service:
        return Service("x.yml", parse(CONFIG, "x.yml"), None)

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def close(self) -> None:
        self._http.close()
        self.do(self._control.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def connect(self, http: bool) -> socket.socket:
        channel = socket.socket(socket.AF_INET if http else socket.AF_UNIX)
        channel.settimeout(20)
        channel.connect(("127.0.0.1", self.port) if http else self.path)
        return channel

    def is_well(self) -> None:
        """A good request is answered as ever, on both ways."""
        with self.connect(http=False) as channel:
            channel.sendall(b'{"command": "status"}\n')
            answer = json.loads(channel.makefile("rb").readline())
        assert answer["ok"]
        assert answer["status"]["mirrors"] == []
        with self.connect(http=True) as channel:
            channel.sendall(b"GET /status.json HTTP/1.0\r\n\r\n")
            head, _, body = channel.makefile("rb").read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 ")
        assert json.loads(body)["pid"] == os.getpid()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    found = Running(tmp_path_factory.mktemp("s"))
    yield found
    found.close()


def send(channel: socket.socket, data: bytes, cuts: list[int]) -> None:
    """In pieces; it may have hung up."""
    at = 0
    with contextlib.suppress(ConnectionError):
        for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
            channel.sendall(data[at:cut])
            at = max(at, cut)


def rest(channel: socket.socket) -> bytes:
    """Everything that it still says, until it hangs up."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while data := channel.recv(1 << 16):
            found += data
    return found


@FUZZ
@given(said=st.lists(lines, max_size=6), cuts=st.lists(st.integers(0, 10**6), max_size=4), end=st.booleans())
def test_each_line_at_the_socket_gets_one_answer(
    running: Running, said: list[bytes], cuts: list[int], end: bool
) -> None:
    data = b"\n".join(said) + (b"\n" if end else b"")
    with running.connect(http=False) as channel:
        send(channel, data, cuts)
        with contextlib.suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
        answers = [json.loads(line) for line in rest(channel).splitlines()]
    for answer in answers:
        assert isinstance(answer["ok"], bool)
        assert answer["ok"] or answer["error"]
        assert "Error: " not in str(answer.get("error")), "an error is a sentence, not an exception"
    asked = [line for line in data.split(b"\n") if line.strip()]
    if all(len(line) <= MAX_LINE for line in asked):
        assert len(answers) == len(asked)
    running.is_well()


@FUZZ
@given(said=st.lists(lines, min_size=1, max_size=3), held=st.integers(1, 5))
def test_those_who_say_half_a_request_and_wait_keep_nobody_from_an_answer(
    running: Running, said: list[bytes], held: int
) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(held):
            for http in (False, True):
                channel = stack.enter_context(running.connect(http))
                send(channel, (b"GET / HTTP/1.1\r\n" if http else b"") + said[number % len(said)], [])
        running.is_well()


METHODS = st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT", b"TRACE", b"get", b"", b"\xff", b"G" * 70_000])
TARGETS = st.one_of(
    st.sampled_from([b"/", b"/status.json", b"/healthz", b"//", b"/../etc/passwd", b"http://x/", b"*", b"/" * 70_000]),
    st.binary(max_size=20),
)
HEADERS = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"Content-Length: 99999999", b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"Host: x",
             b"Content-Length: -1", b" folded", b":", b"A: " + b"b" * 70_000]
        ),
    ),
    max_size=120,
)  # fmt: skip


@FUZZ
@given(
    method=METHODS, target=TARGETS, version=st.sampled_from([b"HTTP/1.0", b"HTTP/1.1", b"HTTP/9.9", b"", b"x"]),
    headers=HEADERS, end=st.booleans(), cuts=st.lists(st.integers(0, 10**6), max_size=3),
)  # fmt: skip
def test_a_request_over_http_is_answered_or_refused_and_changes_nothing(
    running: Running, method: bytes, target: bytes, version: bytes, headers: list[bytes], end: bool, cuts: list[int]
) -> None:
    lines = [b" ".join(part for part in (method, target, version) if part), *headers]
    with running.connect(http=True) as channel:
        send(channel, b"\r\n".join(lines) + (b"\r\n\r\n" if end else b""), cuts)
        with contextlib.suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
        answer = rest(channel)
    if answer.startswith(b"HTTP/"):
        status = int(answer.split(b" ", 2)[1])
        assert status in (100, 200, 400, 404, 405, 408, 414, 417, 421, 431, 501, 503, 505), answer[:200]
        if status == 200:
            assert method in (b"GET", b"HEAD")
    assert b"Traceback" not in answer
    running.is_well()


@FUZZ
@given(data=st.binary(max_size=300))
def test_bytes_over_http_harm_nobody(running: Running, data: bytes) -> None:
    with running.connect(http=True) as channel:
        send(channel, data, [])
        with contextlib.suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
        assert b"Traceback" not in rest(channel)
    running.is_well()
