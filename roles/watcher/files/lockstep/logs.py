"""How log lines look: level for journald, then the mirror they are about, then the sentence."""

from __future__ import annotations

import logging
import os
import sys

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}  # syslog(3)


class _Lines(logging.Formatter):
    """Under systemd the priority as sd-daemon(3) has it; elsewhere the time and the level's name."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        about = " ".join(
            f"{word} {getattr(record, word)}" for word in ("mirror", "target") if getattr(record, word, None)
        )
        # surrogates stand for bytes that are no text: shown escaped, never printed raw
        text = record.getMessage().encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n")
        if record.exc_info:
            text += " | " + self.formatException(record.exc_info).replace("\n", " | ")
        line = f"{about}: {text}" if about else text
        if self._journal:
            return f"<{_PRIORITY.get(record.levelname, 6)}>{line}"
        return f"{self.formatTime(record)} {record.levelname} {line}"


def set_up(level: str) -> None:
    """One line per record on stderr, at or above `level` (debug, info, warning, error)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(journal="JOURNAL_STREAM" in os.environ))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
