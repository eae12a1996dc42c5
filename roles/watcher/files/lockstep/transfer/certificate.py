"""When a certificate ends, read from its file: without a library, for the status asks for nothing else.

RFC 5280, 4.1: Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, signature, issuer, validity …
"""

from __future__ import annotations

import base64
import calendar
import functools
import os
import re
import time
from typing import Optional

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17
_MOST = 1 << 20  # bytes, beyond which a file is no certificate


def expires(path: str) -> Optional[float]:
    """Epoch seconds; None where the file cannot be read or holds no certificate."""
    try:
        now = os.stat(path)
        return _expires(path, now.st_mtime_ns, now.st_ino)
    except OSError:
        return None


@functools.lru_cache(maxsize=64)
def _expires(path: str, _changed: int, _inode: int) -> Optional[float]:
    with open(path, "rb") as file:
        found = _PEM.search(file.read(_MOST))
    try:
        return not_after(base64.b64decode(found[1])) if found else None
    except (IndexError, ValueError):
        return None


def not_after(der: bytes) -> float:
    """Raises IndexError and ValueError for what is no certificate."""
    _tag, inside, _end = _element(der, 0)
    _tag, at, _end = _element(der, inside)
    tag, _start, end = _element(der, at)
    if tag == _VERSION:
        at = end
    for _skipped in ("serial", "signature", "issuer"):
        at = _element(der, at)[2]
    _tag, validity, _end = _element(der, at)
    tag, start, end = _element(der, _element(der, validity)[2])
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:  # which ends with the year 2049
        text = ("20" if text[:2] < "50" else "19") + text
    return float(calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ")))


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the element there, and where its content begins and ends."""
    tag, length = der[at], der[at + 1]
    at += 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[at : at + size], "big")
        at += size
    return tag, at, at + length
