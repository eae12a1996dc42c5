"""Which descriptor stands for which path, as it was written on the command line and through renames since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from lockstep.source.places import Places

_ROOT = 0  # no descriptor: the parent of what was named on the command line
_DEEPEST = 4_096  # directories above one


class Tree:
    """Plain data: watch descriptors, and where each hangs."""

    def __init__(self) -> None:
        self._places = Places()
        self._children: dict[tuple[int, bytes], int] = {}
        self._shown: dict[int, bytes] = {}  # a cache

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, wd: int) -> bool:
        return wd in self._places

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def root(self, wd: int, shown: bytes) -> None:
        """What was named: `shown` is how its own events are told, with a slash where it is a directory."""
        self.hang(wd, _ROOT, shown)

    def is_root(self, wd: int) -> bool:
        place = self._places.get(wd)
        return place is not None and place[0] == _ROOT

    def hang(self, wd: int, parent: int, name: bytes) -> None:
        """It stands there now, wherever it stood before."""
        before = self._places.get(wd)
        if before == (parent, name):
            self._children[before] = wd
            return
        if before is not None:
            if self._children.get(before) == wd:
                del self._children[before]
            self._shown.clear()
        self._places.put(wd, parent, name)
        self._children[parent, name] = wd

    def child(self, parent: int, name: bytes) -> Optional[int]:
        return self._children.get((parent, name))

    def forget(self, wd: int) -> None:
        place = self._places.get(wd)
        if place is not None and self._children.get(place) == wd:
            del self._children[place]
        self._places.remove(wd)
        self._shown.pop(wd, None)

    def below(self, wd: int) -> list[int]:
        """Itself and every descriptor below it.  One pass over all."""
        return [other for other in self._places if self._hangs_in(other, wd)]

    def _hangs_in(self, wd: int, tree: int) -> bool:
        for _step in range(_DEEPEST):
            if wd == tree:
                return True
            place = self._places.get(wd)
            if place is None or place[0] == _ROOT:
                return False
            wd = place[0]
        return False

    def shown(self, wd: int) -> Optional[bytes]:
        """Its path as it is told, which ends with a slash for a directory; None for what is not watched any more."""
        found = self._shown.get(wd)
        if found is not None:
            return found
        names: list[bytes] = []
        at = wd
        while at != _ROOT:
            place = self._places.get(at)
            if place is None or len(names) > _DEEPEST:
                return None
            at, name = place
            names.append(name if at == _ROOT else name + b"/")
        path = b"".join(reversed(names))
        self._shown[wd] = path
        return path
