"""What an NFS server exports now, as it says itself: `exported.py kernel|ganesha` prints a JSON list of paths."""

from __future__ import annotations

import json
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
    except subprocess.CalledProcessError as failure:
        sys.exit(f"the server does not answer: {failure.stderr.strip()}")
    except OSError as failure:
        sys.exit(f"{failure.filename}: {failure.strerror}")
