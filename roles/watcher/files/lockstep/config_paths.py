"""Paths in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockstep.config_yaml import Value

# A unix socket's address holds 108 bytes, the closing NUL among them (unix(7)).
MAX_SOCKET_PATH = 107


def absolute(value: Value, default: str) -> str:
    """A normalised absolute path; `..` is refused, for what it means depends on links that can change."""
    path = value.text(default)
    return path if value.failed or value.is_absent() else normal(value, path)


def optional(value: Value) -> str | None:
    """The same, or None where there is none."""
    return None if value.is_absent() or value.is_null() else absolute(value, "")


def normal(value: Value, path: str) -> str:
    """`path`, which `value` gives, normalised."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path.startswith("/"):
        value.problem(f"must be an absolute path, one that begins with /, not {path!r}")
    elif ".." in parts:
        value.problem(f"must not contain .. : {path!r}")
    return "/" + "/".join(parts)


def socket_path(value: Value, path: str) -> str:
    """`path`, if the kernel lets a socket stand there."""
    if len(path.encode("utf-8", "surrogateescape")) > MAX_SOCKET_PATH:
        value.problem(f"is longer than the {MAX_SOCKET_PATH} bytes that the kernel allows; shorten it")
    return path
