"""Which paths count: POSIX extended regular expressions, by the C library's own hand, as inotify-tools has them.

Python's differ in classes, in what a backslash is and in what is an error; a pattern brought along must go on meaning
what it meant.  As there, they look at bytes in the C locale, so that a name which is no text is like any other.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

# regcomp(3), regex.h and locale.h of glibc and musl
_EXTENDED, _ICASE, _NOSUB = 1, 2, 8
_CTYPE_MASK = 1
_ROOM = 512  # bytes, more than any regex_t takes

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.newlocale.restype = ctypes.c_void_p
_LIBC.newlocale.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_LIBC.uselocale.restype = ctypes.c_void_p
_LIBC.uselocale.argtypes = (ctypes.c_void_p,)
_LIBC.regcomp.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
_LIBC.regexec.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int)
_LIBC.regerror.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)


class Pattern:
    """One regular expression.  Raises ValueError that says what is wrong with it."""

    def __init__(self, expression: bytes, ignore_case: bool) -> None:
        if b"\0" in expression:
            raise ValueError("must not contain a NUL byte")
        self._compiled = ctypes.create_string_buffer(_ROOM)
        self._plain = _LIBC.newlocale(_CTYPE_MASK, b"C", None)
        before = _LIBC.uselocale(self._plain)
        flags = _EXTENDED | _NOSUB | (_ICASE if ignore_case else 0)
        try:
            failed = _LIBC.regcomp(self._compiled, expression, flags)
            if failed:
                said = ctypes.create_string_buffer(200)
                _LIBC.regerror(failed, self._compiled, said, len(said))
                raise ValueError(said.value.decode("ascii", "replace"))
        finally:
            _LIBC.uselocale(before)

    def found_in(self, path: bytes) -> bool:
        """Whether it matches somewhere in the path."""
        before = _LIBC.uselocale(self._plain)
        try:
            return bool(_LIBC.regexec(self._compiled, path, 0, None, 0) == 0)
        finally:
            _LIBC.uselocale(before)


class Selection:
    """What is left out, and what alone is told; an exclude goes before an include."""

    def __init__(
        self, exclude: Sequence[Pattern] = (), include: Sequence[Pattern] = (), left_out: frozenset[bytes] = frozenset()
    ) -> None:
        self._exclude = tuple(exclude)
        self._include = tuple(include)
        self._left_out = left_out

    def watches(self, path: bytes) -> bool:
        """Whether this directory, written without a slash at its end, is to be watched with all below it."""
        return path not in self._left_out and not any(pattern.found_in(path) for pattern in self._exclude)

    def tells(self, path: bytes) -> bool:
        """Whether an event of this path is told."""
        if self._include and not any(pattern.found_in(path) for pattern in self._include):
            return False
        return not any(pattern.found_in(path) for pattern in self._exclude)
