"""What is on the host of what the role makes, as JSON, in one round trip; see survey().

Runs alone, before anything of the role is on the host. proc(5): /proc/net/tcp, /proc/PID/fd, /proc/PID/cmdline,
/proc/PID/stat.
"""

from __future__ import annotations

import errno
import glob
import grp
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import subprocess
import sys
import time
from typing import Any, Optional

# systemd.unit(5), UNIT FILE LOAD PATH
_UNITS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")


def survey(order: dict[str, Any]) -> dict[str, Any]:
    """What is there. Raises OSError for a configuration that cannot be read.

    `user` is a name with the group, comment, home and shell it is to have. `folders` are looked for, as is the file of
    `unit` (empty: no unit is needed), whether it `serves`, now and after each boot, and whether it is `outdated`, for
    its `settings`, a file, are newer than what runs; `proxy` is the path of another unit, of which the same is told.
    `files` are the role's, by variable; some are `foreign`, to be kept. `modules` are directories that are to belong to
    `owner`, user and group, or empty; each is "missing", "right" or "other". `trial`, in Python, tells of `program`.
    """
    unit, proxy = Unit(order["unit"], order["settings"]), Unit(os.path.basename(order["proxy"]), order["proxy"])
    program, has_proxy, has_firewall = (os.path.lexists(order[name]) for name in ("program", "proxy", "firewall"))
    config = read_config(order["config"], order["marker"])
    kept = () if config["ours"] else ("rsync_daemon_config", "rsync_daemon_secrets_file")
    no_folders(order["files"])
    return {
        "config": config,
        "foreign": [path for name, path in order["files"].items() if name in kept and os.path.isfile(path)],
        "program": program,
        "version_text": version_text(order["program"]) if program else "",
        "trial": _said_by(sys.executable, "-B", "-c", order["trial"], order["program"]) if program else [],
        "port_problem": port_problem(order["address"], int(order["port"]), order["config"], unit),
        "group": _has_group(order["group"]),
        "user": _is_user(*order["user"]),
        "login": _login(order["login"], order["login_mark"]),
        "logrotate": os.path.lexists(order["logrotate"]),
        "firewall": has_firewall,
        "firewall_outdated": has_firewall and Unit("nftables.service", "").outdated(),
        "unit": not order["unit"] or any(os.path.exists(f"{top}/systemd/system/{order['unit']}") for top in _UNITS),
        "serves": unit.serves(),
        "outdated": unit.outdated(),
        "proxy": has_proxy,
        "proxy_serves": has_proxy and proxy.serves(),
        "proxy_outdated": has_proxy and proxy.outdated(),
        "folders_missing": [folder for folder in order["folders"] if not os.path.lexists(folder)],
        "modules": {path: _state(path, order["owner"]) for path in order["modules"]},
    }


def read_config(path: str, marker: str) -> dict[str, Any]:
    """Whether it `exists`, was written by the role (`ours`) with which `secrets`, and `says` what could be lost."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except FileNotFoundError:
        return {"exists": False, "ours": False, "secrets": [], "says": False}
    text = content.decode("utf-8", "replace")
    # one that only holds comments, or is the package's still, as some distributions ship, says nothing
    says = re.search(r"^\s*[^#\s]", text, re.MULTILINE) is not None and not _is_packaged(path, content)
    named = re.findall(r"^secrets file = (.*)$", text, re.MULTILINE) if marker in text else []
    secrets = [file for file in named if os.path.isfile(file) and not os.path.islink(file)]
    return {"exists": True, "ours": marker in text, "secrets": secrets, "says": says}


def _is_packaged(path: str, content: bytes) -> bool:
    """Whether this is what an rpm package has put there; rpm(8), --queryformat."""
    lines = _said_by("rpm", "-qf", "--queryformat", r"[%{FILENAMES}\t%{FILEDIGESTS}\n]", path)
    return f"{path}\t{hashlib.sha256(content).hexdigest()}" in lines


def _said_by(*argv: str) -> list[str]:
    """The lines that a program prints; none where there is no such program."""
    try:
        done = subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except FileNotFoundError:
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()


def no_folders(files: dict[str, str]) -> None:
    """Raises OSError for a folder where a file is to be."""
    for name, path in files.items():
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, f"{os.strerror(errno.EISDIR)}; correct {name}", path)


def version_text(program: str) -> str:
    """What the program says to --version, or why it does not run."""
    try:
        done = subprocess.run([program, "--version"], check=False, stdin=subprocess.DEVNULL, capture_output=True)
    except OSError as error:
        return error.strerror or str(error)
    return (done.stdout or done.stderr).decode("utf-8", "backslashreplace")


class Unit:
    """What systemd says of a unit (empty: of none), asked when it is needed; systemctl(1)."""

    def __init__(self, name: str, settings: str) -> None:
        self.name, self._settings = name, settings
        self._said: Optional[dict[str, str]] = None

    def serves(self) -> bool:
        """Whether it runs now and after each boot."""
        return (self._ask("ActiveState"), self._ask("UnitFileState")) == ("active", "enabled")

    def main_pid(self) -> int:
        """Its process, or 0."""
        return int(self._ask("MainPID") or 0)

    def outdated(self) -> bool:
        """Whether systemd has not read its files as they are, or it runs since before the settings were written."""
        if self._ask("NeedDaemonReload") == "yes":
            return True
        try:
            written = os.stat(self._settings).st_mtime
            # one of a time to come would be newer than anything that was started
            return self.main_pid() > 0 and _started(self.main_pid()) < written <= time.time()
        except OSError:
            return False

    def _ask(self, name: str) -> str:
        if self._said is None:
            properties = "--property=ActiveState,UnitFileState,MainPID,NeedDaemonReload"
            lines = _said_by("systemctl", "show", properties, self.name) if self.name else []
            self._said = {key: value for key, _sign, value in (line.partition("=") for line in lines)}
        return self._said.get(name, "")


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat from the third on: the second may hold anything."""
    with open(f"/proc/{pid}/stat", "rb") as stream:
        return stream.read().rpartition(b")")[2].split()


def _started(pid: int) -> float:
    # by the time since boot, as the clock may have been set since
    ticks = int(_stat(pid)[19])
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))


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


def port_problem(address: str, port: int, config: str, unit: Unit) -> Optional[str]:
    """Why the daemon of `config` cannot listen, or None; `address` "" is every address of the host.

    With a unit, only that one's process is the daemon: it could not listen beside another of the same configuration.
    """
    try:
        if not _in_use(address, port):
            return None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{address} is no address of this host; correct rsync_daemon_address"
        return f"nobody can listen at port {port} of {address or 'this host'}: {error.strerror}"
    pids = _owners(port)
    strangers = [pid for pid in pids if not (_is_of(pid, unit) if unit.name else is_daemon_of(_argv(pid), config))]
    if pids and not strangers:
        return None
    who = " and ".join(f"{_name(pid)} (process {pid})" for pid in strangers) or "a process of another user"
    how = (
        f", which {unit.name} did not start" if "--daemon" in [word for pid in strangers for word in _argv(pid)] else ""
    )
    return (
        f"port {port} is taken by {who}{how if unit.name else ''}; stop that, and what starts it at boot, or set"
        " rsync_daemon_port or rsync_daemon_address"
    )


def _is_of(pid: int, unit: Unit) -> bool:
    """Whether a process is the unit's; one that serves a connection holds the port for a moment."""
    try:
        return unit.main_pid() > 0 and unit.main_pid() in (pid, int(_stat(pid)[1]))
    except OSError:
        return True  # it has just ended


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
