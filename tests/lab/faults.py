"""What can be wrong with a host's cable: pulled, lossy, narrow, slow; and right again."""

import sys
import time

from network import inside
from relay import READY
from settings import CTL, DIR, LAB, NAME
from system import kill_cgroup, sh, spawn


def cut(host):
    sh("ip", "-n", CTL, "link", "set", host.veth, "down")


def heal(host):
    kill_cgroup(f"{NAME}/delay-{host.name}")
    sh("ip", "-n", CTL, "link", "del", f"d-{host.name}"[:15], check=False, quiet=True)
    inside(CTL, "tc", "qdisc", "del", "dev", host.veth, "root", check=False, quiet=True)
    inside(host.netns, "tc", "qdisc", "del", "dev", "eth0", "root", check=False, quiet=True)
    inside(CTL, "nft", "delete", "table", "netdev", f"loss_{host.name}", check=False, quiet=True)
    sh("ip", "-n", CTL, "link", "set", host.veth, "master", "br0", "up")


def loss(host, percent):
    rule = f"numgen random mod 1000 < {round(float(percent) * 10)} drop"
    table = f"loss_{host.name}"
    inside(CTL, "nft", "delete", "table", "netdev", table, check=False, quiet=True)
    inside(
        CTL,
        "nft",
        "-f",
        "-",
        text=True,
        input=f"""
add table netdev {table}
add chain netdev {table} from {{ type filter hook ingress device "{host.veth}" priority 0; }}
add chain netdev {table} to {{ type filter hook egress device "{host.veth}" priority 0; }}
add rule netdev {table} from {rule}
add rule netdev {table} to {rule}
""",
    )


def rate(host, value):
    for ns, dev in ((CTL, host.veth), (host.netns, "eth0")):
        inside(
            ns, "tc", "qdisc", "replace", "dev", dev, "root", "tbf", "rate", value, "burst", "64kb", "latency", "500ms"
        )


def delay(host, ms):
    """A relay in user space between the host's cable and the bridge, as many kernels have no netem."""
    float(ms)
    heal(host)
    d, e = f"d-{host.name}"[:15], f"e-{host.name}"[:15]
    sh("ip", "-n", CTL, "link", "add", d, "type", "veth", "peer", "name", e)
    sh("ip", "-n", CTL, "link", "set", host.veth, "nomaster", "up")
    sh("ip", "-n", CTL, "link", "set", e, "master", "br0", "up")
    sh("ip", "-n", CTL, "link", "set", d, "up")
    log = DIR / "hosts" / host.name / "delay.log"
    log.unlink(missing_ok=True)
    spawn(
        f"{NAME}/delay-{host.name}",
        log,
        "nsenter",
        f"--net=/run/netns/{CTL}",
        sys.executable,
        LAB,
        "_relay",
        host.veth,
        d,
        ms,
    )
    deadline = time.monotonic() + 10
    while READY not in log.read_text():
        if time.monotonic() > deadline:
            sys.exit(f"lab: the relay of {host.name} did not start, see {log}")
        time.sleep(0.02)
