# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rsync daemon's greeting, spoken without rsync: version, digests, modules, log-in (rsync's clientserver.c and
authenticate.c; protocols 30 to 32 behave alike here).
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

# What is announced: the framing of what follows the log-in is that of 30 and later.
PROTOCOL = "31.0"
OLDEST = 30
# In rsync's own order. It knows md4 besides, which Python's hashlib often has not; no daemon since 2008 needs it.
DIGESTS = ("sha512", "sha256", "sha1", "md5")
LONGEST_LINE = 64 * 1024
MOST_LINES = 10_000
_GREETING = re.compile(rb"@RSYNCD: (\d+)(?:\.(\d+))?((?: [\w-]+)*)\s*$")


class DaemonError(Exception):
    """The daemon could not be asked; the text says why."""


@dataclass
class Greeting:
    """What the daemon said of itself. C(digests) is None where it named none, which means md5."""

    protocol: int
    subprotocol: int
    digests: Optional[list[str]]

    @property
    def digest(self) -> Optional[str]:
        """The one that a log-in uses: the first of ours that the daemon has."""
        return next((name for name in DIGESTS if name in (self.digests or ["md5"])), None)


@dataclass
class Login:
    """What came of asking for a module. C(refused): what the daemon answered instead of letting in, or none."""

    required: bool = False
    ok: bool = False
    digest: Optional[str] = None
    refused: Optional[str] = None


@dataclass
class Connection:
    """One connection, greeted. Every wait for the daemon ends at the deadline. Use as a context."""

    host: str
    port: int
    timeout: float
    greeting: Greeting = field(init=False)
    motd: list[str] = field(default_factory=list)
    connect_ms: float = 0.0
    _buffer: bytes = b""

    def __post_init__(self) -> None:
        began = time.monotonic()
        self._deadline = began + self.timeout
        try:
            self.socket = socket.create_connection((self.host, self.port), timeout=self.timeout)
        except OSError as error:
            raise self._broken(error) from error
        self.connect_ms = round((time.monotonic() - began) * 1000, 1)
        try:
            self.greeting = self._greet()
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def _greet(self) -> Greeting:
        line = self.line()
        match = _GREETING.match(line)
        if match is None:
            said = line.decode("utf-8", "backslashreplace").strip()
            raise DaemonError(f"{self.host} port {self.port}: no rsync daemon: it begins with {said[:80]!r}")
        digests = match[3].decode("ascii").split() or None
        greeting = Greeting(int(match[1]), int(match[2] or 0), digests)
        self.send(f"@RSYNCD: {PROTOCOL} {' '.join(DIGESTS)}\n".encode("ascii"))
        return greeting

    def modules(self) -> list[dict[str, str]]:
        """The modules that the daemon lists; it closes the connection then."""
        self.send(b"#list\n")
        found = []
        for line in self._answers():
            if line.startswith(b"@RSYNCD: EXIT"):
                break
            if line.startswith(b"@ERROR"):
                raise DaemonError(_text(line))
            name, tab, comment = line.partition(b"\t")
            if tab:
                found.append({"name": _text(name).rstrip(), "comment": _text(comment)})
            else:
                self.motd.append(_text(line))
        return found

    def log_in(self, module: str, user: Optional[str], password: Optional[bytes]) -> Login:
        """Ask for a module, and answer the daemon's challenge."""
        login = Login()
        self.send(module.encode("utf-8", "surrogateescape") + b"\n")
        for line in self._answers():
            if line.startswith(b"@RSYNCD: OK"):
                login.ok = True
                break
            if line.startswith(b"@RSYNCD: AUTHREQD "):
                login.required = True
                if not self._answer_challenge(login, line.split()[-1], user, password):
                    break
            elif line.startswith((b"@ERROR", b"@RSYNCD: EXIT")):
                login.refused = _text(line).partition(": ")[2] or _text(line)
                break
            else:
                self.motd.append(_text(line))
        return login

    def _answer_challenge(self, login: Login, challenge: bytes, user: Optional[str], password: Optional[bytes]) -> bool:
        login.digest = self.greeting.digest
        if user is None or password is None:
            login.refused = "it wants a user and a password, and none were given"
        elif login.digest is None:
            login.refused = f"it takes none of the digests {', '.join(DIGESTS)}"
        else:
            answer = response(login.digest, password, challenge)
            self.send(user.encode("utf-8", "surrogateescape") + b" " + answer + b"\n")
            return True
        return False

    def _answers(self) -> Iterator[bytes]:
        """One line after the other, not for ever."""
        for _number in range(MOST_LINES):
            yield self.line()
        raise DaemonError(f"{self.host} port {self.port}: more than {MOST_LINES} lines; is it an rsync daemon?")

    def line(self) -> bytes:
        """The next line, without its end. Raises DaemonError when none comes."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise DaemonError(f"{self.host} port {self.port}: a line has no end; is it an rsync daemon?")
            self._buffer += self._receive()
        line, _end, self._buffer = self._buffer.partition(b"\n")
        return line

    def read(self, length: int) -> bytes:
        """So many bytes, exactly. Raises DaemonError when fewer come."""
        while len(self._buffer) < length:
            self._buffer += self._receive()
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        return data

    def send(self, data: bytes) -> None:
        try:
            self.socket.settimeout(self._left())
            self.socket.sendall(data)
        except OSError as error:
            raise self._broken(error) from error

    def _receive(self) -> bytes:
        try:
            self.socket.settimeout(self._left())
            data = self.socket.recv(65536)
        except OSError as error:
            raise self._broken(error) from error
        if not data:
            raise DaemonError(f"{self.host} port {self.port}: the daemon closed the connection")
        return data

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.001)

    def _broken(self, error: OSError) -> DaemonError:
        # its own class before Python 3.10
        late = isinstance(error, (socket.timeout, TimeoutError))
        why = f"no answer within {self.timeout:g} s" if late else error.strerror or str(error)
        return DaemonError(f"{self.host} port {self.port}: {why}")


def response(digest: str, password: bytes, challenge: bytes) -> bytes:
    """What rsync sends to a challenge: digest of password and challenge, in base64 without its padding."""
    sent = hashlib.new(digest, password + challenge, usedforsecurity=False).digest()
    return base64.b64encode(sent).rstrip(b"=")


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r")
