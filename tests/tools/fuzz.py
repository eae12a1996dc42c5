"""Runs all tests that make up their examples, with ever new ones, for a while: `python3 tests/tools/fuzz.py SECONDS`.

Each round has a seed, which is printed; the first round that fails ends it, with the command that plays it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "unit"
EXAMPLES = "200"


def main() -> int:
    seconds = float(sys.argv[1])
    began, rounds = time.monotonic(), 0
    while rounds == 0 or time.monotonic() < began + seconds:
        seed = str(int(time.time() * 1000) % 10**9)
        words = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "hypothesis", str(TESTS)]
        words.append(f"--hypothesis-seed={seed}")
        done = subprocess.run(words, env={**os.environ, "FUZZ_EXAMPLES": EXAMPLES}, check=False)
        if done.returncode:
            print(f"fuzz: play it again with: FUZZ_EXAMPLES={EXAMPLES} {' '.join(words)}", file=sys.stderr)
            return 1
        rounds += 1
        print(f"fuzz: seed {seed}, {EXAMPLES} examples of each test, {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
