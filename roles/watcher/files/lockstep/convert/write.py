"""A conversion as YAML with a comment on each difference, or as plain data.  Text is quoted as JSON has it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from .model import Converted, Mirror, Note, Target

_WIDTH = 116
_ESCAPED = {'"': '\\"', "\\": "\\\\"}


def as_mirrors(converted: Converted) -> list[dict[str, Any]]:
    """`mirrors` of lockstep.yml."""
    return [
        {
            "name": mirror.name,
            "source": mirror.source,
            **_settings(mirror),
            "targets": [
                {
                    "url": target.url,
                    **({"password_file": target.password_file} if target.password_file else {}),
                    **({"ssh_key": target.ssh_key} if target.ssh_key else {}),
                    **({"rsync_options": list(mirror.rsync_options)} if mirror.rsync_options else {}),
                }
                for target in mirror.targets
            ],
        }
        for mirror in converted.mirrors
    ]


def as_inventory(converted: Converted, paths: Mapping[str, str], hosts: Mapping[str, str]) -> list[dict[str, Any]]:
    """`lockstep_mirrors`.  `paths`: module → directory on the backup host; `hosts`: address → inventory name.

    What they do not name is the address itself, and a directory of the module's name at the root, as in the guides.
    """
    return [
        {
            "name": mirror.name,
            "source": mirror.source,
            "path": _path(mirror, paths),
            "targets": [_host(target, hosts) for target in mirror.targets if target.host],
            **_settings(mirror),
            **({"rsync_options": list(mirror.rsync_options)} if mirror.rsync_options else {}),
        }
        for mirror in converted.mirrors
        if any(target.host for target in mirror.targets)
    ]


def _host(target: Target, hosts: Mapping[str, str]) -> Any:
    name = hosts.get(target.host, target.host)
    return {"host": name, "transport": "ssh"} if target.over_ssh else name


def _path(mirror: Mirror, paths: Mapping[str, str]) -> str:
    first = next(target for target in mirror.targets if target.host)
    return paths.get(first.module) or first.place or f"/{first.module}"


def _settings(mirror: Mirror) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if mirror.filter:
        found["filter"] = list(mirror.filter)
    if mirror.exclude_regex:
        found["exclude_regex"] = list(mirror.exclude_regex)
    if mirror.exclude:
        found["exclude"] = list(mirror.exclude)
    if mirror.delete is not True:
        found["delete"] = mirror.delete
    if mirror.one_file_system:
        found["one_file_system"] = True
    if mirror.reconcile_every is not None:
        found["reconcile_every"] = mirror.reconcile_every
    if mirror.reconcile_exclude:
        found["reconcile_exclude"] = list(mirror.reconcile_exclude)
    if mirror.hooks:
        found["hooks"] = [dict(hook) for hook in mirror.hooks]
    return found


def as_configuration(converted: Converted, inventory: bool = False, paths: Mapping[str, str] | None = None) -> str:
    """The YAML text of lockstep.yml, or, for an inventory, of lockstep_mirrors."""
    lines = [f"# Made from the configuration of {converted.origin} by lockstep convert.  Each comment is a difference."]
    lines += [line for note in _in_order(converted.notes) for line in _comment(note, "")]
    if inventory:
        entries, key = as_inventory(converted, paths or {}, {}), "lockstep_mirrors"
        lines += _about_paths(converted, paths or {})
    else:
        entries, key = as_mirrors(converted), "mirrors"
        lines += [f"{name}: {_scalar(value)}" for name, value in _top(converted) if value is not None]
    lines.append(f"{key}:")
    by_name = {mirror.name: mirror for mirror in converted.mirrors}
    for entry in entries:
        lines += [line for note in _in_order(by_name[entry["name"]].notes) for line in _comment(note, "  ")]
        lines += _entry(entry)
    return "\n".join(lines) + "\n"


def _top(converted: Converted) -> list[tuple[str, str | None]]:
    return [("log_level", converted.log_level), ("rsync", converted.rsync)]


def _about_paths(converted: Converted, paths: Mapping[str, str]) -> list[str]:
    lines = []
    for mirror in converted.mirrors:
        for target in mirror.targets:
            if not target.host:
                lines += _wrapped(f"mirror {mirror.name}: {target.url} is on this host, and is left out", "")
            elif target.place is None and target.module not in paths:
                lines += _wrapped(
                    f"mirror {mirror.name}: the path of module {target.module} stands in rsyncd.conf on {target.host} "
                    "alone: correct it here",
                    "",
                )
    return lines


def _in_order(notes: list[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: note.line)


def _comment(note: Note, indent: str) -> list[str]:
    return _wrapped(str(note), indent)


def _wrapped(text: str, indent: str) -> list[str]:
    # one line whatever stands in it: a line's end in a name must not end the comment
    plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    first, *rest = textwrap.wrap(plain, _WIDTH - len(indent), break_on_hyphens=False) or [""]
    return [f"{indent}# {first}", *(f"{indent}#   {line}" for line in rest)]


def _entry(entry: Mapping[str, Any]) -> list[str]:
    lines = []
    for number, (key, value) in enumerate(entry.items()):
        lead = "  - " if number == 0 else "    "
        if key == "targets" and value and all(isinstance(target, dict) for target in value):
            lines.append(f"{lead}targets:")
            for target in value:
                for place, (name, one) in enumerate(target.items()):
                    lines.append(f"      {'- ' if place == 0 else '  '}{name}: {_scalar(one)}")
        else:
            lines.append(f"{lead}{key}: {_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    """As JSON, which is YAML too, but for text: YAML knows other line ends and no pairs of surrogates."""
    if isinstance(value, str):
        return '"' + "".join(_ESCAPED.get(char) or _character(char) for char in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_scalar(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def _character(char: str) -> str:
    return char if char.isprintable() else f"\\U{ord(char):08x}"
