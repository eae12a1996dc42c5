"""What a test does to the rsync daemon of backup01, and takes back."""

from __future__ import annotations

from scene import Scene

HOST = "backup01"
CONFIG = "/etc/rsyncd.conf"
SECRETS = "/etc/rsyncd.secrets.d/data"


def stop(scene: Scene) -> None:
    scene.run(HOST, "systemctl stop rsync")


def start(scene: Scene) -> None:
    scene.run(HOST, "systemctl start rsync")


def edit(scene: Scene, file: str, script: str) -> None:
    """A sed script on one of its files, which is kept as it was beside it; the daemon reads both at each connection."""
    scene.run(HOST, f"cp -a {file} {file}.kept && sed -i '{script}' {file}")


def restore(scene: Scene, file: str) -> None:
    scene.run(HOST, f"[ ! -e {file}.kept ] || mv {file}.kept {file}")


def reject(scene: Scene, how: str) -> None:
    """The host's firewall turns away what comes to the daemon's port, in a way that nftables knows."""
    rules = f"table inet fault {{ chain in {{ type filter hook input priority 0; tcp dport 873 {how}; }}; }}"
    scene.network(HOST, "nft", "-f", "-", text=rules)


def admit(scene: Scene) -> None:
    scene.network(HOST, "nft", "-f", "-", text="table inet fault {}\ndelete table inet fault\n")
