"""What a mirror leaves out, where excludes alone do not say it: rules in their order, and regular expressions.

rsync is given the rules, and decides as is decided here.  It knows no regular expressions: what it tells of what they
leave out is sifted out of its answers (comparison.py), and nothing is ever listed for it that is hidden here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Callable, Optional

from lockstep.filters import Filter
from lockstep.one_file_system import OneFileSystem

if TYPE_CHECKING:
    from lockstep.config import Mirror


@dataclass(frozen=True)
class Rule:
    """An rsync pattern.  Of several the first that matches decides."""

    leaves_out: bool
    pattern: bytes


@dataclass(frozen=True)
class Expressions:
    """Regular expressions (Python's, on bytes), searched for in a path relative to the source.

    `exclude`: what matches is left out, directories with all that is in them.  `include`, where there is any: of
    everything but directories, what matches none is left out.  The `_nocase` ones ignore the case of ASCII letters.
    """

    exclude: tuple[bytes, ...] = ()
    exclude_nocase: tuple[bytes, ...] = ()
    include: tuple[bytes, ...] = ()
    include_nocase: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.exclude or self.exclude_nocase or self.include or self.include_nocase)


def problem(expression: bytes) -> str | None:
    """Why an expression cannot be used; None when it can."""
    try:
        compiled = re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression: {error}"
    if compiled.search(b"") is not None:
        return "matches everything, as it matches even nothing; anchor it with ^ or $, or leave it out"
    return None


def of(mirror: Mirror) -> Filter:
    """What this mirror leaves out, the folders that it keeps on the target for itself among it."""
    found = _of_names(mirror)
    if mirror.one_file_system:
        found = OneFileSystem(mirror.source, found)
    if mirror.reconcile_exclude:
        found.on_schedule = OnSchedule(mirror.reconcile_exclude, found)
    return found


def _of_names(mirror: Mirror) -> Filter:
    own = [b"/" + name.split("/")[0].encode() for name in (mirror.backup_dir, mirror.temp_dir) if name]
    if not mirror.rules and not mirror.expressions:
        return Filter([*own, *mirror.exclude])
    given = mirror.rules or [Rule(True, pattern) for pattern in mirror.exclude]
    return Rules([*(Rule(True, pattern) for pattern in own), *given], mirror.expressions)


class Rules(Filter):
    """Raises ValueError for a pattern that `filters.problem` complains of."""

    def __init__(self, rules: Sequence[Rule], expressions: Expressions = Expressions()) -> None:
        super().__init__([])
        self._rules = tuple(rules)
        self._blocks = [
            (leaves_out, Filter([rule.pattern for rule in block]))
            for leaves_out, block in groupby(self._rules, lambda rule: rule.leaves_out)
        ]
        self._exclude = _any(expressions.exclude, expressions.exclude_nocase)
        self._include = _any(expressions.include, expressions.include_nocase)

    def __bool__(self) -> bool:
        return bool(self._rules or self._exclude or self._include)

    def excluded(self, path: bytes, is_dir: bool) -> bool:
        if not path:
            return False
        for leaves_out, block in self._blocks:
            if block.excluded(path, is_dir):
                if leaves_out:
                    return True
                break
        if self._exclude is not None and self._exclude(path):
            return True
        return not is_dir and self._include is not None and not self._include(path)

    def rsync_args(self) -> list[bytes]:
        return [b"--filter=" + (b"- " if rule.leaves_out else b"+ ") + rule.pattern for rule in self._rules]

    @property
    def sieve(self) -> Optional[Callable[[bytes, bool], bool]]:
        return self.hidden if self._exclude or self._include else None


class OnSchedule(Filter):
    """Leaves out what a mirror does, and what is not compared on schedule besides."""

    def __init__(self, patterns: Sequence[bytes], others: Filter) -> None:
        super().__init__(patterns)
        self._others = others

    def excluded(self, path: bytes, is_dir: bool) -> bool:
        return super().excluded(path, is_dir) or self._others.excluded(path, is_dir)

    def elsewhere(self, path: bytes) -> bool:
        return self._others.elsewhere(path)

    def rsync_args(self) -> list[bytes]:
        return [*super().rsync_args(), *self._others.rsync_args()]

    @property
    def sieve(self) -> Optional[Callable[[bytes, bool], bool]]:
        return self.hidden if self._others.sieve else None


def _any(plain: Iterable[bytes], nocase: Iterable[bytes]) -> Optional[Callable[[bytes], object]]:
    """Does any of them match somewhere?  Each stays an expression of its own: groups have numbers, flags a reach."""
    found = [re.compile(text) for text in plain] + [re.compile(text, re.IGNORECASE) for text in nocase]
    if not found:
        return None
    if len(found) == 1:
        return found[0].search
    return lambda path: any(expression.search(path) for expression in found)
