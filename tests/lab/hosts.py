"""All hosts: up, down, reboot, power off and on, where they are and what runs."""

import contextlib
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

import limits
from boot import boot, wait
from image import image
from network import inside, network, plug
from settings import CTL, DIR, GATE, HOSTS, LAB, NAME, USER
from system import alive, kill_cgroup, need, out, say, sh, spawn, started


@contextlib.contextmanager
def lock():
    """One command at a time changes the lab; a killed one lets go by ending."""
    DIR.mkdir(parents=True, exist_ok=True)
    with open(DIR / "lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@lock()
def up(hosts):
    began = time.time()
    need()
    bases = {h.name: image(h.release) for h in hosts}
    new = [h for h in hosts if not h.pid()]
    if new:
        limits.keep()
        remove(new)
        network()
        if not alive(DIR / "proxy.pid"):
            kill_cgroup(f"{NAME}/proxy")
            pid = spawn(f"{NAME}/proxy", DIR / "proxy.log", sys.executable, LAB, "_proxy")
            (DIR / "proxy.pid").write_text(f"{pid} {started(pid)}\n")
        for host in new:
            host.dir.mkdir(parents=True, exist_ok=True)
            plug(host)
            boot(host, bases[host.name])
    inventory()
    states = {h.name: wait(h, time.time()) for h in hosts}
    say(", ".join(f"{n} {s}" for n, s in states.items()), f"in {time.time() - began:.1f} s")


def hang_up():
    """End the connections that Ansible keeps open: they would lead to hosts that are no more."""
    for control in (DIR / "cp").glob("*"):
        sh("ssh", "-o", f"ControlPath={control}", "-O", "exit", "lab", check=False, quiet=True)
        control.unlink(missing_ok=True)


def remove(hosts):
    hang_up()
    kill_cgroup(*(f"{NAME}/delay-{h.name}" for h in hosts), *(h.cgroup for h in hosts))
    for host in hosts:
        sh("ip", "-n", CTL, "link", "del", host.veth, check=False, quiet=True)
        sh("ip", "-n", CTL, "link", "del", f"d-{host.name}"[:15], check=False, quiet=True)
        inside(CTL, "nft", "delete", "table", "netdev", f"loss_{host.name}", check=False, quiet=True)
        if Path("/run/netns", host.netns).exists():
            sh("ip", "netns", "del", host.netns)
        shutil.rmtree(host.dir, ignore_errors=True)


@lock()
def down(hosts):
    began = time.time()
    remove(hosts)
    if not any(h.pid() for h in HOSTS.values()):
        kill_cgroup(NAME)
        (DIR / "proxy.pid").unlink(missing_ok=True)
        if Path("/run/netns", CTL).exists():
            sh("ip", "netns", "del", CTL)
        limits.give_back()
    say(f"down in {time.time() - began:.1f} s")


def inventory():
    ssh, groups = DIR / "ssh", {}
    for host in HOSTS.values():
        groups.setdefault(host.group, []).append(f"{host.name} ansible_host={host.address}\n")
    text = "".join(f"[{g}]\n{''.join(lines)}\n" for g, lines in groups.items())
    text += f"""[all:vars]
ansible_user={USER}
ansible_ssh_private_key_file={ssh}/id_ed25519
ansible_ssh_common_args=-o UserKnownHostsFile={ssh}/known_hosts -o GlobalKnownHostsFile=/dev/null
ansible_control_path_dir={DIR}/cp
ansible_python_interpreter=/usr/bin/python3
ansible_pipelining=true
"""
    file = DIR / "inventory.ini"
    file.write_text(text)
    return file


def execute(host, cmd):
    leader = host.leader() or sys.exit(f"lab: {host.name} is not up")
    if len(cmd) == 1:
        cmd = ["sh", "-c", cmd[0]]
    argv = [
        "nsenter",
        "-t",
        str(leader),
        "-a",
        "systemd-run",
        "--quiet",
        "--pipe",
        "--wait",
        "--collect",
        "--working-directory=/root",
        "--setenv=HOME=/root",
        "--",
        *cmd,
    ]
    os.execvp(argv[0], argv)


def reboot(host):
    leader = host.leader() or sys.exit(f"lab: {host.name} is not up")
    sh("nsenter", "-t", leader, "-a", "systemctl", "reboot", check=False)
    began = time.time()
    while host.leader() == leader and time.time() - began < 180:
        time.sleep(0.05)
    say(f"{host.name} {wait(host, time.time())} after {time.time() - began:.1f} s")


def off(host):
    host.leader() or sys.exit(f"lab: {host.name} is not up")
    kill_cgroup(host.cgroup)


def on(host):
    if not host.pid():
        (host.dir / "up").is_dir() or sys.exit(f"lab: {host.name} has no disk, use up")
        boot(host, image(host.release))
    say(host.name, wait(host, time.time()))


def status():
    for h in HOSTS.values():
        leader = h.leader()
        state = out("nsenter", "-t", leader, "-a", "systemctl", "is-system-running") if leader else "down"
        print(f"{h.name:12} {h.address!s:15} {h.release:10} {state:10} pid={h.pid() or '-'} init={leader or '-'}")
    print(f"{'proxy':12} {GATE!s:15} {'':10} {'running' if alive(DIR / 'proxy.pid') else 'down'}")
