"""A client's mount as the tests hold it: a process of its own in the hosts' network, whose files stay open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from machines import Machines

CLIENT = Path(__file__).with_name("client.py")


class Mount:
    """`at` is when the server had answered the last call (seconds, monotonic)."""

    def __init__(self, machines: Machines, address: str, export: str, version: int) -> None:
        self.version = version
        self.at = 0.0
        self._process = subprocess.Popen(
            machines.command("run", sys.executable, str(CLIENT), address, export, str(version)),
            env=machines.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def open(self, path: str, create: bool = False) -> int:
        return int(self.call("open", path, create))

    def write(self, handle: int, offset: int, data: bytes) -> None:
        self.call("write", handle, offset, os.fsdecode(data))

    def close(self, handle: int) -> None:
        """Version 3 has no call for it: the server is told nothing."""
        self.call("close", handle)

    def put(self, path: str, data: bytes = b"") -> int:
        """A new file, written if there is something to write, and left open."""
        handle = self.open(path, create=True)
        if data:
            self.write(handle, 0, data)
        return handle

    def call(self, name: str, *arguments: str | int) -> Any:
        """Any call that the client knows; OSError where the server refuses it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """The client is gone without a word, as one that has crashed; what it had open is the server's to close."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the client of version {self.version} ended: {self._process.communicate()[1]}")
        answer = json.loads(line)
        if "errno" in answer:
            raise OSError(answer["errno"], answer["error"])
        self.at = float(answer["at"])
        return answer.get("gave")
