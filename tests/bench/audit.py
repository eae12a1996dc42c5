"""How long an audit of many files takes: `tests/bench/audit.py [FILES]`, beside a bare dry run of rsync.

Makes a tree and its copy in a folder of its own, starts a daemon on a free port, and runs the module as Ansible does.
Prints seconds and CPU seconds of each; exits with 1 when the quick audit takes longer than LIMIT.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/tools"))

from ports import free_port  # noqa: E402 (found by the line above)

LIMIT = 15.0  # seconds for 200,000 files
PER_FOLDER = 100


def make(top: Path, files: int) -> None:
    """So many small files, a hundred in each directory, a hundred directories in each of those above."""
    for number in range(0, files, PER_FOLDER):
        folder = top / f"{number // PER_FOLDER // 100:03}/{number // PER_FOLDER:05}"
        folder.mkdir(parents=True)
        for each in range(min(PER_FOLDER, files - number)):
            (folder / f"{each:03}.jpg").write_bytes(b"x" * (100 + each))


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """The URL of a module that is the folder `copy`."""
    port = free_port()
    user = f"uid = {os.geteuid()}\ngid = {os.getegid()}\n" if os.geteuid() == 0 else ""
    module = f"[copy]\npath = {folder}/copy\nuse chroot = no\nread only = no\n{user}"
    (folder / "rsyncd.conf").write_text(f"port = {port}\naddress = 127.0.0.1\nlog file = {folder}/log\n{module}")
    process = subprocess.Popen(["rsync", "--daemon", "--no-detach", f"--config={folder}/rsyncd.conf"])
    try:
        until = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, "the daemon has ended"
            assert time.monotonic() < until, "the daemon does not start"
            time.sleep(0.01)
        yield f"rsync://127.0.0.1:{port}/copy"
    finally:
        process.terminate()
        process.wait()


def measured(command: list[str], stdin: str = "") -> tuple[float, float, str]:
    """Seconds, CPU seconds of it and its children, and its output."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    output = subprocess.run(
        command,
        input=stdin,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".collections")},
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, cpu, output


def audit(folder: Path, url: str, **options: object) -> tuple[float, float, dict[str, object]]:
    """The same for the module, with its answer."""
    module = [sys.executable, "-m", "ansible_collections.lockstep.realtime.plugins.modules.sync_audit"]
    arguments = {"source": str(folder / "source"), "targets": [{"url": url}], **options}
    seconds, cpu, output = measured(module, json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    return seconds, cpu, json.loads(output)


def main() -> int:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    folder = Path(tempfile.mkdtemp(prefix="lockstep-audit-"))
    try:
        make(folder / "source", files)
        shutil.copytree(folder / "source", folder / "copy")
        subprocess.run(["cp", "-a", f"{folder}/source/.", f"{folder}/copy"], check=True)
        with daemon(folder) as url:
            bare = ["rsync", "-an", "--delete", "-i", f"{folder}/source/", f"{url}/"]
            seconds, cpu, _output = measured(bare)
            print(f"{files} files: rsync -an --delete {seconds:6.2f} s, {cpu:5.2f} s of CPU")
            quick, cpu, answer = audit(folder, url)
            assert answer["in_step"], answer
            print(f"{files} files: sync_audit quick    {quick:6.2f} s, {cpu:5.2f} s of CPU")
            seconds, cpu, answer = audit(folder, url, checksum=True)
            assert answer["in_step"], answer
            print(f"{files} files: sync_audit checksum {seconds:6.2f} s, {cpu:5.2f} s of CPU")
            for number in range(0, files, 10 * PER_FOLDER):
                os.unlink(folder / f"copy/{number // PER_FOLDER // 100:03}/{number // PER_FOLDER:05}/000.jpg")
            seconds, cpu, answer = audit(folder, url, repair=True)
            assert answer["in_step"], answer
            print(f"{answer['missing']} missing: mended in {seconds:.2f} s, 3 s of them settle, {cpu:.2f} s of CPU")
    finally:
        shutil.rmtree(folder)
    return int(quick > LIMIT * max(1, files / 200_000))


if __name__ == "__main__":
    sys.exit(main())
