"""What an open status page costs the watcher while files flow.

    python tests/bench/page.py [--rate 1000] [--seconds 10] [--rounds 3]

Files are written at a rate; in turns nobody asks for the page, and somebody asks for it 20 times a second, a hundred
times as often as a browser does, so that what it costs stands out from what the flow costs.  Prints the CPU of the
watcher's process for one page and, at a browser's one page in 5 s, as a share of one core.  Exits with 1 if that is
one percent or more.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "system"), str(Path(__file__).parents[1] / "tools")]

from conftest import assembled  # noqa: E402 (found by the line above)

BROWSER = 5.0  # seconds between two pages of an open browser
OFTEN = 0.05
WRITER = """
import os, sys, time
folder, rate = sys.argv[1], float(sys.argv[2])
data, number, start = os.urandom(10_000), 0, time.monotonic()
while os.getppid() == int(sys.argv[3]):
    with open(f"{folder}/d{number % 50}/f{number % 5000}", "wb") as file:
        file.write(data)
    number += 1
    time.sleep(max(0.0, start + number / rate - time.monotonic()))
"""


def cpu(pid: int) -> float:
    """Seconds of CPU of a process, without those of its children."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def phase(pid: int, seconds: float, url: str | None) -> tuple[float, int]:
    """CPU used in a second, and pages taken."""
    pages, start, before = 0, time.monotonic(), cpu(pid)
    while time.monotonic() - start < seconds:
        if url is not None:
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert b"lockstep on" in answer.read()
            pages += 1
        time.sleep(OFTEN)
    return (cpu(pid) - before) / (time.monotonic() - start), pages


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lockstep-page-") as folder, assembled(Path(folder)) as rig:
        for number in range(50):
            (rig.source / f"d{number}").mkdir()
        rig.watcher.log_level = "info"
        rig.watcher.write()
        rig.start()
        pid = rig.watcher.status()["pid"]
        url = f"http://127.0.0.1:{rig.watcher.http}/"
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(rig.source), str(given.rate), str(os.getpid())],
            stdin=subprocess.DEVNULL,
        )
        try:
            phase(pid, 3.0, url)
            costs, alone = [], []
            for _round in range(given.rounds):
                without, _none = phase(pid, given.seconds, None)
                asked, pages = phase(pid, given.seconds, url)
                costs.append((asked - without) * given.seconds / pages)
                alone.append(without)
            rate = rig.watcher.target()["rate"]["names"]
        finally:
            writer.kill()
            writer.wait()
    cost = statistics.median(costs)
    share = 100 * cost / BROWSER
    print(
        f"{rate:,.0f} files/s confirmed; the watcher's process without a page: {100 * statistics.median(alone):.1f} %"
    )
    print(f"one page: {1000 * cost:.1f} ms of CPU; a browser open: {share:.2f} % of one core")
    return int(share >= 1.0)


if __name__ == "__main__":
    sys.exit(main())
