"""How rsync reaches a target over ssh: the command of the remote shell, and what is said otherwise than to a daemon.

What is named on the command line goes through the target's shell, or through rrsync, which reads it as that would:
rsync escapes it from 3.2.4 on (rsync(1), --old-args), and what rrsync reads otherwise is not named there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lockstep.config_ssh import Ssh
    from lockstep.config_url import Target

OLDEST_RSYNC = (3, 2, 4)
CONNECT_TIMEOUT = 10  # seconds, to the end of the key exchange
ALIVE_INTERVAL = 15  # seconds without a word after which sshd is asked for one, three times

# rsync says -@-1 to the other end, which rrsync takes for no option; and only the receiver compares times
_NANOSECONDS = "--modify-window=-1"
_EXPANDED = frozenset("*?[]{}\\")

# ssh_config(5). No file of the host or the user says otherwise (-F none), and no ~/.ssh is made or needed.
_SSH = (
    "-F", "none",
    "-T", "-x", "-a",  # neither terminal, X11 nor agent
    "-o", "BatchMode=yes",
    "-o", "IdentitiesOnly=yes",
    "-o", "IdentityAgent=none",
    "-o", "PreferredAuthentications=publickey",
    "-o", "StrictHostKeyChecking=yes",
    "-o", "GlobalKnownHostsFile=/dev/null",
    "-o", "UpdateHostKeys=no",
    "-o", "CheckHostIP=no",
    # the key exchange that OpenSSH 9.0 to 9.8 prefer takes 0.1 s of CPU, six times all the rest together
    "-o", "KexAlgorithms=-sntrup*",
    # each transfer has a connection of its own, so that a large one keeps none waiting
    "-o", "ControlMaster=no",
    "-o", "ControlPath=none",
    "-o", f"ConnectTimeout={CONNECT_TIMEOUT}",
    "-o", f"ServerAliveInterval={ALIVE_INTERVAL}",
    "-o", "ServerAliveCountMax=3",
    # a banner on stderr would be read as a complaint of rsync's
    "-o", "LogLevel=ERROR",
)  # fmt: skip


def shell(ssh: Ssh, port: int) -> list[str]:
    """The command of ssh without user and host."""
    return ["ssh", *_SSH, "-p", str(port), "-i", ssh.key, "-o", f"UserKnownHostsFile={ssh.known_hosts}"]


def options(target: Target, ssh: Ssh) -> list[str]:
    """rsync's options for a target over ssh, its own among them."""
    own = [_in_the_target(option, target.path) for option in target.rsync_options]
    # nothing of it holds a space or a quote (config_ssh.py, config_url.py)
    return [*own, "--rsh=" + " ".join(shell(ssh, target.port)), *(["-M--fake-super"] if ssh.fake_super else [])]


def place(target: Target, below: str = "") -> str:
    """The target, or the directory `below` it, as rsync takes it."""
    user = f"{target.user}@" if target.user else ""
    host = f"[{target.host}]" if ":" in target.host else target.host
    path = f"/{target.path}".rstrip("/")
    return f"{user}{host}:{path}/{below}/" if below else f"{user}{host}:{path}/"


def said(argv: Sequence[str]) -> list[str]:
    """The same command, as it can be said over ssh."""
    return [f"-M{_NANOSECONDS}" if word == _NANOSECONDS else word for word in argv]


def can_be_said(name: str) -> bool:
    """Does a name reach the other end as it is?  rrsync splits at every kind of space, and expands patterns."""
    return name.isprintable() and not _EXPANDED & set(name)


def _in_the_target(option: str, path: str) -> str:
    """rsync takes a folder from the target, rrsync from where it is restricted to: from the root both take the same."""
    name, equals, folder = option.partition("=")
    if name in ("--temp-dir", "--backup-dir") and equals and not folder.startswith("/"):
        return f"{name}={f'/{path}'.rstrip('/')}/{folder}"
    return option
