"""Which of the listed names a line of rsync's means.

That cannot always be told: a name may hold all that ends one, and `foo`, `.foo` and `foo.` have one temporary name.  So
nothing may count as arrived because no line named it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

from lockstep.changes import ancestors, parent_of

# A name may hold any of rsync's words, so that they only count where rsync writes them: before the name, or after it.
# log.c, rsyserr() begins with this; rprintf() does not
BEGINS = rb"^(?:rsync: (?:\[[A-Za-z]+\] )?)?"

_ESCAPE = re.compile(rb"\\#([0-7]{3})")
_LONG = 240  # bytes from which a temporary name may have been cut off
_TEMPORARY = re.compile(rb"^\.(.*)\.[A-Za-z0-9]{6}$", re.DOTALL)
# links and devices have a number there (generator.c, atomic_create()); with fake super they are files, and a full disk
# leaves an empty one
_NUMBERED = re.compile(rb"^\.(.*)\.[0-9]{1,6}$", re.DOTALL)
_AROUND = (  # where a name begins, and what ends it
    (re.compile(BEGINS + rb"could not make way for new [^:]*: "), b""),
    (re.compile(BEGINS + rb"cannot delete non-empty directory: "), b""),
    (re.compile(BEGINS + rb"delete_file: [a-z]+\("), b")"),
    (re.compile(rb"^ERROR: "), b" failed verification -- update "),
    (re.compile(rb'"'), b'"'),
)
_ENDS = 16  # of what may be the end of a name, so many from the front and from the back are tried


def unescape(name: bytes) -> bytes:
    r"""rsync's `\#ooo` in messages and --out-format, as the byte that it stands for."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), name)


class Listed:
    """The names of one batch, relative to the source, to be looked up by what rsync calls them."""

    def __init__(self, source: bytes, paths: frozenset[bytes]) -> None:
        self._source = source
        self.paths = paths

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(self.paths)

    @cached_property
    def _odd(self) -> dict[bytes, list[bytes]]:
        """Of each directory, the names whose temporary one rsync cuts short: dots at their end, or many bytes."""
        found: dict[bytes, list[bytes]] = {}
        for path in self.paths:
            parent = parent_of(path)
            if path.endswith(b".") or len(path) - len(parent) > _LONG:
                found.setdefault(parent, []).append(path)
        return found

    def inside(self, directory: bytes) -> set[bytes]:
        """What is listed below a directory."""
        begin = bisect_left(self._sorted, directory + b"/")
        end = bisect_left(self._sorted, directory + b"0", begin)  # the character behind the slash
        return set(self._sorted[begin:end])

    def meant(self, line: bytes) -> set[bytes]:
        """The listed paths that a line of rsync's may mean, the likeliest ones; none, where nobody knows."""
        named = [self._relative(name) for name in _names_in(line)]
        for name in named:
            if name in self.paths:
                return {name}
        for name in named:
            for meant in finished(name):
                if meant in self.paths:
                    return {meant}
        cut = {path for name in named for path in self._cut_short(name)}
        if cut:
            return cut
        # below a folder, or a path in the module, a name begins with that
        below = {path for name in named for path in _tails(name) if path in self.paths}
        # a directory that is not listed itself stands for what is listed in it
        below = below or {path for name in named[:1] for path in self.inside(name)}
        above = (next((path for path in ancestors(name) if path in self.paths), b"") for name in named[:1])
        return below or {path for path in above if path}

    def has_temporary(self, path: bytes) -> bool:
        """Is this a name under which rsync's receiver writes what will be one of these paths?"""
        head, slash, tail = path.rpartition(b"/")
        numbered = _NUMBERED.match(tail)
        if numbered and any(head + slash + dot + numbered[1] in self.paths for dot in (b"", b".")):
            return True
        return any(name in self.paths for name in finished(path)) or bool(self._cut_short(path))

    def _relative(self, name: bytes) -> bytes:
        if name == self._source:
            return b""
        if name.startswith(self._source + b"/"):
            name = name[len(self._source) + 1 :]
        name = name.strip(b"/")
        return name[2:] if name.startswith(b"./") else name

    def _cut_short(self, name: bytes) -> Sequence[bytes]:
        """The listed names that a temporary one may stand for whose end rsync has cut off: dots, or too many bytes."""
        starts = finished(name)
        odd = self._odd.get(parent_of(name), []) if starts else []
        for start in starts:
            dots = [path for path in odd if path.startswith(start) and not path[len(start) :].strip(b".")]
            if dots:
                return dots
        # cut to fit, with all bytes beyond ASCII before the cut: nothing may be left of it
        return [path for path in odd if len(path) - len(parent_of(path)) > _LONG]


def finished(name: bytes) -> list[bytes]:
    """The names that a temporary one may become; rsync's receiver.c, get_tmpname(), doubles no dot at the front."""
    head, slash, tail = name.rpartition(b"/")
    temporary = _TEMPORARY.match(tail)
    return [head + slash + temporary[1], head + slash + b"." + temporary[1]] if temporary else []


def _names_in(line: bytes) -> list[bytes]:
    """What may be the name in a message, the longest first: a name can hold all that ends one."""
    for begin, end in _AROUND:
        found = begin.search(line)
        if found:
            start = found.end()
            if not end:
                return [unescape(line[start:])]
            ends = [match.start() for match in re.finditer(re.escape(end), line[start:])]
            if len(ends) > 2 * _ENDS:
                ends = ends[:_ENDS] + ends[-_ENDS:]
            return [unescape(line[start : start + at]) for at in reversed(ends)]
    return []


def _tails(name: bytes) -> list[bytes]:
    found = []
    for rest in (name, *finished(name)):
        while b"/" in rest:
            rest = rest.partition(b"/")[2]
            found.append(rest)
    return found
