"""How one event looks: as inotifywait prints it, as CSV, or by a format of one's own."""

from __future__ import annotations

import os
import time
from typing import Callable, Optional

from lockstep.events import words
from lockstep.events.stream import Told

Line = Callable[[Told], bytes]


def plain(told: Told) -> bytes:
    return b"%b %b %b\n" % (told.shown, words.text(told.mask), told.name)


def csv(told: Told) -> bytes:
    return b"%b,%b,%b\n" % (_quoted(told.shown), _quoted(words.text(told.mask)), _quoted(told.name))


def _quoted(field: bytes) -> bytes:
    if not field or not (set(field) & set(b'",\n') or field[:1] == b" " or field[-1:] == b" "):
        return field
    return b'"' + field.replace(b'"', b'""') + b'"'


def formatted(template: bytes, timefmt: Optional[str], newline: bool) -> Line:
    """%w watched, %f name, %e events, %Xe the same with X between them, %c cookie, %T time, %0 NUL, %n newline, %%."""
    parts: list[Line] = []
    at = 0
    while at < len(template):
        mark = template[at : at + 1]
        letter = template[at + 1 : at + 2]
        if mark != b"%" or not letter:
            parts.append(_constant(mark))
            at += 1
        elif letter in _PARTS:
            parts.append(_PARTS[letter])
            at += 2
        elif letter == b"T":
            parts.append(lambda _told: _now(timefmt))
            at += 2
        elif template[at + 2 : at + 3] == b"e":
            parts.append(_names_with(letter))
            at += 3
        else:
            parts.append(_constant(mark + letter))
            at += 2
    if newline:
        parts.append(_constant(b"\n"))
    return lambda told: b"".join([part(told) for part in parts])


def _constant(text: bytes) -> Line:
    return lambda _told: text


def _names_with(separator: bytes) -> Line:
    return lambda told: words.text(told.mask, separator)


def _now(timefmt: Optional[str]) -> bytes:
    return os.fsencode(time.strftime(timefmt or ""))


_PARTS: dict[bytes, Line] = {
    b"%": _constant(b"%"),
    b"0": _constant(b"\0"),
    b"n": _constant(b"\n"),
    b"w": lambda told: told.shown,
    b"f": lambda told: told.name,
    b"c": lambda told: b"%x" % told.cookie,
    b"e": lambda told: words.text(told.mask),
}
