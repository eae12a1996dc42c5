"""What is exported, and its copy on the backup host, seen from this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import ClassVar

from machines import Machines
from mount import Mount
from polling import wait_for
from trees import describe, differences

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "backup01": "172.16.1.41:backup:bookworm"}
ADDRESS = "172.16.1.31"


class Export:
    """The mirror has the defaults but for `.nfs*`, the names that clients give to what is removed while open."""

    MIRROR: ClassVar = {"name": "data", "source": "/srv/data", "path": "/srv/backup/data", "exclude": [".nfs*"]}

    def __init__(self, machines: Machines) -> None:
        self.machines = machines
        self.top = f"/{os.getpid()}"  # of this run: where the hosts are kept, others were here before
        self.source = machines.disk("nfs01", "/srv/data")
        self.copy = machines.disk("backup01", "/srv/backup/data")

    def mount(self, version: int) -> Mount:
        return Mount(self.machines, ADDRESS, "/srv/data", version)

    def same(self, path: str) -> bool:
        """Is this one there on both sides, and equal?"""
        name = os.fsencode(path.lstrip("/"))
        try:
            return bool(
                describe(os.fsencode(self.source), name, owners=True, xattrs=False)
                == describe(os.fsencode(self.copy), name, owners=True, xattrs=False, fake_super=True)
            )
        except (FileNotFoundError, NotADirectoryError):
            return False

    def gone(self, path: str) -> bool:
        return not os.path.lexists(self.copy / path.lstrip("/"))

    def unequal(self) -> list[str]:
        """What differs between both trees, but for what clients have removed while it was open."""
        kept = {os.fsencode(path.relative_to(self.source)) for path in self.source.rglob(".nfs*")}
        try:
            return differences(self.source, self.copy, owners=True, fake_super=True, leave_out=frozenset(kept))
        except (FileNotFoundError, NotADirectoryError) as error:
            return [f"{error} while being compared"]  # it moved under our eyes

    def become_equal(self, seconds: float = 30) -> None:
        """Both trees become equal, whatever the watcher says of itself."""
        wait_for(lambda: not self.unequal(), seconds, lambda: "equal trees, but\n" + "\n".join(self.unequal()[:20]))

    def settle(self) -> None:
        """The trees are equal, and the watcher has nothing left to do: what comes now comes alone."""
        self.become_equal()
        wait_for(self._idle, 30, "the watcher to have nothing to do")

    def _idle(self) -> bool:
        said = self.machines.status("nfs01")
        targets = [target for mirror in said.get("mirrors", []) for target in mirror["targets"]]
        return bool(targets) and not any(each["pending"] or each["in_flight"] or each["lag"] for each in targets)

    def lag(self, client: Mount, arrived: Callable[[], bool], seconds: float = 30) -> float:
        """Seconds from the server's answer to the client's last call until it has arrived."""
        until = client.at + seconds
        while not arrived():
            now = time.monotonic()
            assert now < until, f"has not arrived within {seconds:g} s:\n" + "\n".join(self.unequal()[:20])
            time.sleep(0.0005)
        return max(time.monotonic() - client.at, 0.0)
