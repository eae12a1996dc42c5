"""What was freed is given back, once a minute, wherever the C library can be told to."""

from __future__ import annotations

import ctypes
import os
from types import SimpleNamespace

import pytest

from lockstep import heap
from lockstep.heap import EVERY, Heap, give_back

PIECES = 1_000
PIECE = 100 << 10  # bytes, less than what the C library asks the system for one by one


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_what_lies_free_between_what_is_used_goes_back_to_the_system() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    pieces = [libc.malloc(PIECE) for _number in range(PIECES)]
    for address in pieces:
        ctypes.memset(address, 1, PIECE)
    for address in pieces[::2]:
        libc.free(address)
    before = resident()
    assert give_back()
    assert before - resident() > PIECES / 2 * PIECE / 2
    for address in pieces[1::2]:
        libc.free(address)


def test_it_is_done_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    monkeypatch.setattr(heap, "_LIBC", SimpleNamespace(malloc_trim=trims.append))
    one = Heap()
    assert [one.tick(at) for at in (5.0, 6.0, 5.0 + EVERY - 1, 5.0 + EVERY, 6.0 + EVERY)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert trims == [0, 0]


def test_where_the_c_library_cannot_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_LIBC", SimpleNamespace())
    assert not give_back()
    assert not Heap().tick(0.0)
