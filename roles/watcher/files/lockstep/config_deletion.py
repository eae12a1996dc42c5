"""What may be deleted on the targets, and where what was replaced or deleted is kept: `delete`, `backup_dir`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

_FIRST = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Deletes:
    """`live`: what is seen to go; `start`: what the first comparison finds; `found`: what a later one does."""

    live: bool = True
    start: bool = True
    found: bool = True

    def __bool__(self) -> bool:
        return self.live or self.start or self.found


MODES = {
    "startup": Deletes(live=False, start=True, found=False),
    "running": Deletes(live=True, start=False, found=False),
}


def delete(node: Mapping) -> Deletes:
    """true, false, startup or running."""
    value = node.get("delete")
    if value.is_text():
        word = value.choice(("true", "false", *MODES), "running")
        if word in MODES:
            return MODES[word]
        if not value.failed:
            value.problem(f"write {word} without quotes")
        return Deletes()
    on = value.boolean(True)
    return Deletes(on, on, on)


def folder(value: Value) -> Optional[str]:
    """A folder below the target's own path, for itself: relative, its first part plain."""
    if value.is_absent() or value.is_null():
        return None
    text = value.text()
    parts = text.split("/")
    if not value.failed and (text.startswith("/") or any(part in ("", ".", "..") for part in parts)):
        value.problem(f"must be a folder below the target's path, as .old or .old/%Y-%m-%d, not {text!r}")
    elif not value.failed and not _FIRST.fullmatch(parts[0]):
        value.problem("must begin with a part of letters, digits, . _ and -, which is kept out of the mirror")
    elif not value.failed and re.search(r"[\x00-\x1f\x7f]", text):
        value.problem("must not contain control characters")
    return text


def folders(node: Mapping) -> tuple[Optional[str], Optional[str]]:
    """backup_dir and temp_dir."""
    backup, value = folder(node.get("backup_dir")), node.get("temp_dir")
    temporary = folder(value)
    if temporary is not None and "/" in temporary and not value.failed:
        value.problem("must be one folder, as .tmp, which is made on the target")
    elif temporary is not None and backup is not None and backup.split("/")[0] == temporary:
        value.problem("must not be the folder of backup_dir")
    return backup, temporary
