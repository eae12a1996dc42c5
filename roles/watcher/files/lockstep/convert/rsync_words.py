"""What becomes of an option of rsync that somebody gave sersync or lsyncd.

Three kinds: the watcher does so anyway; it goes into rsync_options; it is left out, with the reason.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from .model import Mirror

Note = Callable[[str, str], None]

_ALWAYS = frozenset(
    "archive recursive times relative links perms owner group devices specials implied-dirs delete delete-during "
    "delete-before delete-after delete-delay quiet verbose stats progress itemize-changes human-readable dirs "
    "delete-missing-args force from0 del".split()
)
_KEPT = frozenset(
    "acls xattrs hard-links sparse atimes crtimes compress checksum fuzzy omit-dir-times omit-link-times ipv4 ipv6 "
    "secluded-args numeric-ids no-whole-file fsync preallocate open-noatime delay-updates no-owner no-group no-perms "
    "no-devices no-specials no-D no-o no-g no-p no-compress no-numeric-ids old-compress new-compress".split()
)
_KEPT_WITH_VALUE = frozenset(
    "bwlimit chmod chown compress-choice compress-level compress-threads checksum-choice contimeout groupmap max-alloc "
    "skip-compress timeout usermap address block-size".split()
)
_ALIASES = {"protect-args": "secluded-args", "compress-skip": "skip-compress", "zc": "compress-choice",
            "zl": "compress-level", "cc": "checksum-choice", "timout": "timeout"}  # fmt: skip
_SHORT = {
    "a": "archive", "r": "recursive", "t": "times", "R": "relative", "l": "links", "p": "perms", "o": "owner",
    "g": "group", "d": "dirs", "v": "verbose", "q": "quiet", "i": "itemize-changes", "h": "human-readable",
    "A": "acls", "X": "xattrs", "H": "hard-links", "S": "sparse", "U": "atimes", "N": "crtimes", "z": "compress",
    "c": "checksum", "y": "fuzzy", "O": "omit-dir-times", "J": "omit-link-times", "4": "ipv4", "6": "ipv6",
    "s": "secluded-args", "W": "whole-file", "u": "update", "n": "dry-run", "L": "copy-links", "k": "copy-dirlinks",
    "K": "keep-dirlinks", "b": "backup", "x": "one-file-system", "C": "cvs-exclude", "I": "ignore-times",
    "m": "prune-empty-dirs", "P": "partial", "E": "executability", "0": "from0", "F": "filter",
}  # fmt: skip
_SHORT_WITH_VALUE = {"e": "rsh", "f": "filter", "B": "block-size", "T": "temp-dir", "M": "remote-option"}
_LEFT = {
    "update": "with it a file that is restored with an older time never arrives; here the source always counts",
    "size-only": "files rewritten with the same size would be lost",
    "modify-window": "files rewritten within the same second would be lost",
    "ignore-times": "contents that changed are sent whatever size and time say; what has not is not sent again",
    "inplace": "half-written files would be seen on the target",
    "append": "half-written files would be seen on the target",
    "append-verify": "half-written files would be seen on the target",
    "partial": "half-written files would be seen on the target",
    "partial-dir": "what an interrupted transfer leaves there would never be removed",
    "backup": "the trees would never be equal with old versions beside the files; backup_dir keeps them elsewhere",
    "backup-dir": "give it as backup_dir of the mirror",
    "suffix": "old versions keep their names, in backup_dir",
    "copy-links": "changes behind a link are not seen; links are mirrored as links",
    "copy-unsafe-links": "changes behind a link are not seen; links are mirrored as links",
    "copy-dirlinks": "changes behind a link are not seen; links are mirrored as links",
    "keep-dirlinks": "a link on the target would stand where the source has a directory",
    "safe-links": "all links are mirrored; the daemon's 'munge symlinks' makes them harmless",
    "munge-links": "the daemon's own 'munge symlinks' does it",
    "cvs-exclude": "write the patterns of what to leave out into exclude",
    "existing": "the target would not come out equal",
    "ignore-existing": "the target would not come out equal",
    "prune-empty-dirs": "empty directories are mirrored",
    "delete-excluded": "what is excluded is kept on the target",
    "ignore-errors": "a read error on the source would delete files on the target",
    "max-delete": "max_delete of the mirror is the limit, and what goes beyond it is held",
    "rsh": "a target over ssh is an ssh:// one; user, port and key are taken over, and the rest is the watcher's own",
    "rsync-path": "neither an rsync daemon nor rrsync runs a program of the client's choice",
    "remote-option": "options for the other side are the daemon's own configuration",
    "executability": "modes are mirrored whole",
    "temp-dir": "give it as temp_dir of the mirror, below the target's path",
    "log-file": "the watcher has its own log",
    "password-file": "give it as password_file of the target",
    "port": "write it into the url",
    "filter": "write the patterns of what to leave out into exclude",
    "exclude": "write the patterns of what to leave out into exclude",
    "exclude-from": "write the patterns of what to leave out into exclude",
    "include": "there are no includes yet: everything is mirrored but what exclude names",
    "include-from": "there are no includes yet: everything is mirrored but what exclude names",
    "sockopts": "the watcher sets TCP_NODELAY, on which its speed depends",
    "link-dest": "the target would not come out equal",
    "remove-source-files": "it deletes from the source",
    "iconv": "names that failed could not be told from rsync's messages",
    "super": "the daemon's own configuration decides",
    "fake-super": "the daemon's own 'fake super' keeps attributes, and over ssh fake_super of the target",
}
_REFUSED = {
    "dry-run": "nothing was sent by it, and the mirror would be a live one",
    "list-only": "nothing was sent by it, and the mirror would be a live one",
}
ONE_FILE_SYSTEM = "--one-file-system"  # a key of the mirror, as it is for the watches too
OPTIONS_KNOWN = frozenset({*_ALWAYS, ONE_FILE_SYSTEM[2:], *_KEPT, *_KEPT_WITH_VALUE, *_LEFT, *_REFUSED})


class Refused(Exception):
    """An option without which the mirror would do what it was never meant to."""


def from_text(text: str, note: Note) -> list[str]:
    """The rsync_options of a command line's options, as in "-artuz --bwlimit=100".  Raises Refused."""
    try:
        given = shlex.split(text)
    except ValueError as error:
        raise Refused(f"{text!r} is not a list of options: {error}") from error
    found: list[str] = []
    while given:
        word = given.pop(0)
        match = re.fullmatch(r"--([A-Za-z0-9-]+)(?:=(.*))?", word, re.DOTALL)
        if match:
            name, value = match[1], match[2]
            if value is None and _canonical(name) in _KEPT_WITH_VALUE and given:
                value = given.pop(0)
            found += one(name, value, note)
        elif re.fullmatch(r"-[A-Za-z0-9].*", word):
            found += _letters(word, given, note)
        else:
            note(word, "is no option of rsync, and left out")
    return list(dict.fromkeys(found))


def give(options: list[str], mirror: Mirror) -> None:
    """Add to the mirror what these options are there."""
    mirror.one_file_system = mirror.one_file_system or ONE_FILE_SYSTEM in options
    mirror.rsync_options += [option for option in options if option != ONE_FILE_SYSTEM]


def _letters(word: str, given: list[str], note: Note) -> list[str]:
    found: list[str] = []
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _SHORT_WITH_VALUE:
            value = letters or (given.pop(0) if given else "")
            return found + one(_SHORT_WITH_VALUE[letter], value, note)
        if letter == "D":
            continue
        if letter in _SHORT:
            found += one(_SHORT[letter], None, note, shown=f"-{letter}")
        else:
            note(f"-{letter}", "is no option of rsync that is known here, and left out")
    return found


def one(name: str, value: str | None, note: Note, shown: str | None = None) -> list[str]:
    """The rsync_options of one long option.  Raises Refused."""
    name = _canonical(name)
    shown = shown or (f"--{name}" if value is None else f"--{name}={value}")
    if name in _REFUSED:
        raise Refused(f"{shown}: {_REFUSED[name]}")
    if name in _ALWAYS or name == "whole-file":
        return []
    if name == "secluded-args":
        return ["-s"]  # its long name is another one before rsync 3.2.6
    if name in _KEPT or f"--{name}" == ONE_FILE_SYSTEM:
        return [f"--{name}"]
    if name in _KEPT_WITH_VALUE:
        return _valued(name, value or "", note)
    note(shown, _LEFT.get(name, "is not among the options known to keep what lockstep promises, and left out"))
    return []


def _valued(name: str, value: str, note: Note) -> list[str]:
    if name in ("timeout", "contimeout") and not re.fullmatch(r"[1-9][0-9]{0,5}", value):
        note(f"--{name}={value}", "a dead connection must end: the watcher's own 30 s (connecting: 10 s) stay")
        return []
    if not value or re.search(r"[\x00-\x1f\x7f]", value):
        note(f"--{name}={value}", "has no value that rsync takes, and is left out")
        return []
    return [f"--{name}={value}"]


def _canonical(name: str) -> str:
    return _ALIASES.get(name, name)
