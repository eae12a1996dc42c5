#!/usr/bin/env python3
"""What the transport tls costs beside plain: `tests/bench/tls.py [--seconds 40] [--megabytes 500]`.

Both on this machine's loopback, one after the other and again, the tunnel's ends as the role configures them: lag of
files written 5 a second, and the time of one large file. Prints a line of JSON for each; docs/security.md has them.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2

HERE = Path(__file__).parents[2]
sys.path[:0] = [str(HERE / "tests"), str(HERE / ".collections")]

from ansible_collections.lockstep.realtime.plugins.plugin_utils._authority import Authority  # noqa: E402 (found above)

from bench import accounting, load  # noqa: E402
from bench.extent import Extent  # noqa: E402
from bench.place import Place, free_port  # noqa: E402
from bench.scenarios_lag import lag  # noqa: E402
from bench.subjects import Ours  # noqa: E402

RATE = 5
DAEMON = ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1"]


class Encrypted(Ours):
    """The watcher, and what stands between it and the daemon: two stunnels, and the daemon that is told of clients."""

    name, title = "tls", "lockstep, tls"

    def write(self) -> list[str]:
        argv = super().write()
        folder, near, far, daemon = self.folder, free_port(), free_port(), free_port()
        _certificates(folder)
        settings: dict[str, Any] = {"tls_dir": folder, "tls_log_level": "warning", "ansible_managed": "bench"}
        server = {"tls_serve": True, "tls_address": "127.0.0.1", "tls_port": far, "tls_daemon_port": daemon}
        tunnel = {"host": "b", "name": "host", "accept": f"127.0.0.1:{near}", "connect": f"127.0.0.1:{far}"}
        merged = f"proxy protocol = yes\nproxy protocol hosts = 127.0.0.1\n&merge {self.place.top}/rsyncd.conf\n"
        # its address and port stand on the command line, which go before
        (folder / "proxy.conf").write_text(merged)
        self._others = [
            subprocess.Popen(command, stdin=subprocess.DEVNULL)
            for command in (
                _stunnel(folder / "server.conf", {**settings, **server, "tls_tunnels": []}),
                _stunnel(folder / "client.conf", {**settings, "tls_serve": False, "tls_tunnels": [tunnel]}),
                [*DAEMON, f"--config={folder}/proxy.conf", f"--port={daemon}"],
            )
        ]
        config = Path(argv[-1])
        url = self.place.url().rstrip("/")
        files = f"ca: {folder}/ca.pem, certificate: {folder}/host.pem, key: {folder}/host.key"
        tls = f"    tls: {{connect: '127.0.0.1:{near}', {files}, server_name: host}}\n"
        text = config.read_text().replace(url, re.sub(r":\d+/", f":{far}/", url))
        config.write_text(text + tls)
        return argv

    def ends_cpu(self) -> float:
        """CPU seconds so far of both ends of the tunnel."""
        return sum(accounting.cpu_seconds(process.pid) for process in self._others[:2])

    def stop(self) -> None:
        super().stop()
        for process in self._others:
            process.terminate()
            process.wait(20)


def _certificates(folder: Path) -> None:
    key, request = folder / "host.key", folder / "request"
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=host", "-keyout", str(key), "-out", str(request)]
    subprocess.run(command, check=True, capture_output=True)
    authority = Authority(str(folder / "authority"))
    authority.make(9)
    (folder / "host.pem").write_text(authority.sign(request.read_text(), ["DNS:host"], 9))
    (folder / "ca.pem").write_text(authority.text())


def _stunnel(path: Path, values: dict[str, Any]) -> list[str]:
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(comment=lambda text: f"# {text}", bool=bool)
    template = (HERE / "roles/tls/templates/stunnel.conf.j2").read_text()
    path.write_text(environment.from_string(template).render(values) + "\n")
    return ["stunnel", str(path)]


@contextmanager
def standing(kind: type[Ours], top: Path) -> Iterator[Ours]:
    place = Place(top)
    place.open()
    subject = kind(place)
    try:
        yield subject
    finally:
        subject.stop()
        place.close()


def one_file(subject: Ours, megabytes: int) -> dict[str, Any]:
    """From the moment that it is moved into the source until it stands on the target under its name."""
    place = subject.place
    subject.start()
    subject.wait_live()
    stage = place.top / "large"
    load.make_file(stage, megabytes << 20)
    before = subject.ends_cpu() if isinstance(subject, Encrypted) else 0.0
    began = time.perf_counter()
    stage.rename(place.source / "large")
    while not (place.target / "large").exists():
        time.sleep(0.001)
    took = time.perf_counter() - began
    found = {"megabytes": megabytes, "seconds": round(took, 2), "mb_per_s": round(megabytes / took)}
    if isinstance(subject, Encrypted):
        found["ends_cpu_s"] = round(subject.ends_cpu() - before, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of writing, for the lag")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=2)
    given = parser.parse_args()
    extent = Extent(lag_seconds={RATE: given.seconds})
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder:
        for turn in range(given.repeat):
            for kind in (Ours, Encrypted):
                top = Path(folder) / f"{kind.name}{turn}"
                with standing(kind, top / "lag") as subject:
                    found = lag(RATE, subject.place, subject, extent)
                shown = {key: round(found[key], 2) for key in ("p50_ms", "p99_ms", "max_ms", "cpu_per_file_ms")}
                print(json.dumps({"transport": subject.title, "files": found["files"], **shown}), flush=True)
                with standing(kind, top / "large") as subject:
                    print(json.dumps({"transport": subject.title, **one_file(subject, given.megabytes)}), flush=True)


if __name__ == "__main__":
    main()
