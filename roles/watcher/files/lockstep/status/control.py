"""The watcher's unix socket: one JSON object a line in, one a line out, any number of requests on a connection."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import socket
import stat
from collections.abc import Awaitable
from typing import Any, Callable, Union, cast

Request = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Request], Union[Answer, Awaitable[Answer]]]

# Bytes of one request: a path of 4,096 bytes in JSON escapes is 24 KiB.
MAX_LINE = 64 * 1024
MODE = 0o660


class ControlError(Exception):
    """The service could not be asked, or its answer was none; says what to do."""


class NotRunning(ControlError):
    """Nobody listens there."""


class ControlServer:
    """Serves `handle` at `path`. A handler's exception is the answer, not the end of the service."""

    def __init__(self, path: str, handle: Handler) -> None:
        self._path = path
        self._handle = handle
        self._server: asyncio.AbstractServer | None = None
        self._inode: int | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises ControlError when another service answers at the path, or OSError."""
        clear(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            bind(listener, self._path)
        except OSError:
            listener.close()
            raise
        self._inode = os.stat(self._path).st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE)

    async def close(self) -> None:
        """Stop listening, end the connections and remove the socket file, if it is still the one made here."""
        if self._server is not None:
            self._server.close()
            for connection in self._connections:
                connection.cancel()
            if self._connections:
                await asyncio.wait(self._connections)
            await self._server.wait_closed()
            self._server = None
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._connections.add(task)
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:
                    # What follows would be the rest of that line: the connection has no more use.
                    await _say(writer, _failed(f"a request is longer than {MAX_LINE} bytes"))
                    break
                if not line:
                    break
                if line.strip():
                    await _say(writer, await self._answer(line))
        except (ConnectionError, asyncio.CancelledError):
            # They hung up, or the service stops: nobody is left to tell.
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _failed("a request must be one line of JSON")
        if not isinstance(request, dict):
            return _failed("a request must be a JSON object")
        try:
            answer = self._handle(request)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:  # noqa: BLE001  a request that fails must not end the service
            return _failed(f"{type(error).__name__}: {error}")


def ask(path: str, request: Request, timeout: float = 10.0) -> Answer:
    """Send one request and wait for its answer, at most `timeout` seconds. Raises ControlError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(timeout)
            channel.connect(path)
            channel.sendall(json.dumps(request).encode("ascii") + b"\n")
            with channel.makefile("rb") as file:
                line = file.readline()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunning(f"nothing listens at {path}: is the service running? (another place: --socket)") from error
    except PermissionError as error:
        raise ControlError(f"{path}: not permitted; run as root or as a member of the service's group") from error
    except TimeoutError as error:
        raise ControlError(f"{path}: no answer within {timeout:g} s") from error
    except OSError as error:
        if isinstance(error, socket.timeout):  # its own class before Python 3.10
            raise ControlError(f"{path}: no answer within {timeout:g} s") from error
        raise ControlError(f"{path}: {error.strerror or error}") from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ControlError(f"{path}: the connection ended without an answer") from error
    if not isinstance(answer, dict):
        raise ControlError(f"{path}: the answer is not a JSON object")
    return answer


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> None:
    # ASCII: names that are not UTF-8 travel as escapes of lone surrogates and come back through os.fsencode.
    writer.write(json.dumps(answer).encode("ascii") + b"\n")
    await writer.drain()


def _failed(text: str) -> Answer:
    return {"ok": False, "error": text}


def bind(listener: socket.socket, path: str) -> None:
    """Bind to a socket file that is never for a moment open to others: made under a mask, before anything else runs."""
    mask = os.umask(0o777 & ~MODE)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)


def clear(path: str, key: str = "status.socket") -> None:
    """Remove the socket file of a service that is gone. Raises ControlError when it is not gone."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise ControlError(f"{path} is in the way and no socket; remove it or choose another {key}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as channel:
        channel.settimeout(2.0)
        try:
            channel.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            raise ControlError(f"{path}: cannot tell whether another service uses it: {error}") from error
    raise ControlError(f"another service listens at {path} already; stop it or choose another {key}")
