"""A mount namespace in which file systems come and go without anybody else seeing it; root is not needed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from rig import wait_for


class Namespace:
    """`run()` a command inside; `view()` is how a path inside is seen from outside."""

    def __init__(self) -> None:
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *user, "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        keep = ["--user", "--preserve-credentials"] if user else []
        self.enter = ["nsenter", f"--target={self._holder.pid}", "--mount", *keep]

    def run(self, *command: str) -> None:
        done = subprocess.run([*self.enter, *command], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def view(self, path: Path) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{path}")

    def tmpfs(self, path: Path) -> None:
        self.run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(path))

    def bind(self, there: Path, path: Path) -> None:
        self.run("mount", "--bind", str(there), str(path))

    def umount(self, path: Path) -> None:
        """A comparison stands in it for a moment; a process that waits must not, or it would be busy for longer."""

        def done() -> bool:
            command = [*self.enter, "umount", str(path)]
            return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

        wait_for(done, 10, f"umount {path}: it is busy")

    def close(self) -> None:
        assert self._holder.stdout is not None
        self._holder.stdout.close()
        self._holder.kill()
        self._holder.wait(10)
