"""How the watcher is doing, told over a unix socket, over HTTP and on the terminal."""

from __future__ import annotations
