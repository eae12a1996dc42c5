#!/usr/bin/env python3
"""The watcher over a slow, narrow link: `tests/bench/link.py --delay 50 --rate 10mbit lag throughput`.

Makes two network namespaces and carries the packets between them in user space, each late by `--delay` in both
directions (so a round trip is twice that) and no faster than `--rate`: no netem is needed, and no root where users may
make namespaces.  The watcher is in one, a daemon in the other; both work in memory where there is room.  Prints one
line of JSON for each figure; docs/links.md has them.
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).parents[2] / "roles/watcher/files"))
sys.path.insert(0, str(Path(__file__).parents[1] / "system"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import rig
from rig import PASSWORD, USER, Watcher, wait_for

from lockstep.source.inotify import MOVED_TO, Inotify

INSIDE = "LINK_BENCH_INSIDE"
NEAR, FAR, PORT = "192.0.2.1", "192.0.2.2", 8730  # addresses for documentation (RFC 5737): nobody's
BUFFER = 0.5  # seconds of the link's rate that wait in front of it before packets are dropped, as in the lab
PACKET_VNET_HDR = 15  # packet(7); keeps checksum and segment offload
SOL_PACKET = 263
HEADER = 10  # bytes in front of every frame with that option (struct virtio_net_hdr)


def relay(a: str, b: str, delay: float, rate: float) -> None:
    """Carry frames between two devices, `delay` seconds late and at most `rate` bits a second each way; never ends."""
    sockets = []
    for device in (a, b):
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        one.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        one.bind((device, 0))
        one.setblocking(False)
        sockets.append(one)
    print("relaying", flush=True)
    other = {sockets[0]: sockets[1], sockets[1]: sockets[0]}
    free = dict.fromkeys(sockets, 0.0)  # when the link in this direction has carried what waits
    queue: list[tuple[float, int, socket.socket, bytes]] = []
    number = 0
    while True:
        timeout = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        for one in select.select(sockets, [], [], timeout)[0]:
            for _turn in range(64):
                try:
                    frame, address = one.recvfrom(1 << 17)
                except BlockingIOError:
                    break
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                now = time.monotonic()
                if rate:
                    begin = max(now, free[one])
                    if begin - now > BUFFER:
                        continue  # dropped
                    now = free[one] = begin + (len(frame) - HEADER) * 8 / rate  # as tc counts
                number += 1
                heapq.heappush(queue, (now + delay, number, other[one], frame))
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _due, _number, one, frame = heapq.heappop(queue)
            with contextlib.suppress(OSError):
                one.send(frame)


class Link:
    """Two namespaces; `near` and `far` are the commands that run another one in them."""

    def __init__(self) -> None:
        self._holders = [
            subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
            for _side in range(2)
        ]
        for holder in self._holders:
            assert holder.stdout is not None
            holder.stdout.readline()
        self.near, self.far = (["nsenter", f"--net=/proc/{holder.pid}/ns/net"] for holder in self._holders)
        self._relay: Optional[subprocess.Popen[str]] = None
        for end, (holder, enter) in zip("ab", zip(self._holders, (self.near, self.far))):
            sh("ip", "link", "add", f"r{end}", "type", "veth", "peer", "name", "wire", "netns", str(holder.pid))
            sh(*enter, "ip", "address", "add", f"{NEAR if end == 'a' else FAR}/24", "dev", "wire")
            sh("ip", "link", "set", f"r{end}", "up")
            sh(*enter, "ip", "link", "set", "lo", "up")
            sh(*enter, "ip", "link", "set", "wire", "up")

    def shape(self, delay: float, rate: float, window: int = 0, congestion: str = "") -> None:
        """`delay`: seconds one way; `rate`: bits a second, 0 for as fast as this carries; `window`: the sender's
        initial congestion window in packets (ip-route(8), initcwnd), `congestion` its algorithm (tcp(7)); 0 and ""
        for the kernel's."""
        self._end_relay()
        if window or congestion:
            route = ["ip", "route", "replace", f"{FAR}/32", "dev", "wire", "src", NEAR]
            route += ["initcwnd", str(window)] if window else []
            sh(*self.near, *route, *(["congctl", congestion] if congestion else []))
        whole = 0 < rate <= 50e6  # single frames keep the rate smooth, at a price in CPU
        for enter in (self.near, self.far):
            sh(*enter, "ip", "link", "set", "wire", "gso_max_segs", "1" if whole else "65535")
        self._relay = subprocess.Popen(
            [sys.executable, __file__, "--relay", str(delay), str(rate)], stdout=subprocess.PIPE, text=True
        )
        assert self._relay.stdout is not None
        assert self._relay.stdout.readline() == "relaying\n"

    def carried(self) -> int:
        """Bytes that went from the near side to the far one."""
        text = Path(f"/proc/{self._holders[0].pid}/net/dev").read_text()
        found = re.search(r"wire:\s*(.*)", text)
        assert found is not None
        return int(found[1].split()[8])

    def close(self) -> None:
        self._end_relay()
        for end in "ab":  # a namespace goes some time after its last process
            subprocess.run(["ip", "link", "del", f"r{end}"], capture_output=True, check=False)
        for holder in self._holders:
            holder.kill()
            holder.wait()

    def _end_relay(self) -> None:
        if self._relay is not None:
            self._relay.kill()
            self._relay.wait()


def sh(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"link: {' '.join(command)}: {done.stderr.strip()}")


class FarDaemon:
    """`rsync --daemon` at the far side, as the role configures it where nobody is root."""

    def __init__(self, folder: Path, link: Link) -> None:
        self.target = folder / "backup"
        self.target.mkdir()
        for name, text in (("secrets", f"{USER}:{PASSWORD}\n"), ("password", PASSWORD + "\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        owner = "uid = 0\ngid = 0\n" if os.geteuid() == 0 else ""
        (folder / "rsyncd.conf").write_text(
            f"address = {FAR}\nport = {PORT}\nuse chroot = no\nsocket options = TCP_NODELAY\nmunge symlinks = yes\n"
            f"lock file = {folder}/lock\nlog file = {folder}/rsyncd.log\n"
            f"[backup]\npath = {self.target}\nread only = no\n{owner}"
            f"auth users = {USER}:rw\nsecrets file = {folder}/secrets\n"
        )
        self.password_file = folder / "password"
        self._process = subprocess.Popen(
            [*link.far, "rsync", "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(0.3)

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Scene:
    """A watcher over the link, in step; what the scenarios measure in."""

    def __init__(self, folder: Path, link: Link, given: argparse.Namespace) -> None:
        self.given = given
        self.link = link
        self.source = folder / "source"
        self.source.mkdir()
        self.daemon = FarDaemon(folder, link)
        target: dict[str, Any] = {
            "url": f"rsync://{USER}@{FAR}:{PORT}/backup", "password_file": str(self.daemon.password_file)
        }  # fmt: skip
        if given.rsync_options:
            target["rsync_options"] = given.rsync_options.split(",")
        self.watcher = Watcher(folder, self.source, [target], max_delete={"at_least": 10**9})
        self.watcher.before = link.near
        for number in range(4):
            (self.source / f"d{number}").mkdir()
        self.watcher.start()
        self.watcher.wait_in_step()
        self._inotify = Inotify()
        self._names = {self._inotify.add(os.fsencode(self.target / f"d{number}")): f"d{number}" for number in range(4)}
        self.seen: dict[str, float] = {}

    @property
    def target(self) -> Path:
        return self.daemon.target

    def look(self, seconds: float) -> None:
        """Note for so long what appears on the target."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._inotify], [], [], left)[0]:
                now = time.monotonic()
                for wd, mask, _cookie, name in self._inotify.read():
                    if mask & MOVED_TO:
                        self.seen.setdefault(f"{self._names[wd]}/{os.fsdecode(name)}", now)

    def write(self, name: str, data: bytes) -> float:
        """Write a file, and say when it was closed."""
        with (self.source / name).open("wb", buffering=0) as file:
            file.write(data)
        return time.monotonic()

    def close(self) -> None:
        if self.watcher.process is not None:
            self.watcher.stop()
        self.daemon.close()


def summary(lags: list[float], round_trip: float) -> dict[str, Any]:
    """Milliseconds, and the median and the 95th of a hundred as multiples of the round trip."""
    lags = sorted(lags)
    p50, p95 = statistics.median(lags), lags[min(len(lags) - 1, int(len(lags) * 0.95))]
    return {
        "count": len(lags), "p50_ms": round(1000 * p50, 1), "p95_ms": round(1000 * p95, 1),
        "max_ms": round(1000 * lags[-1], 1),
        "p50_rtt": round(p50 / round_trip, 2), "p95_rtt": round(p95 / round_trip, 2),
    }  # fmt: skip


def measure_lag(scene: Scene, round_trip: float, behind: int = 1, apart: float = 0.005) -> list[dict[str, Any]]:
    """`behind` changes follow one another `apart` seconds, then there is a pause; figures for the first, second, …"""
    closed: list[list[tuple[str, float]]] = []
    for turn in range(scene.given.repeat):
        row = []
        for number in range(behind):
            name = f"d{number % 4}/{behind}-{turn}-{number}"
            row.append((name, scene.write(name, random.randbytes(scene.given.size))))
            if number + 1 < behind:
                scene.look(apart)
        closed.append(row)
        scene.look(max(1.5, 12 * round_trip))
    found = []
    for number in range(behind):
        lags = [scene.seen[name] - at for name, at in (row[number] for row in closed) if name in scene.seen]
        found.append({"change": number + 1, "lost": len(closed) - len(lags), **summary(lags, round_trip)})
    return found


def fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(random.randbytes(min(size, 1 << 20)))


def measure_beside(scene: Scene, round_trip: float, rate: float) -> dict[str, Any]:
    """Lag of small changes, two seconds apart, while a large file is under way for `--seconds`."""
    fill(scene.source.parent / "stage", int((rate or 400e6) / 8 * scene.given.seconds))
    os.rename(scene.source.parent / "stage", scene.source / "d0/large")
    scene.look(1 + 10 * round_trip)
    closed: list[tuple[str, float]] = []
    while "d0/large" not in scene.seen:
        name = f"d{1 + len(closed) % 3}/beside-{len(closed)}"
        closed.append((name, scene.write(name, random.randbytes(scene.given.size))))
        scene.look(2)
    return summary([scene.seen[name] - at for name, at in closed[:-1] if name in scene.seen], round_trip)


def measure_stream(scene: Scene, round_trip: float, rate: float) -> dict[str, Any]:
    """Files of 10 to 100 KB at `rate` bits a second; lag of those of the first and of the last third."""
    closed: list[tuple[str, float]] = []
    before = own_cpu(scene)
    start = due = time.monotonic()
    while due < start + scene.given.seconds:
        scene.look(due - time.monotonic())
        size = random.randrange(10_000, 100_000)
        name = f"d{len(closed) % 4}/stream-{len(closed)}"
        closed.append((name, scene.write(name, random.randbytes(size))))
        due += size * 8 / rate
    spent = own_cpu(scene) - before
    wrote = time.monotonic() - start
    until = time.monotonic() + 30
    while time.monotonic() < until and not all(name in scene.seen for name, _at in closed):
        scene.look(0.1)
    lags = [scene.seen.get(name, until) - at for name, at in closed]
    third = len(lags) // 3
    return {
        "files_per_s": round(len(closed) / wrote, 1), "cpu": round(spent / wrote, 3),
        "first_third": summary(lags[:third], round_trip), "last_third": summary(lags[-third:], round_trip),
    }  # fmt: skip


def own_cpu(scene: Scene) -> float:
    """CPU seconds of the watcher and of the rsync processes that it has waited for."""
    assert scene.watcher.process is not None
    fields = Path(f"/proc/{scene.watcher.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def measure_throughput(scene: Scene, rate: float, kind: str) -> dict[str, Any]:
    """The share of the link's rate that is reached, from the first change until the trees are equal."""
    seconds = scene.given.seconds
    total = int((rate or 400e6) / 8 * seconds)
    files: list[int] = []
    if kind == "large":
        files = [total]
    else:
        while sum(files) < total:
            files.append(random.randrange(10_000, 100_000))
    stage = scene.source.parent / "stage"
    stage.mkdir()
    for number, size in enumerate(files):
        fill(stage / f"{kind}{number}", size)
    before = scene.link.carried()
    start = time.monotonic()
    for number in range(len(files)):
        os.rename(stage / f"{kind}{number}", scene.source / f"d{number % 4}" / f"{kind}{number}")
    stage.rmdir()
    moved = time.monotonic() - start

    def arrived() -> bool:
        scene.look(0.05)
        return sum(name.split("/")[1].startswith(kind) for name in scene.seen) >= len(files)

    wait_for(arrived, 60 + 10 * seconds, "all files on the target")
    took = max(at for name, at in scene.seen.items() if name.split("/")[1].startswith(kind)) - start
    scene.watcher.wait_in_step()
    payload = sum(files)
    return {
        "files": len(files), "bytes": payload, "seconds": round(took, 2), "moved_in_s": round(moved, 2),
        "mbit": round(payload * 8 / took / 1e6, 2), "share": round(payload * 8 / took / rate, 3) if rate else None,
        "carried": scene.link.carried() - before,
    }  # fmt: skip


def parse_rate(text: str) -> float:
    """Bits a second from tc's notation: 10mbit; 0: not limited."""
    found = re.fullmatch(r"([0-9.]+)(kbit|mbit|gbit)?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate; write 10mbit")
    return float(found[1]) * {None: 1.0, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9}[found[2]]


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    folder = Path(tempfile.mkdtemp(prefix="link-", dir=memory if roomy else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(given: argparse.Namespace) -> None:
    delay, rate = given.delay / 1000, given.rate
    round_trip = 2 * delay
    for scenario in given.scenarios:
        with workplace() as folder:
            link = Link()
            scene: Optional[Scene] = None
            try:
                link.shape(delay, rate, given.initcwnd, given.congestion)
                scene = Scene(folder, link, given)
                results: list[dict[str, Any]]
                if scenario.startswith("stream-"):
                    results = [measure_stream(scene, round_trip, parse_rate(scenario[7:]))]
                elif scenario == "beside":
                    results = [measure_beside(scene, round_trip, rate)]
                elif scenario == "throughput":
                    results = [{"kind": kind, **measure_throughput(scene, rate, kind)} for kind in ("small", "large")]
                else:
                    behind = {"lag": 1, "pair": 2, "row": 5}[scenario]
                    results = measure_lag(scene, round_trip, behind, given.apart / 1000)
                for result in results:
                    line = {"scenario": scenario, "delay_ms": given.delay, "rate_mbit": rate / 1e6, **result}
                    print(json.dumps(line), flush=True)
            finally:
                if scene is not None:
                    if given.keep_log:
                        shutil.copy(scene.watcher.log, given.keep_log)
                    scene.close()
                link.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--relay", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--delay", type=float, default=50.0, help="milliseconds, each way")
    parser.add_argument("--rate", type=parse_rate, default=parse_rate("10mbit"), help="as 10mbit; 0: not limited")
    parser.add_argument("--repeat", type=int, default=20, help="changes to measure the lag of")
    parser.add_argument("--size", type=int, default=4000, help="bytes of such a change")
    parser.add_argument("--apart", type=float, default=5.0, help="milliseconds between the changes of a row")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long the link is to be filled")
    parser.add_argument("--initcwnd", type=int, default=0, help="initial congestion window of the sender, in packets")
    parser.add_argument("--congestion", default="", help="congestion control of the sender: cubic, bbr")
    parser.add_argument("--rsync-options", default="", help="rsync_options of the target, with commas")
    parser.add_argument("--package", help="folder that holds another version of the watcher's package")
    parser.add_argument("--keep-log", help="copy the watcher's log there")
    parser.add_argument("scenarios", nargs="*", default=["lag"], help="lag, pair, row, beside, throughput, stream-RATE")
    given = parser.parse_args()
    if given.relay:
        relay("ra", "rb", *map(float, given.relay))
    if not os.environ.get(INSIDE):
        user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
        words = ["unshare", *user, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return subprocess.call([*words, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"})
    if given.package:
        rig.ENVIRONMENT["PYTHONPATH"] = given.package
    run(given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
