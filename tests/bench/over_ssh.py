"""The lag of isolated changes over ssh beside that of the plain daemon, in one run: `make bench-ssh`.

Both by turns, so that a machine that is slower for a while is that for both.  Every figure goes to standard output as a
line of JSON, and at the end the table.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "system"), str(TESTS / "tools")]

from sshd import Sshd  # noqa: E402

from bench import scenarios_lag  # noqa: E402 (found by the line above)
from bench.extent import FULL  # noqa: E402
from bench.figures import Record, percentile  # noqa: E402
from bench.place import Place  # noqa: E402
from bench.subjects import Ours  # noqa: E402

RATE = 5


class OverSsh(Ours):
    """The same, to the same folder, over ssh with a key that rrsync restricts to it."""

    name, title = "over-ssh", "lockstep over ssh"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.sshd = Sshd(place.top, place.target.name)
        self.sshd.start()

    def target(self) -> dict[str, str]:
        return dict(self.sshd.target())

    def stop(self) -> None:
        super().stop()
        self.sshd.kill()


def measure(folder: Path, kind: type[Ours]) -> Record:
    place = Place(Path(tempfile.mkdtemp(prefix="place-", dir=folder)))
    subject = None
    try:
        place.open()
        subject = kind(place)
        return {"subject": kind.name, **scenarios_lag.lag(RATE, place, subject, FULL)}
    finally:
        if subject is not None:
            subject.stop()
        place.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    records: dict[str, list[Record]] = {kind.title: [] for kind in (Ours, OverSsh)}
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-ssh-", dir="/var/tmp") as folder:
        for _ in range(rounds):
            for kind in (Ours, OverSsh):
                record = measure(Path(folder), kind)
                records[kind.title].append(record)
                print(json.dumps(record), flush=True)
    print(f"\n{RATE} files/s, the middle one of {rounds} rounds of {records[Ours.title][0]['files']} files\n")
    print("| | p50 | p99 | CPU of the sending host per file |\n|---|---|---|---|")
    for title, of in records.items():
        p50, p99, cpu = (percentile([one[key] for one in of], 0.5) for key in ("p50_ms", "p99_ms", "cpu_per_file_ms"))
        print(f"| {title} | {p50:.1f} ms | {p99:.1f} ms | {cpu:.1f} ms |")


if __name__ == "__main__":
    main()
