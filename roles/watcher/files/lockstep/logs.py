"""How log lines look: one for each change of state and each order, a file's name only at debug.

Under systemd a line goes to the journal with fields beside its text (systemd.journal-fields(7)), so that
`journalctl -u lockstep` reads as a story and `journalctl LOCKSTEP_MIRROR=data -o json` is data.  Elsewhere it is text,
or one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import struct
import sys
from collections.abc import MutableMapping
from typing import Any, Optional

from lockstep.logs_elsewhere import LogFile, Syslog

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # syslog(3)
FIELDS = ("mirror", "target", "state", "was", "seconds", "reason")  # what a record may be about
JOURNAL = "/run/systemd/journal/socket"


class About(logging.LoggerAdapter):  # type: ignore[type-arg]  # not subscriptable before Python 3.11
    """A logger whose records carry what they are about; `extra` of a call adds to that."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def about(log: logging.Logger, **what: object) -> About:
    return About(log, what)


def _text(record: logging.LogRecord) -> str:
    text = _plain(record.getMessage())
    if record.exc_info:
        text += " | " + logging.Formatter().formatException(record.exc_info).replace("\n", " | ")
    words = " ".join(f"{word} {getattr(record, word)}" for word in ("mirror", "target") if getattr(record, word, None))
    return f"{words}: {text}" if words else text


def _plain(text: str) -> str:
    # surrogates stand for bytes that are no text: shown escaped, never printed raw
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value not in (None, "")}


class _Lines(logging.Formatter):
    """Under systemd the priority as sd-daemon(3) has it; elsewhere the time and the level's name."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        if self._journal:
            return f"<{_PRIORITY.get(record.levelname, 6)}>{_text(record)}"
        return f"{self.formatTime(record)} {record.levelname} {_text(record)}"


class _Bare(logging.Formatter):
    """Syslog has the time and the priority itself."""

    def format(self, record: logging.LogRecord) -> str:
        return _text(record)


class _Objects(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {"time": record.created, "level": record.levelname.lower(), "message": _text(record), **_fields(record)}
        )


class _Journal(logging.Handler):
    """Sends records to the journal by its own protocol; what it does not take goes to stderr, which it reads too."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._fallback = logging.StreamHandler(sys.stderr)
        self._fallback.setFormatter(_Lines(journal=True))

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"MESSAGE": _text(record), "PRIORITY": _PRIORITY.get(record.levelname, 6),
                  "SYSLOG_IDENTIFIER": "lockstep"}  # fmt: skip
        fields.update((f"LOCKSTEP_{name.upper()}", value) for name, value in _fields(record).items())
        try:
            self._channel.sendto(b"".join(_field(name, value) for name, value in fields.items()), self._path)
        except OSError:  # too long for a datagram, or the journal is behind: the event loop does not wait for it
            self._fallback.handle(record)

    def close(self) -> None:
        self._channel.close()
        super().close()


def _field(name: str, value: object) -> bytes:
    data = _plain(str(value)).encode()
    return name.encode("ascii") + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def reopen() -> None:
    """A file that was renamed is let go: from now on a new one of the old name is written to."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            with contextlib.suppress(OSError):  # which the next line says
                handler.reopenIfNeeded()


def _is_the_journal() -> bool:
    """Does stderr go to the journal?  JOURNAL_STREAM names the stream's device and inode: systemd.exec(5)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def set_up(
    level: str, form: str = "text", journal: str = JOURNAL, file: Optional[str] = None, syslog: Optional[str] = None
) -> None:
    """Records at or above `level` (debug, info, warning, error) go to `file`, to the facility `syslog`, to the journal,
    or to stderr, as `form` says.  Raises LogFileError.
    """
    handler: logging.Handler
    if file is not None:
        handler = LogFile(file)
        handler.setFormatter(_Objects() if form == "json" else _Lines(journal=False))
    elif syslog is not None:
        handler = Syslog(syslog, lambda record: _PRIORITY.get(record.levelname, 6))
        handler.setFormatter(_Objects() if form == "json" else _Bare())
    elif form == "text" and _is_the_journal() and os.path.exists(journal):
        handler = _Journal(journal)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Objects() if form == "json" else _Lines(journal="JOURNAL_STREAM" in os.environ))
    root = logging.getLogger()
    for old in root.handlers:
        old.close()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
