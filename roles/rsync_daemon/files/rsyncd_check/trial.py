"""rsync itself reads the configuration and serves one connection from it, as inetd would start it: no port is taken."""

from __future__ import annotations

import os
import shlex
import tempfile
import time

from rsyncd_check import login
from rsyncd_check.grammar import Config

# A candidate shares its lock file, so its number of connections, with the daemon that runs.
_SECONDS = 10.0


def check(rsync: str, config: Config) -> list[str]:
    """Log in to each module of a throw-away daemon. What failed, with the daemon's own words."""
    problems = []
    for wanted in login.logins(config):
        with tempfile.TemporaryDirectory(prefix="rsyncd_check.") as folder:
            log = os.path.join(folder, "log")
            daemon = [rsync, "--daemon", f"--config={config.file}", f"--log-file={log}"]
            # rsync(1), RSYNC_CONNECT_PROG
            refusal = login.patiently(
                rsync, wanted, ("localhost", 873), time.monotonic() + _SECONDS, " ".join(map(shlex.quote, daemon))
            )
            said = f"{refusal.text}{_last_words(log)}" if refusal else _skipped(log)
        if said:
            problems.append(f"{config.file}: [{wanted.module}]: rsync does not serve it: {said}")
    return problems


def _skipped(log: str) -> str:
    """rsync goes on without a setting that it does not know or cannot read, and says so in its log alone."""
    for line in _lines(log):
        if "nknown Parameter" in line or "Ignoring" in line or "badly formed" in line:
            return line
    return ""


def _last_words(log: str) -> str:
    lines = _lines(log)
    return f" (its log: {lines[-1]})" if lines else ""


def _lines(log: str) -> list[str]:
    try:
        with open(log, encoding="utf-8", errors="backslashreplace") as stream:
            # without date, time and process
            return [line.split("] ", 1)[-1].strip() for line in stream if line.strip()]
    except OSError:
        return []
