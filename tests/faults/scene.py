"""The lab of the fault suite: its hosts, its mirrors, and where each tree is."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machines import Machines
from polling import wait_for
from trees import differences

HOSTS = {
    "nfs01": "172.16.1.31:nfs:bookworm",
    "backup01": "172.16.1.41:backup:trixie",
    "backup02": "172.16.1.42:backup:bookworm",
}
SOURCE_HOST = "nfs01"
SOCKET = "/run/lockstep/status.sock"


@dataclass(frozen=True)
class Copy:
    """One target of one mirror: where it is, and what the watcher calls it."""

    mirror: str
    source: str
    host: str
    path: str

    @property
    def target(self) -> str:
        """The target's name in the status and in the log."""
        return f"{HOSTS[self.host].split(':')[0]}/{self.mirror}"


# What befalls backup01 concerns `data` there and nothing else: `data` on backup02 and `home` go on and show it.
# `small` has little in it, so that a test can put a disk of its own below its module.
DATA = Copy("data", "/srv/data", "backup01", "/srv/backup/data")
DATA_02 = Copy("data", "/srv/data", "backup02", "/srv/backup/data")
HOME = Copy("home", "/srv/home", "backup02", "/srv/backup/home")
SMALL = Copy("small", "/srv/small", "backup01", "/srv/disk/small")
COPIES = (DATA, DATA_02, HOME, SMALL)
SOURCES = {copy.mirror: copy.source for copy in COPIES}


def mirrors() -> list[dict[str, object]]:
    """`lockstep_mirrors` for these copies."""
    found: dict[str, dict[str, Any]] = {}
    for copy in COPIES:
        entry = {"name": copy.mirror, "source": copy.source, "path": copy.path, "hosts": [SOURCE_HOST], "targets": []}
        found.setdefault(copy.mirror, entry)["targets"].append(copy.host)
    return list(found.values())


# What rsync leaves on a target where it is ended, or the disk is full: `.NAME.` and letters or a number.
TEMPORARY = re.compile(r"only in .*: b['\"](.*/)?\..+\.[A-Za-z0-9]{3,6}['\"]$")


def half_written(lines: list[str]) -> list[str]:
    """Those of the differences that are rsync's temporary files on a target; the next reconcile takes them away."""
    return [line for line in lines if TEMPORARY.match(line)]


@dataclass
class Scene:
    """The hosts, and the trees that are to be equal."""

    machines: Machines
    _leaders: dict[str, tuple[int, str]] = field(default_factory=dict)

    def run(self, host: str, script: str, check: bool = True) -> str:
        """Output of a shell script that root runs on a host."""
        return self.machines.run(host, script, check=check)

    def lab(self, *words: str) -> str:
        """Output of a command of the lab: cut, heal, loss, rate, off, on, reboot, and so on."""
        return self.machines.lab(*words)

    def network(self, host: str, *command: str, text: str = "") -> None:
        """Run a command of this machine on the network of a host, with this as its input."""
        netns = f"/run/netns/{self.machines.name}-{host}"
        subprocess.run(["nsenter", f"--net={netns}", *command], check=True, input=text, text=True, timeout=60)

    def tree(self, host: str, path: str) -> Path:
        """A directory of a host that is up, as the host itself sees it, with what is mounted there."""
        return Path(f"/proc/{self.leader(host)}/root{path}")

    def leader(self, host: str) -> int:
        """The host's PID 1, as this machine numbers it; looked for anew when the host was started anew."""
        known = self._leaders.get(host)
        if known is not None and known[1] and _started(known[0]) == known[1]:
            return known[0]
        lines = [line.split() for line in self.lab("status").splitlines()]
        found = next(line[-1].partition("=")[2] for line in lines if line[0] == host)
        assert found != "-", f"{host} is not up"
        self._leaders[host] = (int(found), _started(int(found)))
        return int(found)

    def source(self, mirror: str) -> Path:
        return self.tree(SOURCE_HOST, SOURCES[mirror])

    def unequal(self, copies: tuple[Copy, ...] = COPIES) -> list[str]:
        """What differs between the sources and these copies, owners included."""
        found = []
        for copy in copies:
            try:
                found += differences(
                    self.source(copy.mirror), self.tree(copy.host, copy.path), owners=True, fake_super=True
                )
            except (FileNotFoundError, NotADirectoryError) as error:
                found.append(f"{error} while being compared")  # it moved under our eyes
        return found

    def become_equal(
        self,
        seconds: float = 150,
        copies: tuple[Copy, ...] = COPIES,
        but_half_written: bool = False,
        let_go: bool = False,
    ) -> list[str]:
        """All these trees become equal, whatever the watcher says of itself.

        `but_half_written`: what rsync left half-written may be there yet; which files these are.  `let_go`: a mass
        deletion that is held is released, as somebody would who looks at it.
        """
        found: list[str] = []

        def is_so() -> bool:
            if let_go:
                self.release()
            found[:] = self.unequal(copies)
            return not found or (but_half_written and half_written(found) == found)

        wait_for(
            is_so,
            seconds,
            lambda: "equal trees, but\n" + "\n".join([*found[:20], json.dumps(self.status(), indent=1)]),
            every=0.2,
        )
        return found

    # ------------------------------------------------------------------ the watcher's own word

    def status(self) -> dict[str, Any]:
        """What `lockstep status --json` prints, asked for at its socket: a poll must not take the processors from what
        it waits for.  Empty while nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(10)
                link.connect(str(self.tree(SOURCE_HOST, SOCKET)))
                link.sendall(b'{"command": "status"}\n')
                with link.makefile("rb") as file:
                    return dict(json.loads(file.readline())["status"])
        except (OSError, ValueError, KeyError, AssertionError):
            return {}

    def both(self, copy: Copy) -> list[dict[str, Any]]:
        """The target as `lockstep status --json` and as /status.json tell it; fewer while one does not answer."""
        ask = (
            "lockstep status --json; echo; echo =; "
            "python3 -c 'import urllib.request as r; "
            'print(r.urlopen("http://127.0.0.1:8008/status.json", timeout=5).read().decode())\' 2>&1'
        )
        found = []
        for said in self.run(SOURCE_HOST, ask, check=False).split("\n=\n"):
            if said.lstrip().startswith("{"):
                found.append(_target(json.loads(said), copy))
        return found

    def release(self) -> None:
        """Let go all deletions that are held."""
        for mirror in self.status().get("mirrors", ()):
            if any(target["held"] for target in mirror["targets"]):
                self.run(SOURCE_HOST, f"lockstep release {mirror['name']}")

    def target(self, copy: Copy) -> dict[str, Any]:
        """The target's part of the status; empty while the watcher does not answer."""
        status = self.status()
        return _target(status, copy) if status else {}

    def wait_in_step(self, seconds: float = 90) -> None:  # what has no watch is looked at again after a minute
        """Until the watcher says of every target that nothing is outstanding."""

        def is_so() -> bool:
            status = self.status()
            return bool(status) and all(
                target["state"] == "live" and not (target["lag"] or target["pending"] or target["in_flight"])
                for mirror in status["mirrors"]
                for target in mirror["targets"]
            )

        wait_for(is_so, seconds, lambda: f"all in step, but: {json.dumps(self.status(), indent=1)}", every=0.1)

    def left_over(self) -> list[str]:
        """rsync processes on the NFS host that are no child of the running watcher, a line each."""
        watcher = self.machines.watcher(SOURCE_HOST)
        lines = self.run(SOURCE_HOST, "ps -eo pid=,ppid=,unit=,etimes=,args=").splitlines()
        rsync = [line for line in lines if line.split()[4].endswith("rsync")]
        return [line for line in rsync if int(line.split()[1]) != watcher or line.split()[2] != "lockstep.service"]


def _started(pid: int) -> str:
    """When a process began, in clock ticks: tells it from a later one of its number; empty when it has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state[0] in "ZX" else state[19]


def _target(status: dict[str, Any], copy: Copy) -> dict[str, Any]:
    mirror = next((mirror for mirror in status["mirrors"] if mirror["name"] == copy.mirror), None)
    targets = mirror["targets"] if mirror else []
    return next((target for target in targets if target["name"] == copy.target), {})
