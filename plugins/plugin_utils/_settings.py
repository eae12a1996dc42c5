# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watcher takes of a mirror as it is: kinds, ranges and keys are checked here, more by `lockstep check`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_YEAR = 366 * 86400.0
_NUMBERS = {"quiet": (0.0, 3600.0), "max_wait": (0.0, 86400.0), "reconcile_every": (0.0, _YEAR), "pace": (0.0, 1.0)}
_MAX_DELETE = {"percent": (0.0, 100.0), "at_least": (0.0, 1e12), "window": (0.0, 86400.0)}
_LISTS = (
    "filter", "filter_from", "include", "include_from", "exclude", "exclude_from", "exclude_regex",
    "exclude_regex_nocase", "include_regex", "include_regex_nocase", "reconcile_at", "reconcile_exclude",
)  # fmt: skip
_BOOLEANS = ("watch", "one_file_system")
_RECEIVERS = ("command", "url", "url_file", "socket", "purge")
_HOOK = (*_RECEIVERS, "method", "match", "token_file", "headers_file", "names", "include", "tell", "on_failure",
         "interval", "timeout")  # fmt: skip
KEYS = (*_LISTS, *_BOOLEANS, "delete", *_NUMBERS, "max_delete", "backup_dir", "temp_dir", "bwlimit", "hooks")


def read(entry: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """The settings that an entry of lockstep_mirrors gives, in a fixed order."""
    settings: dict[str, Any] = {}
    for key in _LISTS:
        if entry.get(key) is not None:
            settings[key] = list(texts(entry, key, problems))
    for key in _BOOLEANS:
        if entry.get(key) is not None:
            settings[key] = entry[key]
            if not isinstance(entry[key], bool):
                problems.append(f"{key}: must be true or false, not {show(entry[key])}")
    if entry.get("delete") is not None:
        settings["delete"] = entry["delete"]
        if not isinstance(settings["delete"], bool) and settings["delete"] not in ("startup", "running"):
            problems.append(f"delete: must be true, false, startup or running, not {show(settings['delete'])}")
    _numbers(entry, _NUMBERS, "", settings, problems)
    quiet, max_wait = settings.get("quiet"), settings.get("max_wait")
    if quiet is not None and max_wait is not None and max_wait < quiet:
        problems.append(f"max_wait: must not be less than quiet ({quiet}): {max_wait}")
    if entry.get("max_delete") is not None:
        settings["max_delete"] = _max_delete(entry["max_delete"], problems)
    for key in ("backup_dir", "temp_dir"):
        if entry.get(key) is not None:
            settings[key] = str(entry[key])
            if not isinstance(entry[key], str):
                problems.append(f"{key}: must be a string, not {kind(entry[key])}")
    if entry.get("bwlimit") is not None:
        settings["bwlimit"] = plain(entry["bwlimit"])
        if isinstance(entry["bwlimit"], (bool, Mapping)):
            problems.append("bwlimit: must be a rate, or a list of mappings with from and limit")
    if entry.get("hooks") is not None:
        settings["hooks"] = _hooks(entry["hooks"], problems)
    return settings


def texts(entry: Mapping[str, Any], key: str, problems: list[str]) -> tuple[str, ...]:
    """A list of strings that are not empty."""
    value = entry.get(key)
    if value is None:
        return ()
    if not is_list(value):
        problems.append(f"{key}: must be a list of strings, not {kind(value)}")
        return ()
    for item in value:
        if not isinstance(item, str) or not item or _CONTROL.search(item):
            said = "must hold strings that are not empty and have no control characters"
            problems.append(f"{key}: {said}, not {show(item)}")
            return ()
    return tuple(str(item) for item in value)


def _hooks(given: Any, problems: list[str]) -> list[dict[str, Any]]:
    if not is_list(given) or not all(isinstance(item, Mapping) for item in given):
        problems.append(f"hooks: must be a list of mappings, each with one of {listed(_RECEIVERS)}")
        return []
    for number, item in enumerate(given):
        unknown(item, _HOOK, f"hooks[{number}].", problems)
        if len([name for name in _RECEIVERS if item.get(name) is not None]) != 1:
            problems.append(f"hooks[{number}]: must have one of {listed(_RECEIVERS)}")
        for key in ("command", "include", "tell"):
            texts(item, key, problems)
    return [plain(item) for item in given]


def _max_delete(given: Any, problems: list[str]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if not isinstance(given, Mapping):
        problems.append(f"max_delete: must be a mapping with {listed(_MAX_DELETE)}, not {kind(given)}")
        return limits
    unknown(given, tuple(_MAX_DELETE), "max_delete.", problems)
    _numbers(given, _MAX_DELETE, "max_delete.", limits, problems)
    if isinstance(limits.get("at_least"), float):
        problems.append(f"max_delete.at_least: must be a whole number, not {limits['at_least']}")
    return limits


def _numbers(
    given: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    prefix: str,
    into: dict[str, Any],
    problems: list[str],
) -> None:
    for key, (low, high) in ranges.items():
        value = given.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            problems.append(f"{prefix}{key}: must be a number, not {show(value)}")
        elif not low <= value <= high:  # also refuses NaN
            problems.append(f"{prefix}{key}: must be within {low:g} and {high:g}, not {value}")
        else:
            into[key] = float(value) if isinstance(value, float) else int(value)


def plain(value: Any) -> Any:
    """The same without what templating puts around text, so that it is written as any other."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    return [plain(item) for item in value] if is_list(value) else value


def is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def unknown(given: Mapping[str, Any], known: Sequence[str], prefix: str, problems: list[str]) -> None:
    for key in given:
        if key not in known:
            problems.append(f"{prefix}{str(key)!r} is not a key of lockstep_mirrors{near(str(key), known)}")


def near(word: str, known: Sequence[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else f"; known are {listed(known)}"


def listed(words: Any) -> str:
    words = list(words)
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def show(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else f"'{value}'"


def kind(value: Any) -> str:
    names = ((str, "a string"), (Mapping, "a mapping"), (bool, "a boolean"), ((int, float), "a number"))
    return next((name for of, name in names if isinstance(value, of)), "nothing" if value is None else "a list")
