"""What becomes of lsyncd's rsync{…}."""

from __future__ import annotations

from typing import Optional

from . import lua, rsync_words
from .model import Mirror
from .ssh_words import Way

# Of these lsyncd keeps none unless it is told to; a mirror here is equal, so all are kept.
_KEPT_HERE = ("owner", "group", "perms")


class Options:
    """`problems`, `password_file`, `binary` (the rsync program), `way` over ssh and `rsync_options` of one sync."""

    def __init__(self, given: Optional[lua.Value], mirror: Mirror, direct: bool) -> None:
        self.problems: list[str] = []
        self.password_file: Optional[str] = None
        self.binary: Optional[str] = None
        self.rsync_options: list[str] = []
        self.way = Way()
        self._mirror = mirror
        table = given.value if given is not None else lua.Table(0)
        if not isinstance(table, lua.Table):
            assert given is not None
            self.problems.append(f"line {given.line}: sync rsync: must be a table, as rsync = {{ archive = true }}")
            return
        for name, value in table.named.items():
            self._one(name, value)
        line = given.line if given is not None else 0
        if not direct and not _is_true(table, "archive"):
            missing = [name for name in _KEPT_HERE if not _is_true(table, name)]
            if missing and line:
                mirror.note(line, "rsync", f"{', '.join(missing)} were not kept by it, and are kept here; "
                            "rsync_options --no-owner, --no-group, --no-perms leave them alone")  # fmt: skip
        self.rsync_options = list(dict.fromkeys(self.rsync_options))

    def _one(self, name: str, given: lua.Value) -> None:
        value, line = given.value, given.line
        if name == "_extra":
            self._extra(given)
        elif name == "binary" and isinstance(value, str):
            self.binary = value if value.startswith("/") else None
        elif name == "password_file" and isinstance(value, str):
            self.password_file = value
        elif name == "rsh" and isinstance(value, str):
            self.way.command(value, lambda option, why: self._mirror.note(line, f"rsync rsh {option}", why))
        elif isinstance(value, bool):
            self._switch(name, value, line)
        elif isinstance(value, (str, int, float)):
            self._add(name, str(value), line)
        elif value is not None:
            self.problems.append(f"line {line}: rsync {name}: must be true, false, a text or a number")

    def _switch(self, name: str, on: bool, line: int) -> None:
        word = name.replace("_", "-")
        if on:
            self._add(name, None, line)
        elif word in ("owner", "group", "perms"):
            self.rsync_options.append(f"--no-{word}")
        elif word in ("times", "links"):
            self._mirror.note(line, f"rsync {name}=false", "they are always mirrored: changes are told from times")
        elif word == "whole-file":
            self.rsync_options.append("--no-whole-file")

    def _extra(self, given: lua.Value) -> None:
        table = given.value
        if not isinstance(table, lua.Table) or not all(isinstance(one.value, str) for one in table.listed):
            self.problems.append(f"line {given.line}: rsync _extra: must be a list of texts, as {{ '--bwlimit=1000' }}")
            return
        for one in table.listed:

            def note(option: str, why: str, line: int = one.line) -> None:
                self._mirror.note(line, f"rsync {option}", why)

            try:
                self.rsync_options += rsync_words.from_text(str(one.value), note)
            except rsync_words.Refused as error:
                self.problems.append(f"line {one.line}: rsync _extra: {error}")

    def _add(self, name: str, value: Optional[str], line: int) -> None:
        try:
            self.rsync_options += rsync_words.one(
                name.replace("_", "-"), value, lambda option, why: self._mirror.note(line, f"rsync {option}", why)
            )
        except rsync_words.Refused as error:
            self.problems.append(f"line {line}: rsync {name}: {error}")


def _is_true(table: lua.Table, name: str) -> bool:
    return name in table.named and table.named[name].value is True
