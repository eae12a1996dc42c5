"""The kernel's events by the names that inotify-tools gave them, both ways; inotify(7)."""

from __future__ import annotations

import pyinotify

from lockstep.source import inotify as kernel

ACCESS: int = pyinotify.IN_ACCESS
OPEN: int = pyinotify.IN_OPEN
CLOSE_NOWRITE: int = pyinotify.IN_CLOSE_NOWRITE
CLOSE: int = kernel.CLOSE_WRITE | CLOSE_NOWRITE
MOVE: int = kernel.MOVED_FROM | kernel.MOVED_TO

# What one asks for, in the order in which a table shows it.
KINDS: dict[str, int] = {
    "access": ACCESS,
    "modify": kernel.MODIFY,
    "attrib": kernel.ATTRIB,
    "close_write": kernel.CLOSE_WRITE,
    "close_nowrite": CLOSE_NOWRITE,
    "open": OPEN,
    "moved_from": kernel.MOVED_FROM,
    "moved_to": kernel.MOVED_TO,
    "move_self": kernel.MOVE_SELF,
    "create": kernel.CREATE,
    "delete": kernel.DELETE,
    "delete_self": kernel.DELETE_SELF,
    "unmount": kernel.UNMOUNT,
}
GROUPS: dict[str, int] = {
    "close": CLOSE,
    "move": MOVE,
    "ignored": kernel.IGNORED,
    "q_overflow": kernel.Q_OVERFLOW,
}
EVERY: int = sum(KINDS.values()) & ~kernel.UNMOUNT  # an unmount is told when it is asked for

# The order in which inotifywait lists them; the kernel gives one and, with it, that it is about a directory.
_SHOWN = (
    ("ACCESS", ACCESS),
    ("MODIFY", kernel.MODIFY),
    ("ATTRIB", kernel.ATTRIB),
    ("CLOSE_WRITE", kernel.CLOSE_WRITE),
    ("CLOSE_NOWRITE", CLOSE_NOWRITE),
    ("OPEN", OPEN),
    ("MOVED_FROM", kernel.MOVED_FROM),
    ("MOVED_TO", kernel.MOVED_TO),
    ("CREATE", kernel.CREATE),
    ("DELETE", kernel.DELETE),
    ("DELETE_SELF", kernel.DELETE_SELF),
    ("UNMOUNT", kernel.UNMOUNT),
    ("Q_OVERFLOW", kernel.Q_OVERFLOW),
    ("IGNORED", kernel.IGNORED),
    ("CLOSE", CLOSE),
    ("MOVE_SELF", kernel.MOVE_SELF),
    ("ISDIR", kernel.ISDIR),
)
_TEXTS: dict[tuple[int, bytes], bytes] = {}


def text(mask: int, separator: bytes = b",") -> bytes:
    """The names in a mask, as in CLOSE_WRITE,CLOSE."""
    found = _TEXTS.get((mask, separator))
    if found is None:
        found = separator.join(name.encode("ascii") for name, bits in _SHOWN if mask & bits)
        _TEXTS[mask, separator] = found
    return found


def bits(name: str) -> int:
    """The events that a name stands for, in any case of letters.  Raises KeyError for one that is none."""
    name = name.lower()
    return KINDS[name] if name in KINDS else GROUPS[name]
