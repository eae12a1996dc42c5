"""What a conversion comes to: mirrors, and a note on everything that will not be as it was."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Optional, Union

MAX_BYTES = 1024 * 1024


class ConvertError(Exception):
    """It cannot be converted; `problems` has a line for each reason."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Note:
    """A difference: the option as it stood, in which line, and what becomes of it and why."""

    line: int
    option: str
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.option}: {self.text}"


@dataclass
class Target:
    """`place`: the path on the target's host where the old configuration named one, else None: its daemon knows.

    `ssh_key`: the key that was named, of a target `over_ssh`.
    """

    url: str
    host: str
    module: str
    place: Optional[str] = None
    password_file: Optional[str] = None
    ssh_key: Optional[str] = None
    over_ssh: bool = False


@dataclass
class Mirror:
    name: str
    source: str
    targets: list[Target] = field(default_factory=list)
    exclude: list[str] = field(default_factory=list)
    filter: list[str] = field(default_factory=list)  # + and - in their order, before exclude
    exclude_regex: list[str] = field(default_factory=list)
    delete: Union[bool, str] = True
    one_file_system: bool = False
    reconcile_exclude: list[str] = field(default_factory=list)
    reconcile_every: Optional[int] = None
    rsync_options: list[str] = field(default_factory=list)
    hooks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, line: int, option: str, text: str) -> None:
        self.notes.append(Note(line, option, text))


@dataclass
class Converted:
    """`origin` names the system that it comes from; `notes` are about the whole, each mirror has its own besides."""

    origin: str
    mirrors: list[Mirror] = field(default_factory=list)
    log_level: Optional[str] = None
    rsync: Optional[str] = None
    notes: list[Note] = field(default_factory=list)

    def note(self, line: int, option: str, text: str) -> None:
        self.notes.append(Note(line, option, text))

    def all_notes(self) -> list[Note]:
        """In the order of the file."""
        return sorted([*self.notes, *(note for mirror in self.mirrors for note in mirror.notes)], key=lambda n: n.line)


def name_for(text: str, taken: Iterable[str]) -> str:
    """A mirror's name that resembles the text, and no other's."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-_.")[:56] or "data"
    known, number, found = set(taken), 1, name
    while found in known:
        number += 1
        found = f"{name}-{number}"
    return found


def daemon_url(host: str, user: Optional[str], port: int, module: str, path: str = "") -> str:
    shown = f"[{host}]" if ":" in host else host
    where = f"{user}@{shown}" if user else shown
    return f"rsync://{where}" + (f":{port}" if port != 873 else "") + f"/{module}" + (f"/{path}" if path else "")


def ssh_url(host: str, user: str, port: int, path: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"ssh://{user}@{shown}" + (f":{port}" if port != 22 else "") + path
