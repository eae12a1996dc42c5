"""The socket answers whatever is said to it, and never gives way to a second service."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Callable

import pytest

from lockstep.status.control import MAX_LINE, ControlError, ControlServer, ask


def handle(request: dict[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    if request.get("command") == "fail":
        raise RuntimeError("on purpose")
    if request.get("command") == "later":
        return later(request)
    return {"ok": True, "echo": request}


async def later(request: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"ok": True, "later": request}


def served(path: Path, talk: Callable[[], Any]) -> Any:
    """What `talk` returns, in a thread, while a server runs."""

    async def serve() -> Any:
        server = ControlServer(str(path), handle)
        await server.start()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, talk)
        finally:
            await server.close()

    return asyncio.run(asyncio.wait_for(serve(), 20))


def talk_raw(path: Path, data: bytes) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(5)
        channel.connect(str(path))
        channel.sendall(data)
        channel.shutdown(socket.SHUT_WR)
        return [json.loads(line) for line in channel.makefile("rb")]


def test_a_question_gets_its_answer_with_any_name_in_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    request = {"command": "resync", "path": "a\n\udcff \"'"}
    assert served(path, lambda: ask(str(path), request)) == {"ok": True, "echo": request}
    assert served(path, lambda: ask(str(path), {"command": "later"})) == {"ok": True, "later": {"command": "later"}}


def test_many_requests_share_a_connection_and_bad_ones_are_answered(tmp_path: Path) -> None:
    path = tmp_path / "s"
    lines = b'{"a":1}\nnonsense\n\n[1]\n\xff\n{"command":"fail"}\n' + b"[" * 5000 + b'\n{"b":2}\n'
    answers = served(path, lambda: talk_raw(path, lines))
    assert [answer["ok"] for answer in answers] == [True, False, False, False, False, False, True]
    assert answers[1]["error"] == "a request must be one line of JSON"
    assert answers[2]["error"] == "a request must be a JSON object"
    assert answers[4]["error"] == "RuntimeError: on purpose"
    assert answers[6]["echo"] == {"b": 2}


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s"
    answers = served(path, lambda: talk_raw(path, b"x" * (MAX_LINE + 1000)))
    assert answers == [{"ok": False, "error": f"a request is longer than {MAX_LINE} bytes"}]


def test_only_owner_and_group_may_speak_and_the_file_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert served(path, lambda: stat.S_IMODE(path.stat().st_mode)) == 0o660
    assert not path.exists()


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    assert served(path, lambda: ask(str(path), {}))["ok"] is True

    def second() -> str:
        with pytest.raises(ControlError, match="another service listens") as caught:
            asyncio.run(ControlServer(str(path), handle).start())
        # The first service goes on, and by its answer it has also taken leave of whoever knocked.
        assert ask(str(path), {})["ok"] is True
        return str(caught.value)

    assert str(path) in served(path, second)


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(ControlError, match="is in the way"):
        asyncio.run(ControlServer(str(path), handle).start())
    assert path.read_text() == "precious"


def test_close_does_not_wait_for_idle_clients(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as idle:
        idle.settimeout(5)

        def connect() -> None:
            idle.connect(str(path))
            idle.sendall(b"{}\n")
            assert idle.recv(1000)

        served(path, connect)
        assert idle.recv(1000) == b""


def test_nobody_to_ask_is_said_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="is the service running"):
        ask(str(tmp_path / "missing"), {})


def test_an_answer_that_does_not_come_times_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen(1)
        with pytest.raises(ControlError, match=r"no answer within 0\.1 s"):
            ask(str(tmp_path / "s"), {}, timeout=0.1)


def test_a_socket_that_another_made_meanwhile_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"

    def replace() -> None:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "new"))
        os.replace(tmp_path / "new", path)

    served(path, replace)
    assert path.exists()
