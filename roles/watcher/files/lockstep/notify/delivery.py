"""One message to one receiver: a program's stdin, or an HTTP POST.  Called in a thread of its own; may take its time.

No secret is in an argument, an environment or a message of an error: of an address only the host is named.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import stat
import subprocess
from typing import Optional
from urllib.parse import urlsplit

from lockstep.config_notify import Channel, Command, Post, url_problem

_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4  # linux/prctl.h
_ENVIRONMENT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
SECRET = 16 * 1024  # bytes of a file with an address or a token
SAID = 200  # characters of what the receiver said


class DeliveryError(Exception):
    """It could not be told; says why."""


def give_up_reading() -> None:
    """From now on what this thread starts may not read everybody's files: that is the watcher's alone.  prctl(2)"""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)


def name(channel: Channel) -> str:
    """What people may call it."""
    if isinstance(channel, Command):
        return f"command {channel.argv[0]}"
    if channel.url is not None:
        return f"POST to {urlsplit(channel.url).hostname}"
    return f"POST as {channel.url_file} says"


def deliver(channel: Channel, body: bytes) -> None:
    """Raises DeliveryError."""
    if isinstance(channel, Command):
        _run(channel, body)
    else:
        _post(channel, body)


def _run(command: Command, body: bytes) -> None:
    # a file and no pipe: whoever it leaves in the background may hold that open for ever
    with os.fdopen(os.memfd_create("said"), "w+b") as said:
        try:
            process = subprocess.Popen(
                list(command.argv), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, cwd="/",
                env=_ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DeliveryError(f"{command.argv[0]}: {error.strerror or error}") from error
        with process:
            try:
                process.communicate(body, command.timeout)
            except subprocess.TimeoutExpired as error:
                raise DeliveryError(f"{command.argv[0]} did not end within {command.timeout:g} s") from error
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with all that it started
        if process.returncode:
            said.seek(0)
            words = said.read(SAID).decode("utf-8", "replace").strip().partition("\n")[0]
            raise DeliveryError(f"{command.argv[0]} left with {process.returncode}{': ' + words if words else ''}")


def _post(post: Post, body: bytes) -> None:
    url = post.url if post.url is not None else _secret("url_file", post.url_file or "")
    if url_problem(url):
        raise DeliveryError(f"url_file {post.url_file}: {url_problem(url)}")
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json", "User-Agent": "lockstep"}
    if post.token_file is not None:
        headers["Authorization"] = f"Bearer {_secret('token_file', post.token_file)}"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=post.timeout)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        answer = connection.getresponse()
        said = answer.read(SAID).decode("utf-8", "replace").strip().partition("\n")[0]
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DeliveryError(f"{parts.hostname}: {why}") from error
    finally:
        connection.close()
    if 300 <= answer.status < 400:
        raise DeliveryError(f"{parts.hostname}: HTTP {answer.status}, which leads elsewhere: give the address itself")
    if not 200 <= answer.status < 300:
        raise DeliveryError(f"{parts.hostname}: HTTP {answer.status} {answer.reason}{': ' + said if said else ''}")


def _secret(key: str, path: str) -> str:
    try:
        with open(path, "rb") as file:
            others = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o007
            text = file.read(SECRET).decode("ascii").strip()
    except OSError as error:
        raise DeliveryError(f"{key} {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DeliveryError(f"{key} {path}: holds bytes that are not ASCII") from error
    if others:
        raise DeliveryError(f"{key} {path} can be read or written by others: chmod o= {path}")
    if not text or not text.isprintable() or " " in text:
        raise DeliveryError(f"{key} {path} must hold one word and nothing else")
    return text


def problem(channel: Channel) -> Optional[str]:
    """What is wrong with the files that a channel names; None when they can be used."""
    if isinstance(channel, Command):
        return None if os.access(channel.argv[0], os.X_OK) else f"{channel.argv[0]} cannot be executed"
    try:
        if channel.url_file is not None:
            wrong = url_problem(_secret("url_file", channel.url_file))
            if wrong:
                return f"url_file {channel.url_file}: {wrong}"
        if channel.token_file is not None:
            _secret("token_file", channel.token_file)
    except DeliveryError as error:
        return str(error)
    return None
