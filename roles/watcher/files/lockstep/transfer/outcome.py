"""What the end of an rsync process means: what has arrived, what to try again, and why.

Exit codes: rsync(1), EXIT VALUES.  The texts on stderr, in the C locale, tell apart what shares a code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum


class Result(Enum):
    CONFIRMED = "confirmed"  # everything that was listed is on the target
    PARTIAL = "partial"  # all but `refused`
    FAILED = "failed"  # nothing is known to have arrived; the target is to be tried again later


@dataclass(frozen=True)
class Outcome:
    result: Result
    reason: str = ""
    refused: dict[bytes, str] = field(default_factory=dict)  # path relative to the source → reason
    vanished: frozenset[bytes] = frozenset()  # gone from the source meanwhile: no failure, to be looked at again


_REASONS = {
    1: "rsync refused its options",
    2: "the two rsyncs do not understand each other",
    3: "rsync could not select files",
    4: "the target's rsync does not support what was asked of it",
    5: "the daemon refused the connection",
    10: "the daemon cannot be reached",
    11: "the target cannot write",
    12: "the connection was closed by the target",
    13: "rsync failed in its diagnostics",
    14: "rsync failed in its communication",
    20: "rsync was stopped by a signal",
    22: "rsync was out of memory",
    25: "the target's limit of deletions was reached",
    30: "the target did not answer in time",
    35: "the daemon did not answer the connection in time",
    127: "rsync could not be started",
}

_TEXTS: Sequence[tuple[bytes, str]] = (
    (b"auth failed on module", "wrong user or password: compare password_file with the daemon's secrets file"),
    (b"Unknown module", "the daemon has no such module: compare the url with rsyncd.conf"),
    (b"max connections", "the daemon's max connections are all in use: raise rsync_daemon_max_connections"),
    (b"access denied", "the daemon does not let this host in: see hosts allow in rsyncd.conf"),
    (b"Connection refused", "nothing listens at the target's port: is the rsync daemon running?"),
    (b"No route to host", "no route to the target"),
    (b"Network is unreachable", "no route to the target's network"),
    (b"No space left on device", "the target's disk is full"),
    (b"Disk quota exceeded", "the target's quota is used up"),
    (b"Read-only file system", "the target's file system is read-only"),
    (b"module is read only", "the module is read only: set read only = no"),
    (b"chroot failed", "the module's path is missing on the target"),
    (b"chdir failed", "the module's path is missing on the target"),
    (b"change_dir", "the module's path is missing on the target"),
    (b"refused", "the daemon refuses an option that is needed: see refuse options in rsyncd.conf"),
    (b"password file must not be other-accessible", "password_file is readable by others: chmod o= it"),
    (b"could not open password file", "password_file cannot be read"),
    (b"invalid file mode 00", "this rsync has the --delete-missing-args defect of 3.4.3: upgrade to 3.4.4 or later"),
)

# with these on stderr, code 23 is no matter of single files
_WHOLE_TARGET = (b"No space left on device", b"Disk quota exceeded", b"Read-only file system")

_ESCAPE = re.compile(rb"\\#([0-7]{3})")
_LOOKS_ESCAPED = re.compile(rb"\\(?=#[0-7]{3})")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_TEMPORARY = re.compile(rb"^\.(.*)\.[A-Za-z0-9]{6}$", re.DOTALL)
_QUOTED = re.compile(rb'"((?:[^"\n]|"(?![ :)\n]|$))*)"')
_CALLED = re.compile(rb"\bdelete_file: \w+\((.*)\) failed: ")
_PLAIN = (b"cannot delete non-empty directory: ", b"could not make way for new ", b"skipping non-regular file ")
_VANISHED = (b"file has vanished: ", b"directory has vanished: ")
_MISSING = (b"No such file or directory (2)", b"Not a directory (20)")
_SUMMARY = (b"rsync error:", b"rsync warning:", b"WARNING: parent dir is absent")


def unescape(name: bytes) -> bytes:
    r"""rsync's `\#ooo` in messages and --out-format, as the byte that it stands for."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), name)


def judge(code: int, stderr: bytes, source: bytes, listed: frozenset[bytes]) -> Outcome:
    """Read an exit code and stderr for a batch that listed these paths (relative to the source)."""
    if code == 0:
        return Outcome(Result.CONFIRMED)
    if code in (23, 24) and not any(text in stderr for text in _WHOLE_TARGET):
        return _partial(code, stderr, source, listed)
    return Outcome(Result.FAILED, reason(code, stderr))


def _partial(code: int, stderr: bytes, source: bytes, listed: frozenset[bytes]) -> Outcome:
    refused: dict[bytes, str] = {}
    vanished: set[bytes] = set()
    for line in stderr.splitlines():
        if not line or line.startswith(_SUMMARY):
            continue
        path = _path_in(line, source, listed)
        if path is None:
            # nobody knows which name it concerns, so none of them counts as arrived
            return Outcome(Result.PARTIAL, refused=dict.fromkeys(listed, _text(line)))
        if line.startswith(_VANISHED) or (b"link_stat" in line and any(text in line for text in _MISSING)):
            vanished.add(path)
        else:
            refused.setdefault(path, _text(line))
    if not refused and not vanished:
        return Outcome(Result.PARTIAL, refused=dict.fromkeys(listed, f"rsync left with {code} and no word"))
    return Outcome(Result.PARTIAL, refused=refused, vanished=frozenset(vanished - refused.keys()))


def reason(code: int, stderr: bytes) -> str:
    """A sentence for a person: what failed and, where it is known, what mends it; with rsync's own words."""
    known = next((text for sign, text in _TEXTS if sign in stderr), None)
    words = _first_line(stderr)
    if known is None:
        known = f"rsync was ended by signal {-code}" if code < 0 else _REASONS.get(code, f"rsync left with {code}")
    return f"{known} (rsync {code}: {words})" if words else f"{known} (rsync {code})"


def _first_line(stderr: bytes) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(_SUMMARY)), lines[0] if lines else b"")
    return _text(line)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")[:300]


def _path_in(line: bytes, source: bytes, listed: frozenset[bytes]) -> bytes | None:
    found = _QUOTED.search(line) or _CALLED.search(line)
    if found:
        named = found[1]
    else:
        start = next((line.find(text) + len(text) for text in _PLAIN if text in line), -1)
        if start < 0:
            return None
        named = line[start:].rpartition(b": ")[2] if b"could not make way" in line else line[start:]
    named = unescape(named)
    if named == source:
        named = b""
    elif named.startswith(source + b"/"):
        named = named[len(source) + 1 :]
    named = named.strip(b"/")
    if named.startswith(b"./"):
        named = named[2:]
    return _closest(named, listed) or _mentioned(line, listed)


def _mentioned(line: bytes, listed: frozenset[bytes]) -> bytes | None:
    """The longest listed path that stands in the line at all, for names that look like the end of a quotation."""
    return max((path for path in listed if path and _escape(path) in line), key=len, default=None)


def _escape(path: bytes) -> bytes:
    """A path as rsync writes it in the C locale."""
    path = _LOOKS_ESCAPED.sub(rb"\\#134", path)
    return _UNPRINTABLE.sub(lambda match: b"\\#%03o" % match[0][0], path)


def _closest(named: bytes, listed: frozenset[bytes]) -> bytes | None:
    """The listed path that a message means: itself, its temporary name on the target, or something below it."""
    if named in listed:
        return named
    head, slash, tail = named.rpartition(b"/")
    temporary = _TEMPORARY.match(tail)
    if temporary and head + slash + temporary[1] in listed:
        return head + slash + temporary[1]
    while named:
        named = named.rpartition(b"/")[0]
        if named and named in listed:
            return named
    return None
