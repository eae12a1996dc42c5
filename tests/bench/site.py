"""How long `site.yml` takes on two lab hosts that have everything already: `tests/bench/site.py`, as root.

Boots an NFS host and a backup host, deploys them, and runs the playbook again five times.  Prints seconds and CPU
seconds of each run; exits with 1 where one of them changed something, or the median is above LIMIT.  The ansible-core
is that of the Python it is run with.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / room) for room in ("hosts", "tools")]

from machines import Machines  # noqa: E402 (found by the line above)
from playing import Played, Player  # noqa: E402

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "backup01": "172.16.1.41:backup:bookworm"}
MIRRORS = [{"name": "data", "source": "/srv/data", "path": "/srv/backup/data"}]
LIMIT = 15.0  # seconds


def cpu() -> float:
    """Seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def play(player: Player) -> tuple[Played, float]:
    """A run, its output only where it fails, and its CPU seconds."""
    before = cpu()
    with contextlib.redirect_stdout(io.StringIO()):
        played = player.play("site.yml")
    return played, cpu() - before


def main() -> int:
    parser = argparse.ArgumentParser(description="How long site.yml takes where everything is there already.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--untimed", action="store_true", help="only that nothing is changed counts")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="lockstep-site-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"site-{folder.name}")
    told: dict[str, object] = {"limit_seconds": LIMIT}
    try:
        player = Player(machines, "one password of both hosts here")
        player.write("mirrors", {"lockstep_mirrors": MIRRORS})
        machines.lab("up")
        machines.run("nfs01", "mkdir -p /srv/data")
        first, used = play(player)
        print(f"first run:  {first.seconds:5.1f} s, {used:5.1f} s of CPU, changed={sum(first.changed.values())}")
        seconds, changed = [], 0
        for _run in range(given.runs):
            played, used = play(player)
            print(f"second run: {played.seconds:5.1f} s, {used:5.1f} s of CPU, changed={sum(played.changed.values())}")
            seconds.append(played.seconds)
            changed += sum(played.changed.values())
        median = statistics.median(seconds)
        told |= {"first_seconds": first.seconds, "seconds": seconds, "median_seconds": median, "changed": changed}
        print(f"median: {median:.1f} s, limit {LIMIT:g} s; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    finally:
        began = time.monotonic()
        machines.lab("down")
        shutil.rmtree(folder)
        print(f"hosts were down in {time.monotonic() - began:.0f} s", file=sys.stderr)
    results = Path(__file__).parents[2] / "build/site.json"
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps(told, indent=1) + "\n")
    return int(bool(changed) or (median > LIMIT and not given.untimed))


if __name__ == "__main__":
    sys.exit(main())
