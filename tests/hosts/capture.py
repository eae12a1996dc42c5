"""What goes over a lab host's link, as somebody sees it who listens there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polling import wait_for


class Capture:
    """The bytes of all packets so far; to be asked after what was to come has come."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def holds(self, text: bytes) -> bool:
        """Did this go over the link in the clear? It must not be longer than what a packet surely holds together."""
        return text in self._file.read_bytes()

    def packets(self, wanted: str) -> int:
        """How many packets there are of this filter, as tcpdump takes it."""
        done = subprocess.run(
            ["tcpdump", "-nn", "-r", str(self._file), wanted], check=True, capture_output=True, text=True, timeout=60
        )
        return len(done.stdout.splitlines())


@contextmanager
def capture(network: Path, file: Path) -> Iterator[Capture]:
    """Listen in a host's network namespace, at its link, while this is open."""
    program = ["tcpdump", "-i", "eth0", "-s", "0", "-U", "--immediate-mode", "-Z", "root", "-w", str(file), "tcp"]
    with subprocess.Popen(["nsenter", f"--net={network}", *program], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        said = b""

        def listens() -> bool:
            nonlocal said
            said += process.stderr.read() or b""  # type: ignore[union-attr]
            assert process.poll() is None, said.decode()
            return b"listening on" in said

        try:
            wait_for(listens, 20, lambda: f"tcpdump listens: {said!r}")
            yield Capture(file)
        finally:
            process.terminate()
            process.wait(20)
