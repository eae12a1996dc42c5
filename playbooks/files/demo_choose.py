"""Writes chosen.json for the demo: where rsync is, and two ports that are free.

Usage: demo_choose.py FOLDER. Where rsync is not installed, a Debian or its like fetches it into the folder and leaves
the system as it is; elsewhere the error names what to install.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

MISSING = "rsync is not installed, and only a Debian or its like can fetch it into the demo's folder; install it"


class ChoiceError(Exception):
    """What the demo needs is not to be had; the text says what to do."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface on which nobody listens.

    They are below those that the kernel gives to clients (ip_local_port_range: from 32768), or a demo that is started
    again could find its own taken by a connection of somebody else.
    """
    ports: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1000):
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            ports.append(port)
        if len(ports) == count:
            return ports
    raise ChoiceError("nearly all ports from 20000 to 31999 are taken, and the demo needs some")


def run(argv: list[str], folder: Path) -> str:
    """Output of a program; raises ChoiceError with what it said."""
    done = subprocess.run(argv, cwd=folder, check=False, text=True, capture_output=True)
    if done.returncode != 0:
        raise ChoiceError(f"{shlex.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def apt_options(folder: Path) -> list[str]:
    """Options that keep apt out of the system's folders, with lists of its own that are new.

    The system's may be of last year: what they name may be gone from the archive, or have defects that are long mended.
    """
    lists = folder / "lists"
    settings = ["Debug::NoLocking=1", f"Dir::Cache={folder / 'cache'}", f"Dir::State::Lists={lists}"]
    if os.geteuid() == 0:
        # Otherwise apt drops to a user who may not write here.
        settings.append("APT::Sandbox::User=root")
    options = [word for setting in settings for word in ("-o", setting)]
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    (lists / "partial").mkdir(parents=True)
    run(["apt-get", *options, "update"], folder)
    return options


def needed(options: list[str], folder: Path) -> list[str]:
    """Packages that rsync depends on and that are not installed."""
    lines = [line.strip(" |") for line in run(["apt-cache", *options, "depends", "rsync"], folder).splitlines()]
    names = [line.split()[1] for line in lines if line.startswith(("Depends:", "PreDepends:"))]
    return [name for name in names if not name.startswith("<") and not installed(name)]


def installed(name: str) -> bool:
    """Whether dpkg has the package."""
    argv = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    return subprocess.run(argv, check=False, capture_output=True).stdout == b"installed"


def fetch(folder: Path) -> dict[str, object]:
    """Unpack rsync below the folder; its program, a command that runs it, and the environment that it needs."""
    if not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"))):
        raise ChoiceError(MISSING)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    options = apt_options(folder)
    run(["apt-get", *options, "download", "rsync", *needed(options, folder)], folder)
    root = folder / "root"
    for archive in sorted(folder.glob("*.deb")):
        run(["dpkg-deb", "--extract", str(archive), str(root)], folder)
        archive.unlink()
    program = root / "usr" / "bin" / "rsync"
    libraries = sorted({str(path.parent) for path in root.glob("**/*.so.*")})
    for scrap in ("cache", "lists"):
        shutil.rmtree(folder / scrap, ignore_errors=True)
    if not libraries:
        return {"rsync": str(program), "rsync_program": str(program), "environment": {}}
    path = ":".join(libraries)
    command = folder / "rsync"
    command.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(path)} exec {shlex.quote(str(program))} "$@"\n')
    command.chmod(0o755)
    return {"rsync": str(command), "rsync_program": str(program), "environment": {"LD_LIBRARY_PATH": path}}


def main() -> int:
    """Write the file; the exit status tells whether it worked."""
    folder = Path(sys.argv[1])
    program = shutil.which("rsync")
    try:
        if program is None:
            chosen = fetch(folder / "rsync")
            run([str(chosen["rsync"]), "--version"], folder)
        else:
            chosen = {"rsync": program, "rsync_program": program, "environment": {}}
        chosen["daemon_port"], chosen["status_port"] = free_ports(2)
    except ChoiceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    unfinished = folder / "chosen.json.new"
    unfinished.write_text(json.dumps(chosen, indent=1) + "\n")
    os.replace(unfinished, folder / "chosen.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
