"""What the end of an rsync process means: what has arrived, what to try again, and why.

Exit codes: rsync(1), EXIT VALUES.  The texts on stderr, in the C locale, tell apart what shares a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from lockstep.transfer import ssh_words
from lockstep.transfer.names_told import BEGINS, Listed, unescape


class Result(Enum):
    CONFIRMED = "confirmed"  # everything that was listed is on the target
    PARTIAL = "partial"  # all but `refused`, if it `proves_rest`
    FAILED = "failed"  # nothing is known to have arrived; the target is to be tried again later


@dataclass(frozen=True)
class Outcome:
    result: Result
    reason: str = ""
    refused: dict[bytes, str] = field(default_factory=dict)  # path relative to the source → reason
    vanished: frozenset[bytes] = frozenset()  # gone from the source meanwhile: no failure, to be looked at again
    proves_rest: bool = True  # what is neither refused nor vanished has arrived; if not, it is to be sent again to know


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

VANISHED = 24  # rsync(1): some files were gone before they could be sent, and nothing else was amiss

# rsync(1): how a connection ends that was never made, however long that took
_UNREACHED = frozenset({10, 30, 35})
_WAS_REACHED = re.compile(rb"\b(?:read|write) error: ")  # and with 10, too, how one ends that was
# how rsync tells that the other end is there no more: reset, closed, or with the last word of a daemon that is stopped
_HUNG_UP = frozenset({10, 12, 20, ssh_words.SSH_FAILED})

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

_SAID_BY_RSYNC = b"rsync: "

IN_THE_WAY = "could not make way for new"  # a directory that is not empty stands there on the target
_STOOD_IN_THE_WAY = re.compile(BEGINS.decode() + IN_THE_WAY)
_VANISHED = (b"file has vanished: ", b"directory has vanished: ")
_LOOKED_UP = re.compile(BEGINS + rb'link_stat "')
_MISSING = (b" failed: No such file or directory (2)", b" failed: Not a directory (20)")
_SUMMARY = (b"rsync error:", b"rsync warning:", b"WARNING: parent dir is absent", b"*** Skipping any contents")

# a directory that could not be made: rsync passes over everything in it, and says so without a name
_SKIPS = re.compile(BEGINS + rb"(?:recv_generator: mkdir |could not make way for new directory: )")
# it was written meanwhile; whether that went well follows, or nothing does
_TRIES_AGAIN = re.compile(rb"^WARNING: .* failed verification -- update [a-z ]+ \(will try again\)\.$", re.DOTALL)


def judge(code: int, stderr: bytes, source: bytes, listed: frozenset[bytes]) -> Outcome:
    """Read an exit code and stderr for a batch that listed these paths (relative to the source)."""
    if code == 0:
        return Outcome(Result.CONFIRMED)
    if code in (23, VANISHED) and not is_unwritable(stderr):
        return _partial(code, stderr, source, listed)
    return Outcome(Result.FAILED, reason(code, stderr))


def spared_a_directory(stderr: bytes) -> bool:
    """Does the REMOVE lane tell that a directory stands at one of its names, and something is in that?"""
    return b"cannot delete non-empty directory: " in stderr


def spared_directories(stderr: bytes, source: bytes, paths: frozenset[bytes]) -> set[bytes]:
    """Which of the listed paths those are; all of them where nobody knows."""
    listed = Listed(source, paths)
    lines = (line for line in stderr.splitlines() if spared_a_directory(line))
    return set().union(*map(listed.meant, lines)) or set(paths)


def made(told: Iterable[bytes], code: int) -> set[bytes]:
    """The names that the LINK lane tells it has made (below the directory that it made them in).

    Links and copies on the target are told when they stand there; what was sent only counts if nothing failed.
    """
    kinds = b"hc<>" if code in (0, 24) else b"hc"
    lines = (line for line in told if line[:1] and line[:1] in kinds and line[11:12] == b" ")
    return {unescape(line[12:].rstrip(b"\n")) for line in lines}


def _partial(code: int, stderr: bytes, source: bytes, paths: frozenset[bytes]) -> Outcome:
    listed = Listed(source, paths)
    refused: dict[bytes, str] = {}
    vanished: set[bytes] = set()
    for line in stderr.splitlines():
        if not line or line.startswith(_SUMMARY) or _TRIES_AGAIN.match(line):
            continue
        meant = listed.meant(line)
        if not meant:
            # nobody knows which name it concerns
            return Outcome(Result.PARTIAL, refused=dict.fromkeys(paths, _text(line)))
        if line.startswith(_VANISHED) or (_LOOKED_UP.match(line) and line.endswith(_MISSING)):
            vanished |= meant
        else:
            if _SKIPS.match(line):
                meant = meant.union(*map(listed.inside, meant))
            for path in meant:
                refused.setdefault(path, _text(line))
            if len(refused) == len(paths):
                break
    if not refused and not vanished:
        return Outcome(Result.PARTIAL, refused=dict.fromkeys(paths, f"rsync left with {code} and no word"))
    return Outcome(
        Result.PARTIAL, refused=refused, vanished=frozenset(vanished - refused.keys()), proves_rest=code == VANISHED
    )


def reason(code: int, stderr: bytes) -> str:
    """A sentence for a person: what failed and, where it is known, what mends it; with rsync's own words."""
    over_ssh = ssh_words.reason(stderr, code)
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
    if code in _UNREACHED:
        return code != 10 or _WAS_REACHED.search(stderr) is None
    if code == ssh_words.SSH_FAILED:
        return not ssh_words.was_connected(stderr)
    return ssh_words.reason(stderr, code) is not None


def cut_off(code: int) -> bool:
    """Did the connection end it, before or after that was made?"""
    return code in _UNREACHED or code in (12, ssh_words.SSH_FAILED)


def hung_up(code: int, stderr: bytes) -> bool:
    """Did the other end close the connection, for nothing that it could tell?"""
    return code in _HUNG_UP and not is_unwritable(stderr)


def stood_in_the_way(why: str) -> bool:
    """Was a name refused for a directory that stands there?  Names hold anything, so that only the beginning counts."""
    return _STOOD_IN_THE_WAY.match(why) is not None


def is_unwritable(stderr: bytes) -> bool:
    """Is the target there, and cannot write?  That it can tell or delete something does not end this."""
    return any(line.startswith(_SAID_BY_RSYNC) and line.endswith(_UNWRITABLE) for line in stderr.splitlines())


def _first_line(stderr: bytes) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(_SUMMARY)), lines[0] if lines else b"")
    return _text(line)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")[:300]
