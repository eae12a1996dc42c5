"""The argument lists of rsync, one for each lane.  rsync(1) is the source for every option.

Common to all but `large`: names come NUL-ended on stdin and begin below `/`, with `/./` where the path on the target
begins: a waiting process pins no file system, and no name can be read as a comment.  Only what is listed is touched
(`--no-implied-dirs`): two transfers at once need share no directory, not even its times.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import Optional

from lockstep.config_url import Target
from lockstep.transfer import remote_shell

IO_TIMEOUT = 30  # seconds of silence after which a transfer is given up; a dead link costs this, not TCP's 15 minutes
COMPARISON_TIMEOUT = 600  # one end may walk a large directory for long
CONNECT_TIMEOUT = 10

MANY = 50  # names from which a batch has a process of its own
IN_ARGUMENTS = 1 << 20  # bytes, of the two megabytes that Linux allows (execve(2)) for arguments and environment

_ATTRIBUTES = ["-lptgoD", "--numeric-ids"]
_LISTED = ["--relative", "--no-implied-dirs", "--from0", "--files-from=-"]
# in whole seconds, which is rsync's default, a rewrite of equal size within the second would be lost for good, and a
# directory's time would stay what writing into it on the target made it
_NANOSECONDS = "--modify-window=-1"


class Lane(Enum):
    """How rsync is to treat the names of a batch."""

    __hash__ = object.__hash__  # enum's own is written in Python, and called for every name that is planned

    CONTENT = "content"  # send whatever size and time say
    REST = "rest"  # send if size or time differ, else only attributes
    REMOVE = "remove"  # delete what is missing here; only names proven to be missing may be listed; no directory goes
    # ... that something is in, and that is only told (outcome.spared_a_directory), but with this one it does
    REMOVE_TREES = "remove-trees"
    REPLACE = (
        "replace"  # as CONTENT, and what stands there as a directory goes with all below it: to be asked about first
    )
    ROOT = "root"  # the attributes of the source itself, and of nothing else
    COUNT = "count"  # tell what REMOVE or REPLACE would delete, and delete nothing
    LINK = "link"  # link them to what stands on the target below another directory, under the same names
    FUZZY = "fuzzy"  # as CONTENT, and the target looks for the data in the file's own directory first
    FUZZY_ELSEWHERE = "fuzzy-elsewhere"  # the same, in another directory


# blocks as large as they may be: of a file that only has another name one compares, 1 GB then costs 0.1 MB of sums
_DELTA = ["--no-whole-file", "--block-size=131072"]
_COMMENTS = (b"#", b";")  # what begins with these on a list is passed over in silence, also where NUL ends the names
_GLOB = frozenset(b"*?[")  # in a destination the daemon takes these for a pattern

_LANES = {
    Lane.CONTENT: ["-I", _NANOSECONDS, "--ignore-missing-args"],
    Lane.REST: [_NANOSECONDS, "--ignore-missing-args"],
    Lane.REMOVE: [_NANOSECONDS, "--delete-missing-args"],
    Lane.REMOVE_TREES: [_NANOSECONDS, "--force", "--delete-missing-args"],
    Lane.REPLACE: ["-I", _NANOSECONDS, "--force", "--ignore-missing-args"],
    # the root's name ends in a slash, which for rsync means what is in it, too; nothing else may be listed with this
    Lane.ROOT: [_NANOSECONDS, "--filter=- /*"],
    Lane.FUZZY: ["-I", _NANOSECONDS, "--ignore-missing-args", "--fuzzy", *_DELTA],
    Lane.COUNT: ["-n", "-8", "--out-format=%i %n", _NANOSECONDS, "--force", "--delete-missing-args"],
}


def batch(rsync: str, target: Target, lane: Lane) -> list[str]:
    """The process that waits, connected, for the names of one batch.  COUNT tells on stdout what would be deleted."""
    return _said(target, [rsync, *_ATTRIBUTES, "-WS", *_LANES[lane], *_LISTED, *_target(target)])


def large(rsync: str, target: Target, lane: Lane, source: bytes, paths: Sequence[bytes]) -> Optional[list[str]]:
    """A process for these paths alone, which stand in its arguments; None where `batch` is better.

    rsync reads a list from stdin byte by byte, two system calls for each, and walks every path of it from the top.  For
    many names that costs more than to connect anew: 0.06 ms of CPU for each, 0.015 ms this way.
    """
    room = sum(map(len, paths)) + (len(source) + 16) * len(paths)
    if lane not in (Lane.CONTENT, Lane.REST) or len(paths) < MANY or room > IN_ARGUMENTS:
        return None
    names = [os.fsdecode(source.rstrip(b"/") + b"/./" + path) for path in paths]
    *options, end, _top, where = _target(target)
    listed = ["--relative", "--no-implied-dirs", "--dirs"]
    argv = [rsync, *_ATTRIBUTES, "-WS", *_LANES[lane], *listed, *options]
    return [*_said(target, argv), end, *names, where]


def renamed(rsync: str, target: Target, lane: Lane, new: bytes, old: bytes) -> list[str]:
    """Make what is listed below the directory `new` out of what the target has below `old`; both exist there.

    LINK tells on stdout what it made, sent ones too; what stands at a name already is left alone, whatever it is.
    """
    there = f"/{target.path}".rstrip("/") + "/" + os.fsdecode(old)
    if lane is Lane.LINK:
        how = ["-WS", "-ii", "-8", "--out-format=%i %n", "--ignore-existing", f"--link-dest={there}"]
    else:
        how = ["-S", "-I", "-yy", *_DELTA, f"--copy-dest={there}"]
    options = [_NANOSECONDS, "--ignore-missing-args", *_LISTED]
    where = _target(target, below=f"./{os.fsdecode(new)}".rstrip("/"))
    return _said(target, [rsync, *_ATTRIBUTES, *how, *options, *where])


def can_be_renamed(new: bytes, old: bytes, target: Optional[Target] = None) -> bool:
    """Do these names of directories reach a daemon, or what is at the other end of ssh, as they are?"""
    if target is not None and target.ssh is not None:
        return all(remote_shell.can_be_said(os.fsdecode(name)) for name in (new, old)) and len(new) + len(old) < 3_000
    return not _GLOB & set(new) and len(new) + len(old) < 3_000


def remains(rsync: str, target: Target) -> list[str]:
    """Tells on stdout what the directories that are listed (with a slash at the end) hold under temporary names, one
    level deep, and the source does not; changes nothing."""
    candidates = ["--filter=R .?*.??????", "--filter=P *"]
    how = ["-n", "-8", "--out-format=%i %n", "--dirs", "--delete", "--existing", "--ignore-existing"]
    return [rsync, *how, *candidates, "--ignore-missing-args", *_LISTED, *_target(target)]


def folder(rsync: str, target: Target, empty: str, name: str) -> list[str]:
    """Makes a folder of this name on the target, where there is none."""
    *options, end, _top, where = _target(target, below=name)
    return [rsync, "-d", *options, end, empty + "/", where]


def comparison(rsync: str, target: Target, filters: Sequence[bytes], delete: bool, checksum: bool) -> list[str]:
    """Tells on stdout how the target differs from what is listed, recursively, and changes nothing."""
    return _said(target, [
        rsync, *_ATTRIBUTES, "-r", "-n", "-8", "--out-format=%i %l %n", "--stats", _NANOSECONDS,
        *(["--delete", "--force"] if delete else []),
        *(["--checksum"] if checksum else []),
        *map(os.fsdecode, filters), *_LISTED, *_target(target, timeout=COMPARISON_TIMEOUT),
    ])  # fmt: skip


def head_start(rsync: str, target: Target, filters: Sequence[bytes], largest: int) -> list[str]:
    """Sends what is listed, recursively, as REST does, and no file of `largest` bytes or more; tells on stdout what it
    sends, and deletes nothing.

    Not with --ignore-existing: where a directory is to stand, and the target has a link, rsync would leave that alone
    and write what is in the directory through it.
    """
    return _said(target, [
        rsync, *_ATTRIBUTES, "-r", "-WS", "-8", "--out-format=%i %l", "--stats", _NANOSECONDS,
        f"--max-size={largest - 1}",
        *map(os.fsdecode, filters), *_LISTED, *_target(target, timeout=COMPARISON_TIMEOUT),
    ])  # fmt: skip


def patience(target: Target, timeout: int = IO_TIMEOUT) -> float:
    """Seconds after which a process that does nothing at all has outlived its own timeout; the last one given counts.

    While one end waits, the other one keeps the connection alive twice in that time.
    """
    for option in target.rsync_options:
        if option.startswith("--timeout="):
            timeout = int(option.partition("=")[2])
    return 2.0 * timeout


def names(source: bytes, paths: Sequence[bytes]) -> bytes:
    """What is written to stdin: the paths (relative to the source) as NUL-ended names below `/`."""
    head = source.lstrip(b"/") + b"/./"
    if head.startswith(_COMMENTS):
        head = b"./" + head
    return b"".join([head + path + b"\0" for path in paths])


def _said(target: Target, argv: list[str]) -> list[str]:
    return argv if target.ssh is None else remote_shell.said(argv)


def _target(target: Target, timeout: int = IO_TIMEOUT, below: str = "") -> list[str]:
    """The options and arguments that name the target, or the directory `below` it."""
    if target.ssh is not None:
        options = [f"--timeout={timeout}", *remote_shell.options(target, target.ssh)]
        return [*options, "--", "/", remote_shell.place(target, below)]
    options = [f"--timeout={timeout}", *target.rsync_options]
    if target.scheme == "rsync":
        # what a daemon says to everyone is no word on a name: of REMOVE, stdout is read like stderr
        options += ["--no-motd", "--sockopts=TCP_NODELAY", f"--contimeout={CONNECT_TIMEOUT}"]
        if target.password_file:
            options.append(f"--password-file={target.password_file}")
        user = f"{target.user}@" if target.user else ""
        # the near end of a tunnel to it, where there is one
        at = target.tls or target
        host = f"[{at.host}]" if ":" in at.host else at.host
        path = f"/{target.path}" if target.path else ""
        inside = f"{path}/{below}/" if below else path
        return [*options, "--", "/", f"rsync://{user}{host}:{at.port}/{target.module}{inside}"]
    return [*options, "--", "/", f"/{target.path.lstrip('/')}" + (f"/{below}/" if below else "")]
