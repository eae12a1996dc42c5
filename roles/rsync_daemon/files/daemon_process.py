"""The daemon that a pid file tells of, as JSON: {"pid": null or its number, "argv": its command line}.

A pid file outlives its process, and the number may be another's by now: only an rsync daemon of the given
configuration counts. proc(5): /proc/PID/cmdline.
"""

from __future__ import annotations

import json
import os
import sys


def find(pid_file: str, config: str) -> dict[str, object]:
    """What runs, if it is the daemon of `config`."""
    try:
        with open(pid_file, encoding="ascii") as stream:
            pid = int(stream.read().strip())
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            argv = [os.fsdecode(word) for word in stream.read().split(b"\0")[:-1]]
    except (OSError, ValueError):
        return {"pid": None, "argv": []}
    if "--daemon" in argv and f"--config={config}" in argv:
        return {"pid": pid, "argv": argv}
    return {"pid": None, "argv": []}


if __name__ == "__main__":
    json.dump(find(sys.argv[1], sys.argv[2]), sys.stdout)
