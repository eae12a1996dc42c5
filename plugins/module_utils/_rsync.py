# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync as a reader of targets: which program, its arguments, and what its answers mean (rsync(1), EXIT VALUES)."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from typing import Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._endpoint import Endpoint

OLDEST = (3, 2, 0)
CONNECT_SECONDS = 10
IDLE_SECONDS = 60  # without a byte on the connection, as rsync counts

# what is said on stderr besides errors: rsync's last word, and --debug=PROTO of a target on this host
_NO_ERROR = (b"rsync error:", b"(Server) Protocol")
_MISSING = re.compile(rb"link_stat .* failed: .*\(2\)")
_HINTS = {
    "auth failed": "user or password is wrong: the password file here and the daemon's secrets file do not agree, "
    "or the daemon cannot read its own",
    "Unknown module": "the daemon has no module of this name",
    "Connection refused": "no rsync daemon answers there",
    "HOST IDENTIFICATION HAS CHANGED": "the target's host key is another one than ssh_known_hosts has",
    "Host key verification failed": "ssh_known_hosts has no key of the target, or another one",
    "Permission denied (publickey": "the target does not take ssh_key: see authorized_keys there",
    "max connections": "the daemon's 'max connections' are all in use",
    "did not see server greeting": "what listens there is no rsync daemon; or where the target is reached through "
    "lockstep-tls, that does not get through to it, and lockstep status says why",
    "Permission denied": "the daemon may not read its own module: see its uid",
}


class RsyncError(Exception):
    """rsync could not do what was asked; the text says why."""


class Busy(RsyncError):
    """The daemon has no connection to spare now, and may have one in a moment."""


def environment() -> dict[str, str]:
    """rsync's environment: nothing of ours (RSYNC_PASSWORD, RSYNC_RSH...), and messages that can be read."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def kill(process: subprocess.Popen[bytes]) -> None:
    """End an rsync that was started as a session of its own, whatever it is doing, and wait until it has ended.

    An rsync that fetches is two processes. The second one waits for a signal of the first to end (rsync's main.c,
    do_recv), so that without the first it would wait, with its connection, until the daemon's timeout.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def check_version(program: str) -> str:
    """The program's version. Raises RsyncError when it does not run, is no rsync, or is too old."""
    wanted = ".".join(map(str, OLDEST))
    try:
        answer = subprocess.run(  # nosec
            [program, "--version"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=30,
            check=False,
        ).stdout.decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise RsyncError(f"rsync: {program}: not found; install rsync {wanted} or later") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RsyncError(f"rsync: {program}: {error}") from error
    match = re.match(r"rsync\s+version v?((\d+)\.(\d+)(?:\.(\d+))?\S*)", answer)
    if match is None:
        raise RsyncError(
            f"rsync: {program}: does not answer --version as rsync does; name the program by the option rsync"
        )
    if tuple(int(match[n] or 0) for n in (2, 3, 4)) < OLDEST:
        raise RsyncError(f"rsync: {program} is version {match[1]}; {wanted} or later is needed")
    return match[1]


def connection(program: str, endpoint: Endpoint) -> list[str]:
    """The start of every command for this target."""
    command = [program, "--no-motd", f"--timeout={IDLE_SECONDS}"]
    if endpoint.daemon:
        # without TCP_NODELAY the kernel holds the list of names back for 40 ms
        command += ["--sockopts=TCP_NODELAY", f"--contimeout={CONNECT_SECONDS}"]
    command += endpoint.shell
    if endpoint.password_file is not None:
        command.append(f"--password-file={endpoint.password_file}")
    return command


def pull(program: str, endpoint: Endpoint, folder: str) -> list[str]:
    """Fetch names given on stdin, ended by NUL, into a folder: content, links, modes and nothing else.

    rsync connects and logs in before it reads the names. On stdout it says when it has done so (C(--debug=PROTO)), and
    gives one line for each name when that is fetched: C(%b) in the format makes it wait for the content.
    """
    return [
        *connection(program, endpoint),
        "--debug=PROTO",
        "--out-format=%b",
        "--outbuf=L",
        "--links",
        "--perms",
        "--whole-file",
        "--no-implied-dirs",
        "--files-from=-",
        "--from0",
        endpoint.source,
        os.path.join(folder, ""),
    ]


def only_missing(stderr: bytes) -> int:
    """How many names the target reported missing, or 0 when it reported anything else too."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith(_NO_ERROR)]
    return len(lines) if all(_MISSING.search(line) for line in lines) else 0


def failure(returncode: Optional[int], stderr: bytes) -> str:
    """What went wrong, in one line, with the mend where it is known."""
    lines = [line for line in stderr.splitlines() if line and not line.startswith(_NO_ERROR)]
    said = lines[0].decode("utf-8", "backslashreplace") if lines else "rsync said nothing"
    hint = next((text for key, text in _HINTS.items() if key in said), "")
    return f"{said.strip()} (rsync exit {returncode})" + (f": {hint}" if hint else "")


def log_in(program: str, endpoint: Endpoint, folder: str) -> None:
    """Connect, log in and ask for no more than the target's root. Raises Busy or RsyncError with the reason."""
    # without a slash at its end, which would list what is in it
    root = endpoint.path.rstrip(b"/")
    _finish(pull(program, endpoint, folder), b"./" + root + b"\0" if root else b"")


def remove(program: str, endpoint: Endpoint, path: str, empty: str) -> None:
    """Delete one path on the target, by way of the parents of it in an otherwise empty folder. Raises RsyncError.

    By filter and not by --delete-missing-args, which some releases break (rsync issue 910).
    """
    path = os.fsdecode(endpoint.path) + path
    parents = path.split("/")[:-1]
    os.makedirs(os.path.join(empty, *parents), exist_ok=True)
    rules = [f"--include=/{'/'.join(parents[: n + 1])}/" for n in range(len(parents))]
    rules += [f"--include=/{path}/***", "--exclude=*"]
    command = [
        *connection(program, endpoint),
        "--recursive",
        "--delete",
        *rules,
        os.path.join(empty, ""),
        endpoint.source,
    ]
    _finish(command, b"")


def _finish(command: list[str], names: bytes) -> None:
    seconds = CONNECT_SECONDS + IDLE_SECONDS
    with subprocess.Popen(  # nosec
        command,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # no terminal on which rsync could ask for a password
    ) as process:
        try:
            stderr = process.communicate(names, timeout=seconds)[1]
        except subprocess.TimeoutExpired as error:
            raise RsyncError(f"no answer within {seconds} s") from error
        finally:
            if process.returncode is None:
                kill(process)
    if process.returncode:
        kind = Busy if b"max connections" in stderr else RsyncError
        raise kind(failure(process.returncode, stderr))
