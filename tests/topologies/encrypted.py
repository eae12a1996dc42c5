"""Two hosts and what is between them: the mirror, the link as a listener sees it, and certificates to be exchanged."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from capture import Capture, capture
from machines import Machines
from playing import Played, Player
from polling import wait_for
from trees import differences

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "backup01": "172.16.1.41:backup:trixie"}
MIRRORS = [{"name": "data", "source": "/srv/data", "path": "/srv/backup/data"}]
ENDS = "systemctl show -p MainPID,NRestarts,InvocationID,ActiveState,UnitFileState lockstep-tls.service"
BEHIND = "172.16.1.41:874"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@dataclass
class Link:
    machines: Machines
    player: Player

    def play(self, playbook: str, *options: str, succeeds: bool = True) -> Played:
        return self.player.play(playbook, *options, succeeds=succeeds)

    def want(self, **variables: object) -> None:
        self.player.write("transport", variables)

    @property
    def source(self) -> Path:
        return self.machines.disk("nfs01", "/srv/data")

    @property
    def copy(self) -> Path:
        return self.machines.disk("backup01", "/srv/backup/data")

    def unequal(self) -> list[str]:
        try:
            return differences(self.source, self.copy)
        except (FileNotFoundError, NotADirectoryError) as error:
            return [f"{error} while being compared"]

    def become_equal(self, seconds: float = 90) -> None:
        wait_for(lambda: not self.unequal(), seconds, lambda: "\n".join(self.unequal()[:20]))

    def target(self) -> dict[str, object]:
        mirrors = self.machines.status("nfs01").get("mirrors") or [{"targets": [{}]}]
        return mirrors[0]["targets"][0]  # type: ignore[no-any-return]

    def says(self, *words: str) -> None:
        """Wait until the watcher tells that the target is down, in these words."""
        wait_for(
            lambda: (
                (found := self.target()).get("state") == "down" and all(word in str(found["reason"]) for word in words)
            ),
            60,
            lambda: f"{words} in {self.target()}",
            every=0.2,
        )

    @contextmanager
    def listening(self) -> Iterator[Capture]:
        file = self.machines.folder / "link.pcap"
        with capture(self.machines.network("nfs01"), file) as captured:
            yield captured
        file.unlink()

    def shows(self, captured: Capture, name: str) -> bool:
        """Whether a listener saw what is in a file of this name that went across."""
        marker = f"{name}:{os.urandom(24).hex()}"
        (self.source / name).write_text(f"{marker}\n")
        wait_for((self.copy / name).exists, 30, f"{name} on the copy")
        self.machines.wait_live("nfs01")
        assert (self.copy / name).read_text() == f"{marker}\n"
        assert captured.packets("host 172.16.1.41") > 0
        return captured.holds(marker.encode())

    def replace(self, host: str, file: str, text: str) -> None:
        """A file of a host's tunnel, with the owners and mode that it has."""
        self.machines.run(host, f"cat >/etc/lockstep-tls/{file} <<'END'\n{text}END\n")

    def make_foreign(self, host: str) -> None:
        """Another authority's certificate and key in the place of a host's, and the tunnel made anew."""
        folder = self.machines.folder / f"foreign-{host}"
        folder.mkdir()
        command = ["openssl", "req", "-x509", *NEW_KEY, "-days", "9", "-subj", f"/CN={host}"]
        command += ["-addext", f"subjectAltName=DNS:{host}", "-keyout", "host.key", "-out", "host.pem"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
        for file in ("host.key", "host.pem"):
            self.replace(host, file, (folder / file).read_text())
        self.machines.run(host, "systemctl restart lockstep-tls")
