"""One of two targets is away while a million changes are made: memory stays bounded, the other one goes on (C17).

The last test of the suite: its 250,000 files would make every later comparison long, and their deletion takes minutes.
"""

from __future__ import annotations

import os
import time
from functools import partial

import daemon
from fault import Fault
from scene import DATA, DATA_02, SOURCE_HOST

DIRECTORIES = 500
FILES = 500  # in each: 250,000 paths, each of which changes four times
MOST_MEMORY = 200 << 20  # bytes, C17


def _memory(fault: Fault) -> int:
    """Bytes of the watcher's own that were resident at most so far."""
    pid = fault.scene.machines.watcher(SOURCE_HOST)
    return int(fault.scene.run(SOURCE_HOST, f"grep VmHWM /proc/{pid}/status").split()[1]) << 10


def test_a_million_changes_while_one_of_two_targets_is_down(fault: Fault) -> None:
    fault.about("one of two targets is down, and a million changes are made", "`systemctl stop rsync`", "C11, C17, C19")
    start = partial(daemon.start, fault.scene)
    fault.at_the_end.callback(start)
    fault.load("home")
    daemon.stop(fault.scene)
    top = fault.scene.machines.disk(SOURCE_HOST, DATA.source) / f"million-{time.time_ns()}"
    pending = 0
    for number in range(DIRECTORIES):
        folder = os.fspath(top / str(number % 20) / str(number))
        os.makedirs(folder)
        for file in range(FILES):
            path = f"{folder}/{file}"
            for _ in range(2):  # made and written, written anew
                with open(path, "w") as opened:
                    opened.write(f"{file}\n")
            os.chmod(path, 0o600)
            os.utime(path, (file, file))
        if number % 50 == 0:
            fault.shows("down", "")
            pending = max(pending, fault.scene.target(DATA)["pending"])
            fault.others_go_on(seconds=240)
    fault.record.seen = fault.record.seen[-1:]
    fault.scene.become_equal(1200, copies=(DATA_02,))
    pending = max(pending, fault.scene.target(DATA)["pending"])
    memory = _memory(fault)
    assert memory <= MOST_MEMORY, f"{memory} bytes"
    fault.record.notes.append(
        f"{DIRECTORIES * FILES * 4:,} changes of {DIRECTORIES * FILES:,} files: at most {pending:,} paths remembered, "
        f"{memory / 1e6:.0f} MB resident at most; the other target became equal meanwhile"
    )
    fault.cured(start, seconds=1800)
    memory = _memory(fault)
    assert memory <= MOST_MEMORY, f"{memory} bytes after it caught up"
