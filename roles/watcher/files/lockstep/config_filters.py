"""What a mirror leaves out: `exclude`, `include`, `filter`, each also from files, and regular expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lockstep import config_paths, filters, rules
from lockstep.rules import Expressions, Rule

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

EXPRESSIONS = ("exclude_regex", "exclude_regex_nocase", "include_regex", "include_regex_nocase")
KEYS = ("filter", "filter_from", "include", "include_from", "exclude", "exclude_from", *EXPRESSIONS)
MAX_BYTES = 1024 * 1024  # of a file of patterns
_RULE = re.compile(rb"([+-])[ _](.+)|(include|exclude)[ _](.+)", re.DOTALL)


def read(node: Mapping) -> tuple[tuple[bytes, ...], tuple[Rule, ...]]:
    """The patterns, where all of them exclude; and all rules in their order, where some include.

    Order: filter, include, exclude, each list before its files.
    """
    found = [*_rules(node, "filter", None), *_rules(node, "include", False), *_rules(node, "exclude", True)]
    if all(rule.leaves_out for rule in found):
        return tuple(rule.pattern for rule in found), ()
    return (), tuple(found)


def on_schedule(node: Mapping) -> tuple[bytes, ...]:
    return tuple(pattern(item) for item in node.items("reconcile_exclude"))


def expressions(node: Mapping) -> Expressions:
    return Expressions(*(tuple(_expression(item) for item in node.items(key)) for key in EXPRESSIONS))


def pattern(value: Value) -> bytes:
    """One of rsync's patterns."""
    found = value.text().encode("utf-8", "surrogateescape")
    if not value.failed:
        reason = filters.problem(found)
        if reason:
            value.problem(reason)
    return found


def _rules(node: Mapping, key: str, leaves_out: bool | None) -> Iterator[Rule]:
    for item in node.items(key):
        if leaves_out is not None:
            yield Rule(leaves_out, pattern(item))
            continue
        text = item.text().encode("utf-8", "surrogateescape")
        if not item.failed:
            yield _rule(item, text, "")
    for item in node.items(f"{key}_from"):
        path = config_paths.absolute(item, "")
        if not item.failed:
            yield from _file(item, path, leaves_out)


def _file(item: Value, path: str, leaves_out: bool | None) -> Iterator[Rule]:
    """A line each; empty ones and those that begin with # or ; are none (rsync(1), --exclude-from)."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        item.problem(f"{path} cannot be read: {error.strerror or error}")
        return
    if len(text) > MAX_BYTES:
        item.problem(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB, which no file of patterns is")
        return
    for number, line in enumerate(text.split(b"\n"), 1):
        bare = line[:-1] if line.endswith(b"\r") else line
        if not bare or bare[:1] in b"#;":
            continue
        where = f"{path}, line {number}: "
        if leaves_out is None or re.match(rb"[+-] ", bare):
            yield _rule(item, bare, where)
        elif bare == b"!":
            item.problem(f"{where}! clears what came before it in rsync, and is not taken here; leave that out")
        else:
            yield _checked(item, leaves_out, bare, where)


def _rule(item: Value, text: bytes, where: str) -> Rule:
    match = _RULE.fullmatch(text)
    if match is None:
        shown = text.decode("utf-8", "backslashreplace")
        item.problem(f"{where}{shown!r} must be  + PATTERN  or  - PATTERN; rsync's other rules are not taken")
        return Rule(True, b"x")
    return _checked(item, (match[1] or match[3]) in (b"-", b"exclude"), match[2] or match[4], where)


def _checked(item: Value, leaves_out: bool, text: bytes, where: str) -> Rule:
    reason = filters.problem(text)
    if reason:
        item.problem(f"{where}{reason}")
    return Rule(leaves_out, text)


def _expression(item: Value) -> bytes:
    text = item.text().encode("utf-8", "surrogateescape")
    if not item.failed:
        reason = rules.problem(text)
        if reason:
            item.problem(reason)
    return text
