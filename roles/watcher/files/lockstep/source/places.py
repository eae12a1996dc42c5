"""Where each watched directory hangs, in few bytes: a mirror may have millions of them.

An object for each would take three times as much.  The kernel hands out descriptors in ascending order and hardly ever
one twice, so they are the index, in pages: what is forgotten gives its page back once nothing is left on it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Optional

_BITS = 7
_SIZE = 1 << _BITS
_SLOT = _SIZE - 1


class _Page:
    __slots__ = ("names", "parents", "used")

    def __init__(self) -> None:
        self.names: list[Optional[bytes]] = [None] * _SIZE
        self.parents = array("i", bytes(4 * _SIZE))
        self.used = 0


class Places:
    """Watch descriptor (0 or above) → the descriptor of the directory that it is in, and its name there."""

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, wd: int) -> bool:
        page = self._pages.get(wd >> _BITS)
        return page is not None and page.names[wd & _SLOT] is not None

    def __iter__(self) -> Iterator[int]:
        for number, page in self._pages.items():
            for slot, name in enumerate(page.names):
                if name is not None:
                    yield number << _BITS | slot

    def get(self, wd: int) -> Optional[tuple[int, bytes]]:
        page = self._pages.get(wd >> _BITS)
        if page is None:
            return None
        name = page.names[wd & _SLOT]
        return None if name is None else (page.parents[wd & _SLOT], name)

    def put(self, wd: int, parent: int, name: bytes) -> None:
        page = self._pages.get(wd >> _BITS)
        if page is None:
            page = self._pages[wd >> _BITS] = _Page()
        slot = wd & _SLOT
        if page.names[slot] is None:
            page.used += 1
            self._count += 1
        page.names[slot] = name
        page.parents[slot] = parent

    def remove(self, wd: int) -> None:
        """Forget it; what is not known is passed over."""
        page = self._pages.get(wd >> _BITS)
        if page is None or page.names[wd & _SLOT] is None:
            return
        page.names[wd & _SLOT] = None
        page.used -= 1
        self._count -= 1
        if not page.used:
            del self._pages[wd >> _BITS]
