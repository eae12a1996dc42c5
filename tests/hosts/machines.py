"""The lab's hosts as the tests see them: commands on them, their disks, what is new on them, and their services."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from polling import wait_for

LAB = Path(__file__).parents[1] / "lab/lab.py"
INOTIFY = Path("/proc/sys/fs/inotify")
# What a host writes by itself, and what asking leaves behind.
RESTLESS = ("var/cache", "var/log", "var/tmp", "var/lib/systemd", "home/ops/.ansible")


class Machines:
    """Hosts of a lab of its own in `folder`, which is also the folder of its inventory."""

    def __init__(self, folder: Path, hosts: Mapping[str, str], name: str, user: str = "root") -> None:
        """`hosts`: by name, ADDRESS:GROUP:RELEASE as the lab has it; `name`: the lab's own; `user`: root, or ops."""
        self.folder = folder
        self.name = name
        self.hosts = dict(hosts)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("LAB_") or key == "LAB_CACHE"},
            "LAB_NAME": name,
            "LAB_DIR": str(folder),
            "LAB_USER": user,
            "LAB_HOSTS": " ".join(f"{host}={rest}" for host, rest in hosts.items()),
        }

    def of_group(self, group: str) -> list[str]:
        """The hosts of a group of the inventory."""
        return [host for host, rest in self.hosts.items() if rest.split(":")[1] == group]

    def command(self, *words: str) -> list[str]:
        """argv of a command of the lab, to be run with `environment`."""
        return [sys.executable, str(LAB), *words]

    def lab(self, *words: str, check: bool = True) -> str:
        """Output of a command of the lab; AssertionError where it fails."""
        # a million files are removed with a host, and a fresh machine builds its images first
        patience = 1_800 if words[:1] in (("up",), ("down",)) else 300
        done = subprocess.run(
            self.command(*words), env=self.environment, check=False, text=True, capture_output=True, timeout=patience
        )
        assert not check or done.returncode == 0, f"lab {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def run(self, host: str, script: str, check: bool = True) -> str:
        """Output of a shell script that root runs on a host."""
        return self.lab("exec", host, script, check=check)

    def on_each(self, hosts: Iterable[str], script: str, check: bool = True) -> dict[str, str]:
        """The same on several hosts at once."""
        hosts = list(hosts)
        with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
            return dict(zip(hosts, pool.map(lambda host: self.run(host, script, check), hosts)))

    def disk(self, host: str, path: str) -> Path:
        """Where a path below /srv of a host is on this machine; the same inodes."""
        return self.folder / "hosts" / host / "disks/srv" / Path(path).relative_to("/srv")

    def written(self, host: str, *below: str) -> dict[str, tuple[object, ...]]:
        """What a host's root file system has that its image has not, by path below /: mode, owner and content."""
        upper = self.folder / "hosts" / host / "up"
        found: dict[str, tuple[object, ...]] = {}
        for top in below:
            for folder, folders, files in os.walk(upper / top):
                here = os.path.relpath(folder, upper)
                folders[:] = [name for name in folders if f"{here}/{name}" not in RESTLESS]
                for name in [*folders, *files]:
                    full = os.path.join(folder, name)
                    found[f"/{here}/{name}"] = _described(full)
        return found

    def holders(self, host: str, text: str) -> dict[str, int]:
        """Files of a host that hold this text, wherever they are, with their modes."""
        found, needle = {}, text.encode()
        for top in (self.folder / "hosts" / host / "up", self.folder / "hosts" / host / "disks"):
            for folder, _, files in os.walk(top):
                for name in files:
                    full = Path(folder, name)
                    if full.is_file() and not full.is_symlink() and needle in full.read_bytes():
                        found["/" + str(full.relative_to(top))] = stat.S_IMODE(full.stat().st_mode)
        return found

    def services(self) -> dict[str, str]:
        """On each host, which process serves since which start; equal only where nothing was started or stopped."""
        ask = "systemctl show -p Id,MainPID,NRestarts,InvocationID,ActiveState,UnitFileState"
        found = self.on_each(self.of_group("nfs"), f"{ask} lockstep.service")
        return {**found, **self.on_each(self.of_group("backup"), f"{ask} rsync.service")}

    def watcher(self, host: str) -> int:
        """The watcher's process, as its host numbers it."""
        return int(self.run(host, "systemctl show --value -p MainPID lockstep.service"))

    def status(self, host: str) -> dict[str, Any]:
        """The watcher's own word; empty while it does not answer."""
        said = self.run(host, "lockstep status --json", check=False)
        return json.loads(said) if said.lstrip().startswith("{") else {}

    def read(self, host: str, url: str) -> str:
        """What a server tells who asks on the host itself; empty while none answers."""
        ask = f"import urllib.request as u; print(u.urlopen('{url}', timeout=10).read().decode())"
        return self.run(host, f'python3 -c "{ask}" 2>/dev/null', check=False)

    def network(self, host: str) -> Path:
        """The host's network namespace, as this machine has it."""
        return Path("/run/netns", f"{self.name}-{host}")

    def wait_live(self, host: str, seconds: float = 60) -> None:
        """Wait until every mirror of the host is live on every target."""
        wait_for(
            lambda: self.status(host).get("state") == "live",
            seconds,
            lambda: f"{host} live: {json.dumps(self.status(host), indent=1)}",
        )

    def kernel_limits(self) -> dict[str, int]:
        """fs.inotify.*, which all hosts share with this machine."""
        return {file.name: int(file.read_text()) for file in sorted(INOTIFY.iterdir())}

    def set_limits(self, host: str) -> dict[str, int]:
        """What the role's file sets at each boot."""
        lines = self.run(host, "cat /etc/sysctl.d/99-zz-lockstep.conf").splitlines()
        pairs = [line.split("=") for line in lines if line.startswith("fs.inotify.")]
        return {name.strip().removeprefix("fs.inotify."): int(value) for name, value in pairs}


def _described(path: str) -> tuple[object, ...]:
    status = os.lstat(path)
    content: object = None
    if stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(status.st_mode):
        content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return status.st_mode, status.st_uid, status.st_gid, content
