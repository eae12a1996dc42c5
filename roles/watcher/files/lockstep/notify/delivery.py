"""One message to one receiver: a program's stdin, or an HTTP POST.  Called in a thread of its own; may take its time.

No secret is in an argument, an environment or a message of an error: of an address only the host is named.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import re
import signal
import stat
import subprocess
from collections.abc import Container, Mapping
from types import MappingProxyType
from typing import Optional
from urllib.parse import urlsplit

from lockstep.config_notify import Channel, Command, Post, url_problem

_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4  # linux/prctl.h
_ENVIRONMENT = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
_NOTHING: Mapping[str, str] = MappingProxyType({})
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)")  # RFC 9110, 5.1 and 5.5
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
        run(channel, body)
    else:
        post(channel, body)


def run(command: Command, body: bytes, more: Mapping[str, str] = _NOTHING) -> None:
    """Give a program this on its stdin; `more` is added to its environment.  Raises DeliveryError."""
    # a file and no pipe: whoever it leaves in the background may hold that open for ever
    with os.fdopen(os.memfd_create("said"), "w+b") as said:
        try:
            process = subprocess.Popen(
                list(command.argv), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said, cwd="/",
                env={**_ENVIRONMENT, **more}, start_new_session=True,
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


def post(to: Post, body: bytes) -> None:
    """POST this as JSON.  Raises DeliveryError."""
    url = to.url if to.url is not None else _secret("url_file", to.url_file or "")
    if url_problem(url):
        raise DeliveryError(f"url_file {to.url_file}: {url_problem(url)}")
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json", **more_headers(to.token_file, to.headers_file)}
    with connected(url, to.timeout) as connection:
        ask(connection, "POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)


def connected(url: str, timeout: float) -> contextlib.closing[http.client.HTTPConnection]:
    """A connection for this address, made with the first request, to be closed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return contextlib.closing(kind(parts.hostname or "", parts.port, timeout=timeout))


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Optional[bytes],
    headers: Mapping[str, str],
    also: Container[int] = (),
) -> None:
    """One request; an answer of 200 to 299, or one in `also`, is wanted.  Raises DeliveryError."""
    host = connection.host
    try:
        connection.request(method, path, body, {"User-Agent": "lockstep", **headers})
        answer = connection.getresponse()
        said = answer.read(SAID).decode("utf-8", "replace").strip().partition("\n")[0]
        while answer.read(SECRET):  # what is left of it, or no other request could follow
            pass
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DeliveryError(f"{host}: {why}") from error
    if answer.status in also or 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise DeliveryError(f"{host}: HTTP {answer.status}, which leads elsewhere: give the address itself")
    raise DeliveryError(f"{host}: HTTP {answer.status} {answer.reason}{': ' + said if said else ''}")


def more_headers(token_file: Optional[str], headers_file: Optional[str]) -> dict[str, str]:
    """What a token and a file of headers, a line `Name: value` each, come to.  Raises DeliveryError."""
    found = {}
    if token_file is not None:
        found["Authorization"] = f"Bearer {_secret('token_file', token_file)}"
    for number, line in enumerate(_closed_file("headers_file", headers_file).splitlines() if headers_file else (), 1):
        if line.strip() and not line.startswith("#"):
            match = _HEADER.fullmatch(line.strip())
            if match is None:
                raise DeliveryError(f"headers_file {headers_file}, line {number}: must be as in  Name: value")
            found[match[1]] = match[2]
    return found


def _secret(key: str, path: str) -> str:
    text = _closed_file(key, path)
    if not text or not text.isprintable() or " " in text:
        raise DeliveryError(f"{key} {path} must hold one word and nothing else")
    return text


def _closed_file(key: str, path: str) -> str:
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
        more_headers(channel.token_file, channel.headers_file)
    except DeliveryError as error:
        return str(error)
    return None
