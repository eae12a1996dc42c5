"""File systems mounted below a source: one that is missing looks like a directory of which everything was deleted."""

from __future__ import annotations

from lockstep.source.identity import parse_mountinfo


def nested_mounts(source: bytes) -> list[bytes]:
    """Mount points strictly below the source, relative to it, sorted.  Raises OSError when /proc cannot be read."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = parse_mountinfo(file.read())
    prefix = source.rstrip(b"/") + b"/"
    return sorted({mount.mountpoint[len(prefix) :] for mount in mounts.values() if mount.mountpoint.startswith(prefix)})
