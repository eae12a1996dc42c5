"""The watcher: keeps directories on backup hosts in lockstep with directories on this host."""

from __future__ import annotations

__version__ = "0.1.0"
