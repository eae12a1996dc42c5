"""The backup host behind a firewall, and who gets through to its daemon."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from machines import Machines
from playing import Played, Player

# What comes from `other01` may not come in: it has no mirror.
HOSTS = {
    "nfs01": "172.16.1.31:nfs:bookworm",
    "other01": "172.16.1.39:others:bookworm",
    "backup01": "172.16.1.41:backup:bookworm",
}
MIRROR = {"name": "data", "source": "/srv/data", "path": "/srv/backup/data"}
RECORD = "/etc/lockstep-rsyncd-firewall.json"
KNOCK = "timeout 2 bash -c '</dev/tcp/172.16.1.41/873'"


@dataclass
class Walled:
    machines: Machines
    player: Player

    ROLE: ClassVar = """\
- hosts: backup
  gather_facts: false
  roles:
    - role: lockstep.realtime.rsync_daemon
      vars:
        rsync_daemon_modules: >-
          {{ lockstep_mirrors | lockstep.realtime.daemon_modules(inventory_hostname, groups, hostvars) }}
"""

    def deploy(self, firewall: str, *options: str, succeeds: bool = True, **more: object) -> Played:
        """Run the daemon's role with this firewall."""
        playbook = self.machines.folder / "daemon.yml"
        playbook.write_text(self.ROLE)
        values = json.dumps({"rsync_daemon_firewall": firewall, **more})
        return self.player.play(str(playbook), "-e", values, *options, succeeds=succeeds)

    def run(self, script: str, check: bool = True) -> str:
        return self.machines.run("backup01", script, check=check)

    def reached_from(self) -> set[str]:
        """The hosts from which a connection to the daemon is taken."""
        script = f"{KNOCK} && echo taken"
        said = self.machines.on_each(["nfs01", "other01"], script, check=False)
        return {host for host, words in said.items() if "taken" in words}
