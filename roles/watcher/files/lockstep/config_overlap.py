"""What two mirrors must not have in common: names, sources, and paths that they write to.

Paths are compared as they are written; that two names lead to one folder only the disk can tell (preflight.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockstep.config import Config
    from lockstep.config_errors import Problems
    from lockstep.config_url import Target


def check(config: Config, problems: Problems) -> None:
    """Note every pair that collides."""
    _names_and_sources(config, problems)
    _destinations(config, problems)
    sources = [(f"mirrors[{n}].source", mirror.source) for n, mirror in enumerate(config.mirrors)]
    folders = [(key, os.fsencode(target.path)) for key, target in _targets(config) if target.scheme == "file"]
    for text in paths(sources, folders, os.fsencode(config.state_dir)):
        problems.add(*text)


def paths(
    sources: Iterable[tuple[str, bytes]], folders: Iterable[tuple[str, bytes]], state_dir: bytes
) -> list[tuple[str, str]]:
    """(key, problem) for each source inside a folder that is written to, or the other way round.

    The watcher would see its own writes as changes, and mirror them for ever.
    """
    found = []
    trees = list(sources)
    for folder_key, folder in folders:
        for source_key, source in trees:
            if inside(folder, source) or inside(source, folder):
                said = f"{_show(folder)} and {source_key} ({_show(source)}) must not lie one in the other"
                found.append((folder_key, said))
        if inside(state_dir, folder):
            found.append(("state_dir", f"{_show(state_dir)} must not lie inside a target ({folder_key})"))
    for source_key, source in trees:
        if inside(state_dir, source):
            found.append(("state_dir", f"{_show(state_dir)} must not lie inside a source ({source_key})"))
    return found


def inside(path: bytes, tree: bytes) -> bool:
    """Whether `path` is `tree` or below it; both normalised."""
    return path == tree or path.startswith(tree.rstrip(b"/") + b"/")


def _names_and_sources(config: Config, problems: Problems) -> None:
    names: dict[str, int] = {}
    sources: dict[bytes, int] = {}
    for n, mirror in enumerate(config.mirrors):
        first = names.setdefault(mirror.name, n)
        if first != n:
            problems.add(f"mirrors[{n}].name", f"{mirror.name} is the name of mirrors[{first}] already; choose another")
        first = sources.setdefault(mirror.source, n)
        if first != n:
            problems.add(
                f"mirrors[{n}].source",
                f"{_show(mirror.source)} is the source of mirrors[{first}] already; give that one more targets",
            )


def _destinations(config: Config, problems: Problems) -> None:
    """Each would delete what the other sends."""
    taken: dict[tuple[str, ...], str] = {}
    found = [(key, _place(target)) for key, target in _targets(config)]
    for key, place in found:
        first = taken.setdefault(place, key)
        if first != key:
            problems.add(key, f"writes to the same path as {first}; give it one of its own")
    for key, place in found:
        for length in range(len(place) - 1, 3, -1):
            outer = taken.get(place[:length])
            if outer is not None:
                problems.add(key, f"writes into the path of {outer}, which would delete it; give it one of its own")


def _place(target: Target) -> tuple[str, ...]:
    """Where it writes, as parts: of two with a common beginning, one is inside the other. Three are the host."""
    below = [part for part in (target.module, *target.path.split("/")) if part]
    # a key may be restricted to a directory, which is then its root
    keys = (target.ssh.key,) if target.ssh is not None else ()
    return (target.scheme, target.host.lower().rstrip("."), str(target.port), *keys, *below)


def _targets(config: Config) -> list[tuple[str, Target]]:
    return [
        (f"mirrors[{n}].targets[{m}].url", target)
        for n, mirror in enumerate(config.mirrors)
        for m, target in enumerate(mirror.targets)
    ]


def _show(path: bytes) -> str:
    return os.fsdecode(path)
