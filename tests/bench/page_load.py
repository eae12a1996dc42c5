"""What an open page costs the watcher: `tests/bench/page_load.py [PAIRS]`, with a real browser and 1,000 files/s.

The watcher's own process is measured in turns of ten seconds, with the page open and without it, while a process of
its own writes small files. The turns differ by more than a page costs, so that the page is also fetched many times in
a row, and what one costs is counted as often as a browser fetches it. Exits with 1 above LIMIT percent of a core.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "system"), str(TESTS / "tools")]

from browser import DESKTOP, Browser, browser  # noqa: E402 (found by the line above)
from rig import Daemon, Watcher, wait_for  # noqa: E402

LIMIT = 1.0  # percent of a core
RATE = 1000  # files a second
FILES = 5000  # that are written again and again
SECONDS = 10.0
FETCHES = 100
EVERY = 5.0  # seconds between two fetches of an open page


def write(top: Path, over: Synchronized[bool], written: Synchronized[int]) -> None:
    """Small files, `RATE` a second, in fifty directories."""
    folders = [top / f"d{number:02}" for number in range(50)]
    for folder in folders:
        folder.mkdir()
    began, number = time.monotonic(), 0
    while not over.value:
        left = began + number / RATE - time.monotonic()
        if left > 0:
            time.sleep(left)
        (folders[number % 50] / f"f{number % FILES}").write_bytes(os.urandom(1000))
        number += 1
        written.value = number


def cpu(pid: int) -> float:
    """Seconds that this process alone has worked, with all its threads; clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def percent(pid: int, seconds: float) -> float:
    """Of a core, while so many seconds pass."""
    began, before = time.monotonic(), cpu(pid)
    time.sleep(seconds)
    return 100 * (cpu(pid) - before) / (time.monotonic() - began)


def fetch(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:
        answer.read()


def measure(watcher: Watcher, window: Browser, pairs: int) -> float:
    """Percent of a core that an open page costs; prints what was measured."""
    assert watcher.process is not None
    pid, url = watcher.process.pid, f"http://127.0.0.1:{watcher.http}/"
    turns: dict[str, list[float]] = {"closed": [], "open": []}
    for _pair in range(pairs):
        for turn, shown in (("closed", "about:blank"), ("open", url)):
            window.open(shown)
            turns[turn].append(percent(pid, SECONDS))
    window.open("about:blank")
    began, before = time.monotonic(), cpu(pid)
    percent_flow = statistics.median(turns["closed"])
    for _fetch in range(FETCHES):
        fetch(url)
    took = time.monotonic() - began
    each = (cpu(pid) - before - percent_flow / 100 * took) / FETCHES
    for turn, found in turns.items():
        print(f"page {turn:6}  {statistics.median(found):5.2f} % of a core ({min(found):.2f} to {max(found):.2f})")
    print(f"one page     {each * 1000:5.2f} ms of CPU, {100 * each / EVERY:.3f} % of a core at one every {EVERY:g} s")
    return 100 * each / EVERY


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    with tempfile.TemporaryDirectory(prefix="lockstep-page-", dir="/var/tmp") as name:
        folder = Path(name)
        (folder / "source").mkdir()
        (folder / "browser").mkdir()
        daemon = Daemon(folder)
        watcher = Watcher(
            folder, folder / "source", [{"url": daemon.url(), "password_file": str(daemon.password_file)}]
        )
        watcher.log_level = "info"
        watcher.write()
        daemon.start()
        watcher.start()
        context = multiprocessing.get_context("fork")
        over, written = context.Value("b", False), context.Value("q", 0)
        load = context.Process(target=write, args=(folder / "source", over, written))
        try:
            load.start()
            wait_for(lambda: written.value > FILES, 60, "nothing is written")
            began, before = time.monotonic(), written.value
            with browser(folder / "browser") as window:
                window.look(DESKTOP)
                cost = measure(watcher, window, pairs)
            flow = (written.value - before) / (time.monotonic() - began)
            print(f"flow         {flow:,.0f} files/s written, lag at the end {watcher.target()['lag'] * 1000:.0f} ms")
        finally:
            over.value = True
            load.join()
            watcher.stop()
            daemon.kill()
    return int(cost > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
