"""The lab's network: a bridge in a namespace of its own, a cable and an address for each host."""

from pathlib import Path

from settings import CTL, GATE
from system import out, sh


def netns(ns):
    if not Path("/run/netns", ns).exists():
        sh("ip", "netns", "add", ns)
    sh("ip", "-n", ns, "link", "set", "lo", "up")


def network():
    netns(CTL)
    if "br0" not in out("ip", "-n", CTL, "-br", "link"):
        sh("ip", "-n", CTL, "link", "add", "br0", "type", "bridge")
        sh("ip", "-n", CTL, "addr", "add", f"{GATE}/24", "dev", "br0")
        sh("ip", "-n", CTL, "link", "set", "br0", "up")
        # the hosts have a default route, as hosts have, and it ends here: nothing leaves the lab
        sh("ip", "-n", CTL, "route", "add", "unreachable", "default")
        inside(CTL, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def plug(host):
    netns(host.netns)
    sh("ip", "-n", CTL, "link", "del", host.veth, check=False, quiet=True)
    mac = "02:00:" + host.address.packed.hex(":")  # the same at every boot, or the others' ARP caches mislead them
    sh(
        "ip",
        "link",
        "add",
        host.veth,
        "netns",
        CTL,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "address",
        mac,
        "netns",
        host.netns,
    )
    sh("ip", "-n", CTL, "link", "set", host.veth, "master", "br0", "up")
    sh("ip", "-n", host.netns, "addr", "add", f"{host.address}/24", "dev", "eth0")
    sh("ip", "-n", host.netns, "link", "set", "eth0", "up")
    sh("ip", "-n", host.netns, "route", "add", "default", "via", GATE)


def inside(ns, *cmd, **kw):
    return sh("nsenter", f"--net=/run/netns/{ns}", *cmd, **kw)
