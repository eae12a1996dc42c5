"""Where log lines go that neither the journal nor stderr is to have: a file that others rotate, or syslog."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import socket
import sys
import time
from typing import Callable, Optional

DEV_LOG = "/dev/log"
FACILITIES = {
    "kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
    "authpriv": 10, "ftp": 11, **{f"local{number}": 16 + number for number in range(8)},
}  # fmt: skip


class LogFileError(Exception):
    """The log cannot be written to where it should be; says why."""


class LogFile(logging.handlers.WatchedFileHandler):
    """Appends; when the file was renamed or removed, the next line goes into a new one.  Raises LogFileError."""

    def __init__(self, path: str) -> None:
        try:
            super().__init__(path, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise LogFileError(f"log_file: {path}: {error.strerror or error}") from error
        self._lost = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.reopenIfNeeded()
            if getattr(self, "stream", None) is None:  # it could not be, the last time
                self.stream = self._open()
                self._statstream()
            logging.StreamHandler.emit(self, record)
            self._lost = False
        except OSError as error:  # the folder went, say: the watcher goes on, and says so where it can
            if not self._lost:
                sys.stderr.write(f"lockstep: log_file: {self.baseFilename}: {error.strerror or error}\n")
            self._lost = True

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            raise error
        super().handleError(record)


class Syslog(logging.Handler):
    """Sends to the local syslog daemon, as RFC 3164 has it; what it does not take goes to stderr.  It is never waited
    for: the event loop has other work.
    """

    def __init__(self, facility: str, priority: Callable[[logging.LogRecord], int], path: str = DEV_LOG) -> None:
        super().__init__()
        self._facility = FACILITIES[facility]
        self._priority = priority
        self._path = path
        self._channel: Optional[socket.socket] = None

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        at = time.strftime("%b %e %H:%M:%S", time.localtime(record.created))
        number = 8 * self._facility + self._priority(record)
        if not self._send(f"<{number}>{at} lockstep[{os.getpid()}]: {line}".encode("utf-8", "backslashreplace")):
            sys.stderr.write(f"{line}\n")

    def _send(self, data: bytes) -> bool:
        for _try in range(2):  # a daemon that was restarted has another socket
            with contextlib.suppress(OSError):
                if self._channel is None:
                    self._channel = socket.socket(
                        socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
                    )
                    self._channel.connect(self._path)
                self._channel.send(data)
                return True
            self._forget()
        return False

    def _forget(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def close(self) -> None:
        self._forget()
        super().close()
