"""The contenders: how each is started on a place and stopped.  Nobody is asked how it does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import IO, Callable, Optional

from bench import accounting
from bench.place import USER, BenchError, Place, free_port

PACKAGE = Path(__file__).parents[2] / "roles/watcher/files"
_STOP_SECONDS = 20.0


class Subject:
    """One contender on one place.  `write` makes its files and gives its command."""

    name = ""
    title = ""
    settles = 1.0  # seconds without changes after which it has nothing left to do
    first_sync = True  # it sends at its start what the target lacks

    def __init__(self, place: Place) -> None:
        self.place = place
        self.folder = place.top / "subject"
        self.folder.mkdir()
        self.environment = dict(os.environ)
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._log: Optional[IO[bytes]] = None

    def write(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        """Starts it and returns at once."""
        command = self.write()
        self._log = (self.folder / "output").open("wb")
        self._process = subprocess.Popen(
            command, cwd="/", env=self.environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip

    def running(self) -> int:
        """The number of its own process.  Raises BenchError when it has ended."""
        if self._process is None or self._process.poll() is not None:
            raise BenchError(f"{self.title} is not running: {self.output()}")
        return self._process.pid

    def output(self) -> str:
        """The end of what it said."""
        path = self.folder / "output"
        return path.read_text(errors="replace")[-800:] if path.exists() else ""

    def cpu(self) -> float:
        """CPU seconds so far, of it and all that it started, on the sending side."""
        return accounting.cpu_seconds(self.running())

    def resident(self) -> int:
        """Bytes of the process that watches."""
        return accounting.resident(self.running())

    def caught_up(self) -> bool:
        """Whether it says of itself that its first synchronisation is over; to be checked against the trees."""
        raise NotImplementedError

    def wait_live(self, seconds: float = 60.0) -> None:
        """Until a new file arrives twice over: the first may have come by a first synchronisation, the next one not."""
        arrived = 0
        until = time.monotonic() + seconds
        for number in range(1000):
            probe = f"probe{number}"
            (self.place.source / probe).write_bytes(probe.encode())
            again = time.monotonic() + 1.5
            while time.monotonic() < again and not (self.place.target / probe).exists():
                if time.monotonic() > until:
                    raise BenchError(f"{self.title} does not come alive: {self.output()} {self.place.tail()}")
                self.running()
                time.sleep(0.02)
            arrived += (self.place.target / probe).exists()
            if arrived == 2:
                break
        for path in self.place.source.glob("probe*"):
            path.unlink()
        while any(self.place.target.glob("probe*")) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(self.settles)

    def stop(self) -> None:
        """Ends it and what it started; never raises for what has ended already."""
        process, self._process = self._process, None
        if process is not None:
            members = accounting.family(process.pid)
            _signal(os.killpg, process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            _signal(os.killpg, process.pid, signal.SIGKILL)
            for member in members:
                # no longer ours, if the number was taken by another in the meantime: it has then another leader
                if _leader(member) == process.pid:
                    _signal(os.kill, member, signal.SIGKILL)
            process.wait()
        if self._log is not None:
            self._log.close()


def _signal(send: Callable[[int, int], None], number: int, which: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        send(number, which)


def _leader(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


class Ours(Subject):
    """The watcher as the role configures it: nothing but the mirror is named, so all else is the default."""

    name, title = "ours", "lockstep"
    package = PACKAGE
    mirror = ""

    def write(self) -> list[str]:
        place = self.place
        config = self.folder / "lockstep.yml"
        self._port = free_port()
        config.write_text(
            f"state_dir: {self.folder}/state\nlog_level: info\n"
            f"status: {{listen: '127.0.0.1:{self._port}', socket: {self.folder}/status.sock, max_lag: 60.0}}\n"
            f"mirrors:\n- name: data\n  source: {place.source}\n{self.mirror}"
            f"  targets: [{json.dumps(self.target())}]\n"
        )
        self._ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ready.bind(str(self.folder / "notify"))
        self.environment["NOTIFY_SOCKET"] = str(self.folder / "notify")
        self.environment["INVOCATION_ID"] = "bench"  # as systemd: nothing has to see to it that no rsync outlives it
        launch = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lockstep.cli import main; sys.exit(main())"
        return [sys.executable, "-I", "-c", launch, str(self.package), "run", "--config", str(config)]

    def target(self) -> dict[str, str]:
        """As the configuration has it."""
        return {"url": self.place.url().rstrip("/"), "password_file": str(self.place.password_file)}

    def wait_watched(self, seconds: float) -> None:
        """Until the service manager would take it for ready, which is when all is watched.  sd_notify(3)."""
        self._ready.settimeout(seconds)
        try:
            while b"READY=1" not in self._ready.recv(4096):
                pass
        except TimeoutError as late:
            raise BenchError(f"{self.title} is not ready within {seconds:g} s: {self.output()}") from late

    def caught_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/status.json", timeout=10) as answer:
                return bool(json.load(answer)["state"] == "live")
        except OSError:
            return False  # it does not listen yet

    def batches(self) -> int:
        """How many it has had confirmed, each of them a process."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/status.json", timeout=10) as answer:
            (mirror,) = json.load(answer)["mirrors"]
        return sum(target["batches"] for target in mirror["targets"])

    def stop(self) -> None:
        super().stop()
        if hasattr(self, "_ready"):
            self._ready.close()


class Unpaced(Ours):
    """The same with pacing off."""

    name, title, mirror = "unpaced", "lockstep, pacing off", "  pace: 0\n"


class Lsyncd(Subject):
    """lsyncd of the distribution with the shortest delay that it is used with."""

    name, title, settles = "lsyncd", "lsyncd, delay 1", 2.2

    def write(self) -> list[str]:
        place = self.place
        config = self.folder / "lsyncd.conf.lua"
        config.write_text(
            f'settings {{ nodaemon = true, logfile = "{self.folder}/lsyncd.log", insist = true }}\n'
            f'sync {{ default.rsync, source = "{place.source}", target = "{place.url()}", delay = 1,\n'
            f"  rsync = {{ archive = true, compress = false, whole_file = true,\n"
            f'    password_file = "{place.password_file}" }},\n'
            f"}}\n"
        )
        return ["lsyncd", str(config)]

    def caught_up(self) -> bool:
        log = self.folder / "lsyncd.log"
        return log.exists() and re.search(rb"Startup of .* finished", log.read_bytes()) is not None

    def output(self) -> str:
        log = self.folder / "lsyncd.log"
        return super().output() + (log.read_text(errors="replace")[-800:] if log.exists() else "")


_SCRIPT = """#!/bin/bash
src={source}
dst={target}
opts="--port={port} --password-file={password}"
cd $src
rsync -az --delete $opts ./ $dst
{loop}
"""


class TreeScript(Subject):
    """The guides' first script: the whole tree for each event."""

    name, title = "script-tree", "guides' script, whole tree"
    settles = 1.5
    loop = """inotifywait -mrq --format '%w%f' -e close_write,create,delete,move,attrib ./ |
while read file; do
    rsync -az --delete $opts ./ $dst
done"""

    def write(self) -> list[str]:
        script, place = self.folder / "sync.sh", self.place
        script.write_text(
            _SCRIPT.format(
                source=place.source,
                target=f"{USER}@127.0.0.1::target",
                port=place.port,
                password=place.password_file,
                loop=self.loop,
            )
        )
        return ["bash", str(script)]


class FileScript(TreeScript):
    """The guides' second script: one rsync for each file, and one of the whole tree for a deletion."""

    name, title = "script-file", "guides' script, per file"
    loop = """inotifywait -mrq --format '%e %w%f' -e close_write,create,delete,move,attrib ./ |
while read event file; do
    case $event in
        *DELETE*|*MOVED_FROM*) rsync -az --delete $opts ./ $dst ;;
        *) rsync -azR $opts "$file" $dst ;;
    esac
done"""


ALL: dict[str, type[Subject]] = {one.name: one for one in (Ours, Unpaced, Lsyncd, TreeScript, FileScript)}
OURS = frozenset({"ours", "unpaced"})
