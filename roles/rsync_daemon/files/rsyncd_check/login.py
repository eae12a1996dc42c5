"""A login to a module, by rsync itself, which asks for nothing but the module's own directory.

The password goes by stdin (rsync(1), --password-file=-), never by argv or the environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from typing import Optional

from rsyncd_check.grammar import Config

_SECONDS = 10


@dataclass(frozen=True)
class Login:
    """A module with a user of it."""

    module: str
    user: str
    password: bytes = field(repr=False)


@dataclass(frozen=True)
class Refusal:
    """Why a login failed; `later` when the next one may not."""

    text: str
    later: bool


def logins(config: Config) -> list[Login]:
    """A login for each module, with the first of its users that is let in. Raises OSError without the secrets."""
    return [_login(config.value(m, "authusers"), config.value(m, "secretsfile"), m.name) for m in config.modules]


def check_all(rsync: str, wanted: list[Login], address: tuple[str, int], wait: float) -> list[str]:
    """Log in to each module; seconds of `wait` are for a daemon that is just starting. What failed, in words."""
    deadline = time.monotonic() + wait
    problems = []
    for login in wanted:
        refusal = patiently(rsync, login, address, deadline)
        if refusal:
            problems.append(f"{login.module} at {address[0]} port {address[1]}: {refusal.text}")
    return problems


def patiently(
    rsync: str, login: Login, address: tuple[str, int], deadline: float, through: Optional[str] = None
) -> Optional[Refusal]:
    """Log in, again until the deadline (of the monotonic clock) while that may help. None when it worked.

    `through` is a shell command that rsync talks to in place of the address.
    """
    if not login.password:
        return Refusal(f"the secrets file has no password of {login.user!r}", later=False)
    while True:
        refusal = _try(rsync, login, address, through)
        if not refusal or not refusal.later or time.monotonic() >= deadline:
            return refusal
        time.sleep(0.1)


def _try(rsync: str, login: Login, address: tuple[str, int], through: Optional[str]) -> Optional[Refusal]:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    argv = [rsync, "--list-only", "--dirs", "--exclude=*", "--password-file=-"]
    argv += [f"--contimeout={_SECONDS}"] if through is None else []
    argv += [f"--timeout={_SECONDS}", f"rsync://{login.user}@{host}:{address[1]}/{login.module}/"]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    if "LD_LIBRARY_PATH" in os.environ:  # an rsync that was unpacked, not installed, has its libraries there
        env["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    if through is not None:
        env["RSYNC_CONNECT_PROG"] = through
    try:
        run = subprocess.run(
            argv, check=False, input=login.password + b"\n", capture_output=True, env=env, timeout=3 * _SECONDS
        )
    except subprocess.TimeoutExpired:
        return Refusal("it does not answer", later=True)
    if run.returncode == 0:
        return None
    said = run.stderr.decode("utf-8", "backslashreplace").strip().splitlines() or [f"rsync's exit is {run.returncode}"]
    text = next((line for line in said if line.startswith("@ERROR")), said[0])
    text = re.sub(r"^(@ERROR: |rsync: )(\[\w+\] )?", "", text)
    if text.startswith("max connections"):
        text += "; raise rsync_daemon_max_connections"
    # 10: refused, nobody listens yet; 30, 35: no answer in time
    return Refusal(text, later=run.returncode in (10, 30, 35) or text.startswith("max connections"))


def _login(users: str, secrets: str, module: str) -> Login:
    rules = [rule.partition(":") for rule in re.split(r"[\s,]+", users)]
    # a group, as @GROUP, is nobody's name to log in with
    user = next((name for name, _colon, access in rules if access != "deny" and not name.startswith("@")), "")
    with open(secrets, "rb") as stream:
        for line in stream.read().splitlines():
            name, colon, password = line.partition(b":")
            if colon and name == user.encode():
                return Login(module, user, password)
    return Login(module, user, b"")
