"""libnfs through ctypes: an NFS client in user space, version 3 or 4, that says by itself when it closes a file.

Only what the tests call; see /usr/include/nfsc/libnfs.h of the package libnfs-dev.  Names are bytes, below the export.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
from typing import Any

PATH, NUMBER, LONG, HANDLE = ctypes.c_char_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_void_p
CALLS: dict[str, tuple[Any, ...]] = {
    "mount": (PATH, PATH),
    "umount": (),
    "set_version": (NUMBER,),
    "open2": (PATH, NUMBER, NUMBER, ctypes.POINTER(HANDLE)),
    "close": (HANDLE,),
    "pwrite": (HANDLE, LONG, LONG, PATH),
    "fsync": (HANDLE,),
    "ftruncate": (HANDLE, LONG),
    "truncate": (PATH, LONG),
    "mkdir2": (PATH, NUMBER),
    "rmdir": (PATH,),
    "unlink": (PATH,),
    "rename": (PATH, PATH),
    "link": (PATH, PATH),
    "symlink": (PATH, PATH),
    "chmod": (PATH, NUMBER),
    "utimes": (PATH, ctypes.c_int64 * 4),
}
PIECE = 1 << 11  # bytes of one WRITE: libnfs 4.0 fails to encode one of version 4 with more than some 3,900


class Client:
    """One mount.  Every failure is an OSError with the errno and the words of libnfs."""

    def __init__(self, server: str, export: str, version: int, user: int = 0) -> None:
        self._library = load()
        self._context = HANDLE(self._library.nfs_init_context())
        self._library.nfs_set_uid(self._context, user)
        self._library.nfs_set_gid(self._context, user)
        self._call("set_version", version)
        self._call("mount", server.encode(), export.encode())

    def open(self, path: bytes, create: bool = False, mode: int = 0o644) -> HANDLE:
        """A handle to write to, which stays open until it is closed, or the client's process ends."""
        handle = HANDLE()
        flags = os.O_RDWR | (os.O_CREAT if create else 0)
        self._call("open2", path, flags, mode, ctypes.byref(handle))
        return handle

    def write(self, handle: HANDLE, offset: int, data: bytes) -> None:
        """As many WRITE calls as it takes; the server has answered each when this returns."""
        for at in range(0, len(data), PIECE):
            piece = data[at : at + PIECE]
            written = self._call("pwrite", handle, offset + at, len(piece), piece)
            assert written == len(piece), f"{written} of {len(piece)} bytes written"

    def close(self, handle: HANDLE) -> None:
        """With version 4 the server closes the file now; version 3 has no call that would tell it."""
        self._call("close", handle)

    def utimes(self, path: bytes, seconds: int) -> None:
        self._call("utimes", path, (ctypes.c_int64 * 4)(seconds, 0, seconds, 0))

    def call(self, name: str, *arguments: Any) -> None:
        """Any other call, as libnfs names it."""
        self._call(name, *arguments)

    def _call(self, name: str, *arguments: Any) -> int:
        done = int(getattr(self._library, f"nfs_{name}")(self._context, *arguments))
        if done < 0:
            said = (self._library.nfs_get_error(self._context) or b"").decode(errors="replace")
            names = [word for word in arguments if isinstance(word, bytes) and len(word) < 300]
            raise OSError(-done, f"nfs_{name} {names}: {said or os.strerror(-done)}")
        return done


def load() -> ctypes.CDLL:
    name = ctypes.util.find_library("nfs")
    if name is None:
        raise OSError("libnfs is not on this machine: install libnfs-utils (tests/install-needs libnfs-utils)")
    # Version 6 of libnfs, whose library is numbered 16, takes the arguments of nfs_pwrite in another order.
    number = re.search(r"\.so\.(\d+)$", name)
    if number is None or int(number[1]) >= 16:
        raise OSError(f"{name}: this binding knows libnfs 4 and 5 (libnfs.so.13 to 15)")
    library = ctypes.CDLL(name)
    library.nfs_init_context.restype = ctypes.c_void_p
    library.nfs_get_error.restype = ctypes.c_char_p
    library.nfs_get_error.argtypes = (HANDLE,)
    for setting in ("nfs_set_uid", "nfs_set_gid"):
        getattr(library, setting).argtypes = (HANDLE, NUMBER)
    for call, arguments in CALLS.items():
        getattr(library, f"nfs_{call}").argtypes = (HANDLE, *arguments)
    return library
