"""What the end of an rsync process means: what has arrived, what to try again, and why.

Exit codes: rsync(1), EXIT VALUES.  The texts on stderr, in the C locale, tell apart what shares a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from lockstep.transfer import ssh_words


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
    ssh_words.SSH_FAILED: "ssh failed",
}

# rsync(1): how a connection ends that was never made, however long that took
_UNREACHED = frozenset({10, 30, 35})

_TEXTS: Sequence[tuple[bytes, str]] = (
    *ssh_words.AT_THE_OTHER_END,
    (b"auth failed on module", "wrong user or password: compare password_file with the daemon's secrets file"),
    (  # with `list = no` it says the same to hosts that it does not let in
        b"Unknown module",
        "the daemon has no such module, or does not let this host in: see the module and hosts allow in rsyncd.conf",
    ),
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
    # last, for they only follow from what the others tell
    (b"Broken pipe", "the target closed the connection"),
    (b"Connection reset by peer", "the target closed the connection"),
)

# with these at the end of a line of rsync's own, code 23 is no matter of single files
_UNWRITABLE = (b": No space left on device (28)", b": Disk quota exceeded (122)", b": Read-only file system (30)")

# A name may hold any of rsync's words, so that they only count where rsync writes them: before the name, or after it.
# log.c, rsyserr() begins with this; rprintf() does not
_BEGINS = rb"^(?:rsync: (?:\[[A-Za-z]+\] )?)?"
_SAID_BY_RSYNC = b"rsync: "

_ESCAPE = re.compile(rb"\\#([0-7]{3})")
_LOOKS_ESCAPED = re.compile(rb"\\(?=#[0-7]{3})")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_LONG = 240  # bytes from which a temporary name may have been cut off
_TEMPORARY = re.compile(rb"^\.(.*)\.[A-Za-z0-9]{6}$", re.DOTALL)
# links and devices have a number there (generator.c, atomic_create()); with fake super they are files, and a full disk
# leaves an empty one
_NUMBERED = re.compile(rb"^\.(.*)\.[0-9]{1,6}$", re.DOTALL)
_AROUND = (  # where a name begins, and what ends it
    (re.compile(_BEGINS + rb"could not make way for new [^:]*: "), b""),
    (re.compile(_BEGINS + rb"cannot delete non-empty directory: "), b""),
    (re.compile(_BEGINS + rb"delete_file: [a-z]+\("), b")"),
    (re.compile(rb"^ERROR: "), b" failed verification -- update "),
    (re.compile(rb'"'), b'"'),
)
IN_THE_WAY = "could not make way for new"  # a directory that is not empty stands there on the target
_VANISHED = (b"file has vanished: ", b"directory has vanished: ")
_LOOKED_UP = re.compile(_BEGINS + rb'link_stat "')
_MISSING = (b" failed: No such file or directory (2)", b" failed: Not a directory (20)")
_SUMMARY = (b"rsync error:", b"rsync warning:", b"WARNING: parent dir is absent", b"*** Skipping any contents")

# a directory that could not be made: rsync passes over everything in it, and says so without a name
_SKIPS = re.compile(_BEGINS + rb"(?:recv_generator: mkdir |could not make way for new directory: )")
# it was written meanwhile; whether that went well follows, or nothing does
_TRIES_AGAIN = re.compile(rb"^WARNING: .* failed verification -- update [a-z ]+ \(will try again\)\.$", re.DOTALL)


def unescape(name: bytes) -> bytes:
    r"""rsync's `\#ooo` in messages and --out-format, as the byte that it stands for."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), name)


def judge(code: int, stderr: bytes, source: bytes, listed: frozenset[bytes]) -> Outcome:
    """Read an exit code and stderr for a batch that listed these paths (relative to the source)."""
    if code == 0:
        return Outcome(Result.CONFIRMED)
    if code in (23, 24) and not is_unwritable(stderr):
        return _partial(code, stderr, source, listed)
    return Outcome(Result.FAILED, reason(code, stderr))


def made(told: Iterable[bytes], code: int) -> set[bytes]:
    """The names that the LINK lane tells it has made (below the directory that it made them in).

    Links and copies on the target are told when they stand there; what was sent only counts if nothing failed.
    """
    kinds = b"hc<>" if code in (0, 24) else b"hc"
    lines = (line for line in told if line[:1] and line[:1] in kinds and line[11:12] == b" ")
    return {unescape(line[12:].rstrip(b"\n")) for line in lines}


def temporary_for(path: bytes, listed: frozenset[bytes]) -> bool:
    """Is this a name under which rsync's receiver writes what will be one of these paths?"""
    head, slash, tail = path.rpartition(b"/")
    numbered = _NUMBERED.match(tail)
    if numbered and any(head + slash + dot + numbered[1] in listed for dot in (b"", b".")):
        return True
    return bool(_TEMPORARY.match(tail)) and (
        any(name in listed for name in _finished(path)) or bool(_cut_short(path, listed))
    )


def _partial(code: int, stderr: bytes, source: bytes, listed: frozenset[bytes]) -> Outcome:
    refused: dict[bytes, str] = {}
    vanished: set[bytes] = set()
    for line in stderr.splitlines():
        if not line or line.startswith(_SUMMARY) or _TRIES_AGAIN.match(line):
            continue
        paths = _paths_in(line, source, listed)
        if not paths:
            # nobody knows which name it concerns, so none of them counts as arrived
            return Outcome(Result.PARTIAL, refused=dict.fromkeys(listed, _text(line)))
        if line.startswith(_VANISHED) or (_LOOKED_UP.match(line) and line.endswith(_MISSING)):
            vanished |= paths
        else:
            if _SKIPS.match(line):
                paths |= {path for path in listed if any(path.startswith(top + b"/") for top in paths)}
            for path in paths:
                refused.setdefault(path, _text(line))
    if not refused and not vanished:
        return Outcome(Result.PARTIAL, refused=dict.fromkeys(listed, f"rsync left with {code} and no word"))
    return Outcome(Result.PARTIAL, refused=refused, vanished=frozenset(vanished - refused.keys()))


def reason(code: int, stderr: bytes) -> str:
    """A sentence for a person: what failed and, where it is known, what mends it; with rsync's own words."""
    over_ssh = ssh_words.reason(stderr) if code == ssh_words.SSH_FAILED else None
    if over_ssh is not None:
        return f"{over_ssh[0]} (ssh: {_text(over_ssh[1])})"
    known = next((text for sign, text in _TEXTS if sign in stderr), None)
    words = _first_line(stderr)
    if known is None:
        known = f"rsync was ended by signal {-code}" if code < 0 else _REASONS.get(code, f"rsync left with {code}")
    return f"{known} (rsync {code}: {words})" if words else f"{known} (rsync {code})"


def complaints(stderr: bytes, most: int = 5) -> str:
    """What could not be read or done, each in rsync's own words, and how many more there are."""
    ignored = (*_SUMMARY, *_VANISHED)
    lines = [line for line in stderr.splitlines() if line.strip() and not line.startswith(ignored)]
    told = list(dict.fromkeys(map(_text, lines)))
    more = [f"and {len(told) - most} more"] if len(told) > most else []
    return "; ".join([*told[:most], *more])


def never_connected(code: int, stderr: bytes) -> bool:
    """Was it the connection that could not be made?"""
    return code in _UNREACHED or (code == ssh_words.SSH_FAILED and not ssh_words.was_connected(stderr))


def cut_off(code: int) -> bool:
    """Did the connection end it, before or after that was made?"""
    return code in _UNREACHED or code in (12, ssh_words.SSH_FAILED)


def is_unwritable(stderr: bytes) -> bool:
    """Is the target there, and cannot write?  That it can tell or delete something does not end this."""
    return any(line.startswith(_SAID_BY_RSYNC) and line.endswith(_UNWRITABLE) for line in stderr.splitlines())


def _first_line(stderr: bytes) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(_SUMMARY)), lines[0] if lines else b"")
    return _text(line)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")[:300]


def _paths_in(line: bytes, source: bytes, listed: frozenset[bytes]) -> set[bytes]:
    """The listed paths that a line may mean: one, where it can be told for sure; none, where nobody knows."""
    named = [_relative(name, source) for name in _names_in(line)]
    for name in named:
        if name in listed:
            return {name}
    for name in named:
        for meant in _finished(name):
            if meant in listed:
                return {meant}
    cut = {path for name in named for path in _cut_short(name, listed)}
    if cut:
        return cut
    # below a folder, or a path in the module, a name begins with that
    below = {path for name in named for path in _tails(name) if path in listed}
    # a directory that is not listed itself stands for what is listed in it
    below = below or {path for name in named[:1] for path in listed if path.startswith(name + b"/")}
    return below or {path for path in (_above(name, listed) for name in named[:1]) if path is not None}


def _names_in(line: bytes) -> list[bytes]:
    """What may be the name in a message, the longest first: a name can hold all that ends one."""
    for begin, end in _AROUND:
        found = begin.search(line)
        if found:
            if not end:
                return [unescape(line[found.end() :])]
            ends = [match.start() for match in re.finditer(re.escape(end), line) if match.start() >= found.end()]
            return [unescape(line[found.end() : at]) for at in reversed(ends)]
    return []


def _relative(name: bytes, source: bytes) -> bytes:
    if name == source:
        return b""
    if name.startswith(source + b"/"):
        name = name[len(source) + 1 :]
    name = name.strip(b"/")
    return name[2:] if name.startswith(b"./") else name


def _finished(name: bytes) -> list[bytes]:
    """The names that a temporary one may become; rsync's receiver.c, get_tmpname(), doubles no dot at the front."""
    head, slash, tail = name.rpartition(b"/")
    temporary = _TEMPORARY.match(tail)
    return [head + slash + temporary[1], head + slash + b"." + temporary[1]] if temporary else []


def _cut_short(name: bytes, listed: frozenset[bytes]) -> set[bytes]:
    """The listed names that a temporary one may stand for whose end rsync has cut off: dots, or what was too long."""
    starts = _finished(name)
    for start in starts:
        dots = {path for path in listed if path.startswith(start) and not path[len(start) :].strip(b".")}
        if dots:
            return dots
    # cut to fit, with all bytes beyond ASCII before the cut: nothing may be left of it
    head = name.rpartition(b"/")[0]
    return {path for path in listed if path.rpartition(b"/")[0] == head and len(path) - len(head) > _LONG and starts}


def _tails(name: bytes) -> list[bytes]:
    found = []
    for rest in (name, *_finished(name)):
        while b"/" in rest:
            rest = rest.partition(b"/")[2]
            found.append(rest)
    return found


def _above(name: bytes, listed: frozenset[bytes]) -> bytes | None:
    while name:
        name = name.rpartition(b"/")[0]
        if name and name in listed:
            return name
    return None
