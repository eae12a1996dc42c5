"""Where each watched directory hangs, in few bytes: a mirror may have millions of them.

An object for each would take three times as much.  The kernel hands out descriptors in ascending order and hardly ever
one twice, so they are the index, in pages.  Where directories come and go, few of a page stay, and each of them would
keep a page of its own in the end: they are taken out of it, to be kept one by one.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Optional

_BITS = 7
_SIZE = 1 << _BITS
_SLOT = _SIZE - 1
_FEW = 8  # directories on a page that take less room one by one


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
        self._few: dict[int, tuple[int, bytes]] = {}  # of pages that there are no more
        self._newest = -1  # the page that is being filled
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, wd: int) -> bool:
        return self.get(wd) is not None

    def __iter__(self) -> Iterator[int]:
        for number, page in self._pages.items():
            for slot, name in enumerate(page.names):
                if name is not None:
                    yield number << _BITS | slot
        yield from self._few

    def get(self, wd: int) -> Optional[tuple[int, bytes]]:
        page = self._pages.get(wd >> _BITS)
        if page is None:
            return self._few.get(wd)
        name = page.names[wd & _SLOT]
        return None if name is None else (page.parents[wd & _SLOT], name)

    def put(self, wd: int, parent: int, name: bytes) -> None:
        number = wd >> _BITS
        page = self._pages.get(number)
        if page is None:
            if number < self._newest:
                self._count += wd not in self._few
                self._few[wd] = (parent, name)
                return
            page = self._pages[number] = _Page()
            if number > self._newest:
                before, self._newest = self._newest, number
                self._thin_out(before)
        slot = wd & _SLOT
        if page.names[slot] is None:
            page.used += 1
            self._count += 1
        page.names[slot] = name
        page.parents[slot] = parent

    def remove(self, wd: int) -> None:
        """Forget it; what is not known is passed over."""
        number = wd >> _BITS
        page = self._pages.get(number)
        if page is None:
            self._count -= self._few.pop(wd, None) is not None
        elif page.names[wd & _SLOT] is not None:
            page.names[wd & _SLOT] = None
            page.used -= 1
            self._count -= 1
            self._thin_out(number)

    def _thin_out(self, number: int) -> None:
        """Give up a page on which few are left, or none, unless more are about to come there."""
        page = self._pages.get(number)
        if page is None or page.used > _FEW or (page.used and number == self._newest):
            return
        del self._pages[number]
        for slot, name in enumerate(page.names):
            if name is not None:
                self._few[number << _BITS | slot] = (page.parents[slot], name)
