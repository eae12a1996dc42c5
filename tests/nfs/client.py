"""An NFS client that does as it is told: `client.py SERVER EXPORT VERSION`, in the network of the hosts.

It reads one request a line, [call, argument...] as JSON, and answers each by a line: when it was done (seconds,
monotonic, one clock for all processes of this machine) and what it gave, or the error.  Names and data are bytes, as
os.fsdecode puts them into text; open files are numbers.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from libnfs import Client


def main(server: str, export: str, version: str) -> None:
    client = Client(server, export, int(version))
    handles: dict[int, Any] = {}
    print(json.dumps({"at": time.monotonic()}), flush=True)
    for line in sys.stdin:
        call, *given = json.loads(line)
        arguments = [os.fsencode(value) if isinstance(value, str) else value for value in given]
        answer: dict[str, Any] = {}
        try:
            if call == "open":
                number = len(handles) + 1
                handles[number] = client.open(*arguments)
                answer["gave"] = number
            elif call in ("write", "close"):
                getattr(client, call)(handles[arguments[0]], *arguments[1:])
            elif call in ("ftruncate", "fsync"):
                client.call(call, handles[arguments[0]], *arguments[1:])
            elif call == "utimes":
                client.utimes(*arguments)
            else:
                client.call(call, *arguments)
        except OSError as error:
            answer = {"errno": error.errno, "error": error.strerror}
        answer["at"] = time.monotonic()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
