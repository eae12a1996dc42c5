"""A real sshd on this machine, on a free port, with a host key of its own and one user's key, restricted by rrsync."""

from __future__ import annotations

import contextlib
import getpass
import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from ports import free_port
from rig import wait_for

SSHD = "/usr/sbin/sshd"


class Sshd:
    """Takes the place of the rsync daemon in a rig: `folder`/backup is the target, whoever runs the test the user."""

    def __init__(self, folder: Path, path: str = "backup", restricted: str = "/usr/bin/rrsync -no-lock") -> None:
        """`restricted`: what the key may run, in the folder; "" for whatever is asked for."""
        self.folder = folder
        self.path = path
        self.port = free_port()
        self.key = folder / "ssh_key"
        self.known_hosts = folder / "ssh_known_hosts"
        self._authorized = folder / "authorized_keys"
        self._config = folder / "sshd_config"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / path).mkdir(exist_ok=True)
        for name in ("ssh_key", "ssh_host_key"):
            make_key(folder / name)
        self._restriction = f'restrict,command="{restricted} {shlex.quote(str(folder))}" ' if restricted else ""
        self._root = "" if restricted else f"{folder}/"
        self.authorize(self.key)
        self.know()
        self._config.write_text(
            f"ListenAddress 127.0.0.1\nListenAddress ::1\nPort {self.port}\nHostKey {folder}/ssh_host_key\n"
            f"AuthorizedKeysFile {self._authorized}\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            # a shell that sshd starts reads ~/.bashrc, which may do anything
            f"MaxStartups 100\nLogLevel ERROR\nSetEnv HOME={folder}\n"
        )

    def authorize(self, *keys: Path) -> None:
        """These keys are let in from now on."""
        lines = [self._restriction + key.with_suffix(".pub").read_text() for key in keys]
        self._authorized.write_text("".join(lines))

    def know(self, host: str = "127.0.0.1") -> None:
        """The host key of now is the one that is known."""
        kind, key, *_ = (self.folder / "ssh_host_key.pub").read_text().split()
        self.known_hosts.write_text(f"[{host}]:{self.port} {kind} {key}\n")

    def new_host_key(self) -> None:
        """As when the host was set up anew, or somebody else answers in its place."""
        self.kill()
        make_key(self.folder / "ssh_host_key")
        self.start()

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks its unprivileged part in
        wait_for(self._starts, 30, "sshd does not answer")

    def kill(self) -> None:
        """As a power cut does it to the whole host: sshd and every session, at once."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self, frozen: bool = True) -> None:
        """Its processes keep their connections and do nothing (SIGSTOP), until told to go on."""
        self._signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def url(self, path: str | None = None, host: str = "127.0.0.1") -> str:
        return f"ssh://{getpass.getuser()}@{host}:{self.port}/{self._root.lstrip('/')}{path or self.path}"

    @property
    def mark(self) -> str:
        """What stands in the command lines of the watcher's processes for it."""
        return str(self.key)

    def target(self) -> dict[str, Any]:
        """As the watcher's configuration has it."""
        return {"url": self.url(), "ssh_key": str(self.key), "ssh_known_hosts": str(self.known_hosts)}

    def _signal(self, number: int) -> None:
        assert self._process is not None
        for one in _family(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)

    def _starts(self) -> bool:
        if self._process is None or self._process.poll() is not None:  # its port may be taken for a moment
            with (self.folder / "sshd.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [SSHD, "-D", "-e", "-f", str(self._config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as link:
                return link.recv(4) == b"SSH-"
        except OSError:
            return False


def make_key(path: Path) -> None:
    """A new key pair in the place of what was there."""
    for old in (path, path.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _family(top: int) -> list[int]:
    """A process and all that came of it, the parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text(errors="replace").rpartition(") ")[2].split()
            except OSError:
                continue  # it has ended
            children.setdefault(int(status[1]), []).append(int(entry.name))
    found = [top]
    for one in found:
        found += children.get(one, [])
    return found
