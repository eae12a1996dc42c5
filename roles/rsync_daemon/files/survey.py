"""What is on the host of what the role makes, as JSON, in one round trip; see survey().

Runs alone, before anything of the role is on the host. proc(5): /proc/net/tcp, /proc/PID/fd, /proc/PID/cmdline.
"""

from __future__ import annotations

import errno
import glob
import grp
import json
import os
import pwd
import re
import socket
import stat
import subprocess
import sys
from typing import Any, Optional

# systemd.unit(5), UNIT FILE LOAD PATH
_UNITS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")


def survey(order: dict[str, Any]) -> dict[str, Any]:
    """What is there. Raises OSError for a configuration that cannot be read.

    `user` is a name with the group, comment, home and shell it is to have. `folders` are looked for, as is the file of
    `unit` (empty: no unit is needed), and whether it `serves`, now and after each boot; `proxy` is the path of another
    unit, of which the same is told. `files` are the role's, by variable: some are `removable` with it, some `foreign`,
    to be kept. `modules` are directories that are to belong to `owner`, a user and a group (empty: to anybody); each is
    "missing", "right", or neither ("other").
    """
    program = os.path.lexists(order["program"])
    config = read_config(order["config"], order["marker"])
    no_folders(order["files"])
    return {
        "config": config,
        "removable": [*own_files(order, config["ours"]), *own_tools(order["tools"])],
        "foreign": [] if config["ours"] else foreign(order["files"]),
        "program": program,
        "version_text": version_text(order["program"]) if program else "",
        "port_problem": port_problem(order["address"], order["port"], order["config"]),
        "group": _has_group(order["group"]),
        "user": _is_user(*order["user"]),
        "login": _login(order["login"], order["login_mark"]),
        "logrotate": os.path.lexists(order["logrotate"]),
        "firewall": os.path.lexists(order["firewall"]),
        "unit": not order["unit"] or any(os.path.exists(f"{top}/systemd/system/{order['unit']}") for top in _UNITS),
        "serves": bool(order["unit"]) and serves(order["unit"]),
        "proxy": os.path.lexists(order["proxy"]),
        "proxy_serves": os.path.lexists(order["proxy"]) and serves(os.path.basename(order["proxy"])),
        "folders_missing": [folder for folder in order["folders"] if not os.path.lexists(folder)],
        "modules": {path: _state(path, order["owner"]) for path in order["modules"]},
    }


def read_config(path: str, marker: str) -> dict[str, bool]:
    """Whether it `exists`, was written by the role (`ours`), and `says` anything that could be lost."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except FileNotFoundError:
        return {"exists": False, "ours": False, "says": False}
    # one that only holds comments, as some distributions ship, says nothing
    return {"exists": True, "ours": marker in text, "says": bool(re.search(r"^\s*[^#\s]", text, re.MULTILINE))}


def no_folders(files: dict[str, str]) -> None:
    """Raises OSError for a folder where a file is to be."""
    for name, path in files.items():
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}; correct {name}", path)


def own_files(order: dict[str, Any], ours: bool) -> list[str]:
    """Files that go with the role: what its own configuration names, and a pid file that holds a number."""
    named: list[str] = []
    if ours:
        with open(order["config"], encoding="utf-8", errors="replace") as stream:
            named = re.findall(r"^(?:secrets|lock|log) file = (.*)$", stream.read(), re.MULTILINE)
    files = order["files"]
    found = [path for path in files.values() if path in named and _is_file(path)]
    return found + [path for name, path in files.items() if name == "rsync_daemon_pid_file" and _holds_number(path)]


def own_tools(folder: str) -> list[str]:
    """The folder of tools, or only what the role has in it, where it holds more."""
    try:
        there = set(os.listdir(folder))
    except OSError:
        return []
    mine = there & {"rsyncd_check", "firewall.py"}
    return [folder] if mine and mine == there else [f"{folder}/{name}" for name in sorted(mine)]


def foreign(files: dict[str, str]) -> list[str]:
    """What another's daemon has where the role's has its configuration and secrets."""
    ends = ("_config", "_secrets_file")
    return [path for name, path in files.items() if name.endswith(ends) and os.path.isfile(path)]


def _is_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _holds_number(path: str) -> bool:
    if not _is_file(path):
        return False
    with open(path, "rb") as stream:
        return re.fullmatch(rb"[0-9]{1,10}\s*", stream.read(64)) is not None


def version_text(program: str) -> str:
    """What the program says to --version, or why it does not run."""
    try:
        done = subprocess.run([program, "--version"], check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        return error.strerror or str(error)
    return (done.stdout or done.stderr).decode("utf-8", "backslashreplace")


def serves(unit: str) -> bool:
    """Whether systemd runs this unit now and after each boot; systemctl(1)."""
    try:
        return [_systemctl(question, unit) for question in ("is-active", "is-enabled")] == ["active", "enabled"]
    except FileNotFoundError:
        return False


def _systemctl(question: str, unit: str) -> str:
    done = subprocess.run(["systemctl", question, unit], check=False, stdin=subprocess.DEVNULL, capture_output=True)
    return done.stdout.decode("ascii", "replace").strip()


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _is_user(name: str, group: str, comment: str, home: str, shell: str) -> bool:
    """Whether it is there, and as wanted where its comment says that the role made it: another's is used as it is."""
    try:
        found = pwd.getpwnam(name)
        if found.pw_gecos.rstrip(",") != comment:
            return True
        return [grp.getgrgid(found.pw_gid).gr_name, *found[5:]] == [group, home, shell]
    except KeyError:
        return False


def _login(name: str, mark: str) -> dict[str, Any]:
    """The first `group` of the user of this name (empty: there is none), and whether the role `made` it."""
    try:
        found = pwd.getpwnam(name)
        return {"group": grp.getgrgid(found.pw_gid).gr_name, "made": found.pw_gecos.rstrip(",") == mark}
    except KeyError:
        return {"group": "", "made": False}


def _state(path: str, owner: list[str]) -> str:
    try:
        now = os.stat(path)
    except FileNotFoundError:
        return "missing"
    if not stat.S_ISDIR(now.st_mode):
        return "other"
    if not owner:
        return "right"
    try:
        return "right" if [pwd.getpwuid(now.st_uid).pw_name, grp.getgrgid(now.st_gid).gr_name] == owner else "other"
    except KeyError:
        return "other"


def port_problem(address: str, port: int, config: str) -> Optional[str]:
    """Why the daemon of `config` cannot listen, or None; `address` "" is every address of the host."""
    try:
        if not _in_use(address, port):
            return None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{address} is no address of this host; correct rsync_daemon_address"
        return f"nobody can listen at port {port} of {address or 'this host'}: {error.strerror}"
    pids = _owners(port)
    strangers = [pid for pid in pids if not is_daemon_of(_argv(pid), config)]
    if pids and not strangers:
        return None
    who = " and ".join(f"{_name(pid)} (process {pid})" for pid in strangers) or "a process of another user"
    return f"port {port} is taken by {who}; stop that, or set rsync_daemon_port or rsync_daemon_address"


def is_daemon_of(argv: list[str], config: str) -> bool:
    """Whether a command line is that of an rsync daemon which reads `config`."""
    if not argv or os.path.basename(argv[0]) != "rsync" or "--daemon" not in argv:
        return False
    configs = [word.partition("=")[2] for word in argv if word.startswith("--config=")] or ["/etc/rsyncd.conf"]
    return configs[-1] == config


def _in_use(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as the daemon does: connections that just ended do not count
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False


def _owners(port: int) -> list[int]:
    """Processes that listen at the port and can be seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as stream:
                rows = [line.split() for line in stream.readlines()[1:]]
        except OSError:
            continue
        # 0A is LISTEN
        inodes |= {row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port}
    pids = set()
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:[") and target[8:-1] in inodes:
            pids.add(int(link.split("/")[2]))
    return sorted(pids)


def _argv(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return [os.fsdecode(word) for word in stream.read().split(b"\0")[:-1]]
    except OSError:
        return []


def _name(pid: int) -> str:
    # not its command line, which may hold what is not ours to print
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="backslashreplace") as stream:
            return stream.read().strip()
    except OSError:
        return "a process that just ended"


if __name__ == "__main__":
    try:
        json.dump(survey(json.loads(sys.argv[1])), sys.stdout)
    except OSError as failure:
        sys.exit(f"{failure.filename}: {failure.strerror}")
