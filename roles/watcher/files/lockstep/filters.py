"""What a mirror leaves out: rsync's exclude patterns, understood the way rsync itself understands them.

The watcher must decide for each path what rsync will decide for it, or a file would be watched and never sent, or sent
and never watched. rsync(1), FILTER RULES; where that is silent, its exclude.c and wildmatch.c were observed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable, Optional

# rsync discards a longer rule with a warning, and would then send what it was to leave out.
MAX_PATTERN = 4000
_WILDCARDS = re.compile(rb"[*?\[]")
_NEVER = rb"(?!)"
_RANGES = {
    b"digit": b"0-9",
    b"lower": b"a-z",
    b"upper": b"A-Z",
    b"alpha": b"a-zA-Z",
    b"alnum": b"a-zA-Z0-9",
    b"xdigit": b"0-9A-Fa-f",
    b"blank": b" \\t",
    b"space": b" \\t\\n\\r\\f\\v",
    b"cntrl": b"\\x00-\\x1f\\x7f",
    b"graph": b"!-~",
    b"print": b" -~",
    b"punct": b"!-/:-@\\[-`{-~",
}
# In the C locale, in which rsync runs, the classes hold ASCII only.
_CLASSES = {
    name: frozenset(n for n in range(256) if re.match(b"[" + members + b"]", bytes([n])))
    for name, members in _RANGES.items()
}


def problem(pattern: bytes) -> str | None:
    """Why `pattern` cannot be used, or None when it can."""
    if not pattern:
        return "must not be empty"
    if b"\0" in pattern:
        return "must not contain a NUL byte"
    if len(pattern) > MAX_PATTERN:
        return f"is longer than {MAX_PATTERN} bytes, which rsync discards"
    if not pattern.strip(b"/"):
        return "matches nothing; to exclude everything write *"
    return None


class Filter:
    """The patterns of one mirror, made into regular expressions once. Paths are relative, without slashes at the ends.

    Raises ValueError for a pattern that `problem` complains of.
    """

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self.on_schedule: Filter = self  # what a comparison on schedule leaves out
        self._patterns = tuple(patterns)
        names: list[tuple[bytes, bool]] = []
        paths: list[tuple[bytes, bool, bool]] = []
        for pattern in self._patterns:
            reason = problem(pattern)
            if reason is not None:
                raise ValueError(f"{pattern!r} {reason}")
            only_dirs = len(pattern) > 1 and pattern.endswith(b"/")
            body = pattern[:-1] if only_dirs else pattern
            if b"/" in body or b"**" in body:
                # "dir/***" means the directory too: rsync matches it against the name with a slash added.
                paths.append((_path(body), only_dirs, body.endswith(b"***")))
            else:
                names.append((_translate(body)[0], only_dirs))
        self._file_name = _compile([regex for regex, only_dirs in names if not only_dirs])
        self._dir_name = _compile([regex for regex, _only_dirs in names])
        self._file_path = _compile([regex for regex, only_dirs, _whole in paths if not only_dirs])
        self._dir_path = _compile([regex if whole else regex + b"/" for regex, _only_dirs, whole in paths])

    def __bool__(self) -> bool:
        """Is anything left out at all?"""
        return bool(self._patterns)

    def excluded(self, path: bytes, is_dir: bool) -> bool:
        """Whether a pattern names this path itself; the caller knows that no directory above it is excluded."""
        if not path:
            return False
        name, whole = (self._dir_name, self._dir_path) if is_dir else (self._file_name, self._file_path)
        if name is not None and name.fullmatch(path, path.rfind(b"/") + 1):
            return True
        return whole is not None and whole.fullmatch(b"/" + path + (b"/" if is_dir else b"")) is not None

    def hidden(self, path: bytes, is_dir: bool) -> bool:
        """Whether rsync never comes to see this path: it or a directory above it is excluded."""
        if not self:
            return False
        end = path.find(b"/")
        while end >= 0:
            if self.excluded(path[:end], True):
                return True
            end = path.find(b"/", end + 1)
        return self.excluded(path, is_dir)

    def elsewhere(self, path: bytes) -> bool:
        """Does something else than the mirror's lie there by now, or cover it?  Then nothing can be told from it."""
        return False

    def rsync_args(self) -> list[bytes]:
        """Arguments by which rsync leaves out the same, and keeps it on the target when it deletes.

        As filter rules, since --exclude would read a pattern that begins with "+ " or is "!" as something else.
        """
        return [b"--filter=- " + pattern for pattern in self._patterns]

    @property
    def sieve(self) -> Optional[Callable[[bytes, bool], bool]]:
        """What is hidden, where those arguments do not say it all."""
        return None


def _compile(regexes: Sequence[bytes]) -> re.Pattern[bytes] | None:
    return re.compile(b"|".join(b"(?:" + regex + b")" for regex in regexes), re.DOTALL) if regexes else None


def _path(pattern: bytes) -> bytes:
    """The expression for a pattern that is matched against a whole path, which comes with a slash before it."""
    anchored = pattern.startswith(b"/")
    regex, slashes = _translate(pattern[1:] if anchored else pattern)
    if anchored:
        return b"/" + regex
    if pattern.startswith(b"**"):
        return regex
    if b"**" not in pattern and slashes != pattern.count(b"/"):
        # It is held against as many last parts of the path as it has slashes; one in brackets counts and matches none.
        return _NEVER
    return b".*/" + regex


def _translate(pattern: bytes) -> tuple[bytes, int]:
    """The expression for a pattern, and the number of slashes that it matches outside of wildcards."""
    if not _WILDCARDS.search(pattern):
        # Without a wildcard even a backslash is only itself.
        return re.escape(pattern), pattern.count(b"/")
    out: list[bytes] = []
    slashes = at = 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        at += 1
        if char == b"*":
            stars = 1
            while pattern[at : at + 1] == b"*":
                at += 1
                stars += 1
            out.append(b"[^/]*" if stars == 1 else b".*")
        elif char == b"?":
            out.append(b"[^/]")
        elif char == b"[":
            members, at = _members(pattern, at)
            out.append(_any_of(members))
        else:
            if char == b"\\":
                if at == len(pattern):
                    return _NEVER, slashes
                char = pattern[at : at + 1]
                at += 1
            slashes += char == b"/"
            out.append(re.escape(char))
    return b"".join(out), slashes


def _members(pattern: bytes, at: int) -> tuple[frozenset[int], int]:
    """The bytes that a bracket expression matches, and where the pattern goes on; `at` is behind its "[".

    One that is not closed, or names an unknown class, matches nothing, and neither does the pattern.
    """
    broken: tuple[frozenset[int], int] = (frozenset(), len(pattern))
    negated = pattern[at : at + 1] in (b"!", b"^")
    at += negated
    found: set[int] = set()
    previous: int | None = None
    first = True
    while True:
        if at >= len(pattern):
            return broken
        char = pattern[at]
        if char == ord("]") and not first:
            break
        first = False
        if char == ord("-") and previous is not None and pattern[at + 1 : at + 2] not in (b"", b"]"):
            at += 2 if pattern[at + 1 : at + 2] == b"\\" else 1
            if at >= len(pattern):
                return broken
            found.update(range(previous, pattern[at] + 1))
            previous = None
        elif pattern[at : at + 2] == b"[:":
            end = pattern.find(b"]", at + 2)
            if end < 0:
                return broken
            if end > at + 2 and pattern[end - 1 : end] == b":":
                name = pattern[at + 2 : end - 1]
                if name not in _CLASSES:
                    return broken
                found.update(_CLASSES[name])
                previous = None
                at = end
            else:
                found.add(char)
                previous = char
        else:
            if char == ord("\\"):
                at += 1
                if at >= len(pattern):
                    return broken
                char = pattern[at]
            found.add(char)
            previous = char
        at += 1
    # A slash is matched by no bracket expression, whatever it says.
    return frozenset((set(range(256)) - found if negated else found) - {ord("/")}), at + 1


def _any_of(members: frozenset[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % member for member in sorted(members)) + b"]" if members else _NEVER
