"""Who may see the status over HTTP: on loopback whoever is on this host, elsewhere whoever shows the token."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import stat
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from ipaddress import ip_address
from typing import Optional

LEAST = 16  # characters of a token
REALM = 'Basic realm="lockstep: any user, the token as password", charset="UTF-8"'


@dataclass(frozen=True)
class Refusal:
    code: HTTPStatus
    text: str
    ask: bool = False  # for the token: a browser shows its prompt then


class TokenError(Exception):
    """The token cannot be used; says why and what mends it, and never the token."""


def read_token(path: str) -> bytes:
    """The token in a file, without the line end.  Raises TokenError."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(4096).strip()
    except OSError as error:
        raise TokenError(f"token_file {path}: {error.strerror or error}") from error
    if stat.S_IMODE(mode) & 0o007:
        raise TokenError(f"token_file {path} can be read or written by others: chmod o= {path}")
    if len(token) < LEAST:
        raise TokenError(
            f"token_file {path} holds fewer than {LEAST} characters; openssl rand -hex 32 makes a good one"
        )
    return token


def refusal(headers: Message, token_file: Optional[str], local: bool) -> Optional[Refusal]:
    """Why this request gets no answer; None when it does.  `local`: without a token, over TCP.

    The token is read each time: one that is exchanged counts at once.
    """
    if token_file is not None:
        try:
            token = read_token(token_file)
        except TokenError as error:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        shown = _shown(headers.get("Authorization", ""))
        if shown is None or not hmac.compare_digest(shown, token):
            return Refusal(HTTPStatus.UNAUTHORIZED, "the token in status.token_file is needed", ask=True)
        return None
    if local and not _is_own_name(headers.get("Host", "")):
        # a web page elsewhere can make a browser here ask, under a name of its own that leads to this host
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "ask for localhost or an address; other names need a token_file")
    return None


def _shown(header: str) -> Optional[bytes]:
    """The token of `Bearer TOKEN`, or the password of `Basic`: the first for programs, the second for browsers."""
    scheme, _space, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return None
    return None


def _is_own_name(host: str) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ip_address(name)
    except ValueError:
        return name.lower() in ("localhost", "")
    return True
