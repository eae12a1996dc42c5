"""Can ssh be used as a target says it? Asked of the files on this host, before anybody is connected to."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator

from lockstep.config_ssh import Ssh
from lockstep.config_url import SSH_PORT, Target
from lockstep.transfer import remote_shell


def problems(target: Target, ssh: Ssh, version: tuple[int, ...] | None) -> Iterator[tuple[str, str]]:
    """(key of the target, what is wrong).  `version` of this host's rsync, where that is known."""
    if shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        yield "url", "there is no ssh on this host; install openssh-client (openssh-clients)"
        return
    if version is not None and version < remote_shell.OLDEST_RSYNC:
        oldest = ".".join(map(str, remote_shell.OLDEST_RSYNC))
        said = "does not keep names from the shell at the other end"
        yield "url", f"rsync {'.'.join(map(str, version))} {said}; {oldest} or later is needed over ssh"
    for text in _key(ssh.key):
        yield "ssh_key", text
    for text in _known_hosts(ssh.known_hosts, target):
        yield "ssh_known_hosts", text


def readable(path: str) -> bool:
    """By trying it: access(2) forgets the capability by which the service reads."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _key(path: str) -> Iterator[str]:
    try:
        found = os.stat(path)
    except OSError as error:
        yield f"{path}: {error.strerror or error}; make one with ssh-keygen -t ed25519, as site.yml does"
        return
    mode, us = stat.S_IMODE(found.st_mode), os.geteuid()
    if not stat.S_ISREG(found.st_mode):
        yield f"{path} is not a regular file"
    elif mode & 0o077:
        yield f"{path} is open to others than its owner (mode {mode:04o}), so that ssh refuses it; chmod 0600"
    elif us != 0 and found.st_uid not in (0, us):
        yield f"{path} belongs to uid {found.st_uid}, who could change it; it must be uid {us}'s or root's"
    elif not readable(path):
        yield f"{path} cannot be read by uid {us}; chown it to that"
    elif _said(["ssh-keygen", "-y", "-P", "", "-f", path]) != 0:
        yield f"{path} is no private key without a passphrase, which nobody could type in"


def _known_hosts(path: str, target: Target) -> Iterator[str]:
    try:
        found = os.stat(path)
    except OSError as error:
        yield f"{path}: {error.strerror or error}; it must hold the host key of {target.host}, as site.yml fetches it"
        return
    name = target.host if target.port == SSH_PORT else f"[{target.host}]:{target.port}"
    if found.st_mode & 0o022:
        yield f"{path} can be written by others (mode {stat.S_IMODE(found.st_mode):04o}); chmod go-w"
    elif not readable(path):
        yield f"{path} cannot be read by uid {os.geteuid()}"
    elif _said(["ssh-keygen", "-F", name, "-f", path]) != 0:
        yield f"{path} has no key of {name}; site.yml fetches it from the host"


def _said(argv: list[str]) -> int:
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment, timeout=30)
    return done.returncode
