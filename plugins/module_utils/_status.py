# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watcher's status document, asked for through its socket or over HTTP."""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url

ANSWER_SECONDS = 10.0
LONGEST_ANSWER = 256 * 1024 * 1024  # bytes


class StatusError(Exception):
    """No status; the text says where it was asked for and why there is none."""


class NotRunning(StatusError):
    """Nobody is there to be asked."""


def from_socket(path: str) -> dict[str, Any]:
    """Ask through the socket. Raises StatusError."""
    answer = order(path, {"command": "status"})
    if not isinstance(answer.get("status"), dict):
        raise StatusError(f"{path}: the watcher answers: no status")
    return _document(path, answer["status"])


def order(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """Have something done through the socket: one JSON object per line, there and back. Raises StatusError."""
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(path)
            connection.sendall(json.dumps(request).encode("ascii") + b"\n")
            line = _line(connection, deadline)
    except FileNotFoundError as error:
        raise NotRunning(f"{path}: no such socket; the watcher does not run here, or uses another one") from error
    except ConnectionRefusedError as error:
        raise NotRunning(f"{path}: nobody listens; the watcher has ended without removing its socket") from error
    except PermissionError as error:
        raise StatusError(
            f"{path}: permission denied; run the task as root or as a member of the watcher's group"
        ) from error
    except OSError as error:
        raise StatusError(f"{path}: {error}") from error
    answer = _object(path, line)
    if answer.get("ok") is not True:
        raise StatusError(f"{path}: the watcher answers: {printable(answer.get('error', 'no status'))}")
    return answer


def from_url(url: str) -> dict[str, Any]:
    """Ask over HTTP. Raises StatusError."""
    try:
        with open_url(url, timeout=ANSWER_SECONDS, use_proxy=False, http_agent="lockstep.realtime") as response:
            body = response.read(LONGEST_ANSWER)
    except HTTPError as error:
        error.close()
        raise StatusError(f"{url}: HTTP {error.code} {error.reason}; is this the watcher's status.listen?") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        kind = NotRunning if isinstance(reason, ConnectionRefusedError) else StatusError
        raise kind(f"{url}: {reason}; the watcher does not run here, or listens elsewhere") from error
    return _document(url, _object(url, body))


def _line(connection: socket.socket, deadline: float) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        if len(line) > LONGEST_ANSWER or time.monotonic() > deadline:
            raise OSError(f"no whole answer within {ANSWER_SECONDS:g} s")
        chunk = connection.recv(65536)
        if not chunk:
            break
        line += chunk
    return bytes(line)


def _object(where: str, text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise StatusError(f"{where}: the answer is not JSON; is it the watcher that answers?") from error
    if not isinstance(answer, dict):
        raise StatusError(f"{where}: the answer is no status; is it the watcher that answers?")
    return answer


def _document(where: str, status: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(status.get("mirrors"), list):
        raise StatusError(f"{where}: the answer names no mirrors; is it the watcher that answers?")
    document: dict[str, Any] = printable(status)
    return document


def printable(value: Any) -> Any:
    """Names that are not UTF-8 travel as lone surrogates, which Ansible cannot print: shown as \\xNN."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return [printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): printable(item) for key, item in value.items()}
    return value
