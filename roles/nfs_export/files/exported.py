"""What an NFS server exports now, as it says itself: `exported.py kernel|ganesha [FILE…]` prints a JSON list of paths.

A second line lists those of the files that were changed after the server was last told of any.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import re
import subprocess
import sys

ETAB = "/var/lib/nfs/etab"
_ASK = ("dbus-send", "--system", "--print-reply", "--dest=org.ganesha.nfsd", "/org/ganesha/nfsd/ExportMgr")


def of_etab(text: str) -> list[str]:
    """Paths of what exportfs(8) keeps for the kernel: a line each, the path before a tab, odd bytes in octal."""
    paths = [line.partition("\t")[0] for line in text.splitlines() if "\t" in line]
    raw = [
        re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), path.encode("utf-8", "surrogateescape"))
        for path in paths
    ]
    return sorted({path.decode("utf-8", "surrogateescape") for path in raw})


def of_show_exports(text: str) -> list[str]:
    """Paths of what dbus-send(1) prints of ShowExports: the string after each export's number."""
    found = re.findall(r'^ +uint16 [0-9]+\n +string "(.*)"$', text, re.MULTILINE)
    return sorted({path for path in found if path != "/"})  # which is the tree of pseudo paths


def told_at(server: str) -> float:
    """When a server last took up its exports: exportfs(8) writes its table anew each time, a reload is systemd's."""
    if server == "kernel":
        return os.stat(ETAB).st_mtime
    words = ["systemctl", "show", "-p", "StateChangeTimestamp", "--", "nfs-ganesha.service"]
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    words = done.stdout.strip().partition("=")[2].split()
    if len(words) < 3:
        return math.inf  # it was never told, nor started
    moment = datetime.datetime.fromisoformat(f"{words[1]}T{words[2]}+00:00")
    return moment.timestamp() + 1  # it is cut to seconds


def newer(files: list[str], moment: float) -> list[str]:
    """Those that were changed after a moment; where one is gone, its folder was."""
    return [path for path in files if os.path.exists(path) and os.stat(path).st_mtime > moment]


def main(server: str) -> list[str]:
    """Raises OSError or CalledProcessError where the server does not answer."""
    if server == "kernel":
        with open(ETAB, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            return of_etab(stream.read())
    words = [*_ASK, "org.ganesha.nfsd.exportmgr.ShowExports"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, errors="surrogateescape")
    return of_show_exports(done.stdout)


if __name__ == "__main__":
    try:
        json.dump(main(sys.argv[1]), sys.stdout)
        if sys.argv[2:]:
            sys.stdout.write("\n" + json.dumps(newer(sys.argv[2:], told_at(sys.argv[1]))))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"the server does not answer: {failure.stderr.strip()}")
    except OSError as failure:
        sys.exit(f"{failure.filename}: {failure.strerror}")
