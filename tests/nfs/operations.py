"""What clients do, one thing each: what it needs, the calls, and how it is seen that it has arrived.

The trees are equal between `prepare` and `act`.  The last call of `act` is the one whose lag is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Optional

from export import Export
from mount import Mount

CROWD = 100  # files of a directory that is made and filled at once
DATA, OTHER = b"some data\n" * 400, b"OTHER DATA" * 400  # of one size


@dataclass
class Subject:
    """One path of an operation's own, with the client that works on it."""

    export: Export
    client: Mount
    path: str
    handle: int = 0

    def same(self) -> bool:
        return self.export.same(self.path)

    def opened(self) -> int:
        self.handle = self.client.open(self.path)
        return self.handle


@dataclass
class Operation:
    name: str
    act: Callable[[Subject], object]
    arrived: Callable[[Subject], bool] = Subject.same
    prepare: Optional[Callable[[Subject], object]] = None


def _file(on: Subject) -> None:
    on.client.close(on.client.put(on.path, DATA))


def _open_file(on: Subject) -> None:
    _file(on)
    on.opened()


def _directory(on: Subject) -> None:
    on.client.call("mkdir2", on.path, 0o755)


def _full_directory(on: Subject) -> None:
    _directory(on)
    for number in range(CROWD):
        on.client.close(on.client.put(f"{on.path}/{number}", DATA))


def _written(on: Subject, offset: int, data: bytes, close: bool) -> None:
    on.client.write(on.opened(), offset, data)
    if close:
        on.client.close(on.handle)


def _silly_rename(on: Subject) -> None:
    """What a client does with a file that is removed while it has it open, and then it goes on writing."""
    folder, _, name = on.path.rpartition("/")
    on.client.call("rename", on.path, f"{folder}/.nfs{name.encode().hex():0>24.24}")


def _renamed(on: Subject) -> bool:
    return on.export.same(on.path + ".new") and on.export.gone(on.path)


def _crowd_renamed(on: Subject) -> bool:
    return all(on.export.same(f"{on.path}.new/{number}") for number in range(CROWD)) and on.export.gone(on.path)


def _crowd(on: Subject) -> bool:
    return all(on.export.same(f"{on.path}/{number}") for number in (*range(CROWD - 1, 0, -9), *range(CROWD)))


def _gone(on: Subject) -> bool:
    return on.export.gone(on.path)


OPERATIONS = [
    Operation("empty file made", lambda on: on.client.put(on.path)),
    Operation("file made and written, open still", lambda on: on.client.put(on.path, DATA)),
    Operation("file made, written and closed", _file),
    Operation("appended, open still", lambda on: _written(on, len(DATA), DATA, False), prepare=_file),
    Operation("appended and closed", lambda on: _written(on, len(DATA), DATA, True), prepare=_file),
    Operation("overwritten in equal size, open still", lambda on: _written(on, 0, OTHER, False), prepare=_file),
    Operation("overwritten in equal size and closed", lambda on: _written(on, 0, OTHER, True), prepare=_file),
    Operation("truncated by name", lambda on: on.client.call("truncate", on.path, 10), prepare=_file),
    Operation("truncated, open still", lambda on: on.client.call("ftruncate", on.handle, 10), prepare=_open_file),
    Operation("mode", lambda on: on.client.call("chmod", on.path, 0o600), prepare=_file),
    Operation("times", lambda on: on.client.call("utimes", on.path, 10**9), prepare=_file),
    Operation("hard link made", lambda on: on.client.call("link", on.path, on.path + ".new"),
              lambda on: on.export.same(on.path + ".new"), _file),
    Operation("symbolic link made", lambda on: on.client.call("symlink", "no/where", on.path)),
    Operation("file renamed", lambda on: on.client.call("rename", on.path, on.path + ".new"), _renamed, _file),
    Operation("directory made", _directory),
    Operation(f"directory of {CROWD} files renamed", lambda on: on.client.call("rename", on.path, on.path + ".new"),
              _crowd_renamed, _full_directory),
    Operation(f"directory made and {CROWD} files in it, the last one", _full_directory, _crowd),
    Operation("file removed", lambda on: on.client.call("unlink", on.path), _gone, _file),
    Operation("file removed while it is open (`.nfs…`)", _silly_rename, _gone, _open_file),
    Operation("directory removed", lambda on: on.client.call("rmdir", on.path), _gone, _directory),
]  # fmt: skip
