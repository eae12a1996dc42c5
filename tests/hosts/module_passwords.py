"""The password of one module of one backup host, made here once more, by nothing of the collection."""

from __future__ import annotations

import base64
import hashlib
import hmac


def password_of(module: str, backup_host: str, password: str) -> str:
    message = f"lockstep.realtime password of a module\0{backup_host}\0{module}".encode()
    made = hmac.new(password.encode(), message, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")
