"""The figures of one deployment on this machine: `python3 tests/bench/run.py DEMO_DIR` (see `make bench`).

Lag of changes at several rates, with the pacing as deployed; and a tree copied in at once, until the target is equal,
beside the same tree copied and sent by one bare rsync through the same daemon.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from trees import differences

LAG = Path(__file__).with_name("lag.py")
FILES, DIRECTORIES = 10_000, 1_000
RESERVED = frozenset({b".lockstep"})


def make_tree(top: Path) -> None:
    chance = random.Random(2)
    data = chance.randbytes(20_000)
    for number in range(DIRECTORIES):
        below = top / f"{number % 30}" / f"{number}"
        below.mkdir(parents=True)
        for name in range(FILES // DIRECTORIES):
            (below / f"f{name}").write_bytes(data[: chance.randrange(1_000, 20_000)])


def timed(*argv: str) -> float:
    start = time.perf_counter()
    subprocess.run(argv, check=True)
    return time.perf_counter() - start


def files_below(top: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(top))


def burst(demo: Path, work: Path) -> dict[str, float]:
    """Seconds for a tree of 10,000 files in 1,000 directories."""
    tree, source, target = work / "tree", demo / "source", demo / "backup"
    make_tree(tree)
    chosen = json.loads((demo / "chosen.json").read_text())
    password = work / "password"
    password.write_text((demo / "password").read_text())
    password.chmod(0o600)
    copy = timed("cp", "-r", str(tree), str(work / "copy"))
    url = f"rsync://rsync_backup@127.0.0.1:{chosen['daemon_port']}/demo/bare/"
    bare = timed("rsync", "-aW", "--sockopts=TCP_NODELAY", f"--password-file={password}", f"{work}/copy/", url)
    start = time.perf_counter()
    subprocess.run(["cp", "-r", str(tree), str(source / "burst")], check=True)
    while files_below(target / "burst") < FILES:
        time.sleep(0.05)
        if time.perf_counter() > start + 300:
            sys.exit("bench: the tree does not arrive")
    while differences(source / "burst", target / "burst"):
        if time.perf_counter() > start + 300:
            sys.exit("bench: the trees do not become equal")
    ours = time.perf_counter() - start
    return {"copy_s": copy, "bare_rsync_s": bare, "until_equal_s": ours, "ratio": ours / (copy + bare)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("demo", type=Path, help="folder of a running demo")
    parser.add_argument("--rates", default="5,50,200,1000")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    for rate in given.rates.split(","):
        print(subprocess.run(
            [sys.executable, str(LAG), str(given.demo / "source"), str(given.demo / "backup"),
             "--rate", rate, "--seconds", str(given.seconds)],
            check=True, text=True, capture_output=True,
        ).stdout.strip(), flush=True)  # fmt: skip
    work = given.demo / "bench"
    work.mkdir()
    try:
        print(json.dumps({key: round(value, 2) for key, value in burst(given.demo, work).items()}))
    finally:
        shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
