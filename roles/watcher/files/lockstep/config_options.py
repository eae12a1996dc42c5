"""Which rsync options an operator may add to a target's transfers.

A list of what is allowed, not of what is forbidden: rsync has some 150 options, most of which would quietly break a
promise (what arrives, what is deleted, that an exit status of 0 means equal). What is below changes how data travels
or which attributes are kept, never which names arrive. rsync(1), OPTIONS.
"""

from __future__ import annotations

import difflib
import re

# The short forms, for bundles such as -zX.
_SHORT = {
    "A": "acls",
    "X": "xattrs",
    "H": "hard-links",
    "S": "sparse",
    "U": "atimes",
    "N": "crtimes",
    "W": "whole-file",
    "z": "compress",
    "c": "checksum",
    "y": "fuzzy",
    "O": "omit-dir-times",
    "J": "omit-link-times",
    "4": "ipv4",
    "6": "ipv6",
    "s": "secluded-args",
}
_PLAIN = {
    *_SHORT.values(),
    "numeric-ids",
    "no-numeric-ids",
    "no-whole-file",
    "no-compress",
    "fsync",
    "preallocate",
    "open-noatime",
    "delay-updates",
    # An unprivileged daemon cannot keep these, and would fail on them for ever.
    "no-owner",
    "no-o",
    "no-group",
    "no-g",
    "no-perms",
    "no-p",
    "no-devices",
    "no-specials",
    "no-D",
    "old-compress",
    "new-compress",
}
_WITH_VALUE = {
    "address",
    "block-size",
    "bwlimit",
    "checksum-choice",
    "cc",
    "chmod",
    "chown",
    "compress-choice",
    "compress-level",
    "compress-threads",
    "contimeout",
    "groupmap",
    "max-alloc",
    "skip-compress",
    "temp-dir",
    "timeout",
    "usermap",
    "zc",
    "zl",
}
_NOT_EQUAL = "the target would not come out equal to the source"
_OWN = "the watcher sets it itself, as its work needs it"
_OUTPUT = "the watcher reads rsync's output itself"
_NAMES = "names are chosen by the mirror's source and exclude"
_READS_LINKS = "changes behind a link are not seen, so they would not arrive"
_REASONS = {
    "inplace": "half-written files would be seen on the target",
    "append": "half-written files would be seen on the target",
    "append-verify": "half-written files would be seen on the target",
    "partial": "half-written files would be seen on the target",
    "partial-dir": "what an interrupted transfer leaves there would never be removed",
    "P": "it implies --partial: half-written files would be seen on the target",
    "write-devices": "devices of the target would be written to",
    "copy-devices": "devices would arrive as files",
    "ignore-errors": "a read error on the source would delete files on the target",
    "max-delete": "max_delete of the mirror is the limit",
    "password-file": "use password_file of the target",
    "port": "write the port into the url",
    "remove-source-files": "it deletes from the source",
    "rsync-path": "neither an rsync daemon nor rrsync runs a program of the client's choice",
    "rsh": "write the target as ssh://USER@HOST/PATH, with ssh_key and ssh_known_hosts",
    "e": "write the target as ssh://USER@HOST/PATH, with ssh_key and ssh_known_hosts",
    "remote-option": "options for the other side are its own configuration",
    "M": "options for the other side are its own configuration",
    "backup": f"{_NOT_EQUAL}: old versions would lie beside the files",
    "b": f"{_NOT_EQUAL}: old versions would lie beside the files",
    "one-file-system": "is one_file_system: true of the mirror, for what is not sent must not be watched either",
    "x": "is one_file_system: true of the mirror, for what is not sent must not be watched either",
    "modify-window": "files rewritten within the same second would be lost",
    "protocol": "older protocols know no nanoseconds: files rewritten within the same second would be lost",
    "size-only": "files rewritten with the same size would be lost",
    "no-times": "changes are told from times; without them every file would be sent again and again",
    "iconv": "names that failed could not be told from rsync's messages",
    "sockopts": "the watcher sets TCP_NODELAY, on which its speed depends",
    "fake-super": "it is the daemon's own 'fake super', and over ssh fake_super: true of the target",
}
_GROUPS = {
    _NOT_EQUAL: "b backup-dir suffix update u existing ignore-existing ignore-non-existing max-size min-size "
    "prune-empty-dirs m safe-links munge-links keep-dirlinks K compare-dest copy-dest link-dest stop-after stop-at "
    "time-limit no-links no-l no-recursive no-r no-t dry-run n list-only only-write-batch write-batch read-batch",
    _OWN: "archive a recursive r relative R no-relative no-R dirs d no-dirs implied-dirs no-implied-dirs links l times "
    "t owner o group g perms p devices specials D delete del delete-before delete-during delete-delay delete-after "
    "delete-excluded delete-missing-args ignore-missing-args force files-from from0 0 no-from0 ignore-times I "
    "blocking-io daemon config server sender super trust-sender mkpath old-args executability E",
    _OUTPUT: "verbose v quiet q no-motd info debug stats progress itemize-changes i out-format log-file "
    "log-file-format human-readable h 8-bit-output 8 outbuf msgs2stderr stderr version V help dparam",
    _NAMES: "exclude exclude-from include include-from filter f F cvs-exclude C",
    _READS_LINKS: "copy-links L copy-unsafe-links copy-dirlinks k",
}
for _reason, _options in _GROUPS.items():
    for _option in _options.split():
        _REASONS.setdefault(_option, _reason)


def problems(option: str) -> list[str]:
    """What is wrong with one item of rsync_options; nothing when it is allowed."""
    if not re.fullmatch(r"-[A-Za-z0-9]+|--[A-Za-z0-9][A-Za-z0-9-]*(=.*)?", option, re.DOTALL):
        if option.startswith("-"):
            return [f"{option!r} is not an option of rsync; write --option, --option=value or -x"]
        return [f"{option!r} would be taken for a path; write an option and its value in one item, as --option=value"]
    if not option.startswith("--"):
        found = [_short(letter) for letter in option[1:]]
        return [f"{option}: {problem}" if len(option) > 2 else problem for problem in found if problem]
    name, equals, value = option[2:].partition("=")
    if name in _WITH_VALUE:
        if not value:
            return [f"--{name} needs a value: --{name}=VALUE"]
        if name in ("timeout", "contimeout") and not re.fullmatch(r"[1-9][0-9]{0,5}", value):
            return [f"--{name} must be a whole number of seconds, at least 1: a dead connection must end"]
        if name == "temp-dir" and (value.startswith("/") or ".." in value.split("/")):
            return ["--temp-dir must be a folder below the target's own path"]
        if re.search(r"[\x00-\x1f\x7f]", value):
            return [f"--{name} must not contain control characters"]
        return []
    if name in _PLAIN:
        return [f"--{name} takes no value"] if equals else []
    return [_refused(f"--{name}", name)]


def _short(letter: str) -> str | None:
    if letter in _SHORT:
        return None
    if letter in ("B", "T"):
        return f"-{letter} takes a value; write it as --{'block-size' if letter == 'B' else 'temp-dir'}=VALUE"
    return _refused(f"-{letter}", letter)


def _refused(shown: str, name: str) -> str:
    if name in _REASONS:
        return f"{shown} is not allowed: {_REASONS[name]}"
    if name.startswith(("delete", "no-delete", "del-")):
        return f"{shown} is not allowed: {_OWN}"
    near = difflib.get_close_matches(name, _PLAIN | _WITH_VALUE, n=1, cutoff=0.75) if len(name) > 1 else []
    mend = f"; did you mean --{near[0]}?" if near else ""
    return f"{shown} is not among the options known to keep what lockstep promises{mend}"
