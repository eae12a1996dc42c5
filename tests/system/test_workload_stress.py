"""stress-ng's file system stressors in the source: they do everything that a file system allows, as fast as it goes.

Each group is ended in the middle, so that what it had made is there to be compared.  Two kinds of change give no event
that names what was changed: through another name of a hard link, and through mmap to a file that stays open.  Where a
group has made such ones, a reconcile is asked for at the end; without that the daily one finds them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Rig
from rig import wait_for
from workload import UNGUARDED, bare, run, times

SECONDS = times(2, 15)  # of each group
GROUPS = {
    "directories": ("dentry", "dir", "dirdeep", "dirmany", "mknod"),
    "names": ("filename", "rename", "touch", "open"),
    "links": ("link", "symlink"),
    "attributes": ("chmod", "chown", "utime", "fstat", "chdir", "inode-flags"),
    "contents": ("fallocate", "hdd", "fpunch", "fsize", "seek", "revio", "sync-file", "readahead"),
    "mmap": ("iomix", "msync"),
    "locks and leases": ("flock", "lockf", "locka", "lease", "getdent", "access"),
}
SIZES = (
    "--hdd-bytes=4m", "--fallocate-bytes=4m", "--sync-file-bytes=4m", "--readahead-bytes=4m",
    "--iomix-bytes=4m", "--msync-bytes=4m", "--dirdeep-inodes=2000", "--dentries=500",
)  # fmt: skip


def _command(stressors: tuple[str, ...], folder: Path) -> list[str]:
    which = [word for stressor in stressors for word in (f"--{stressor}", "1")]
    return ["stress-ng", "--temp-path", str(folder), *which, *SIZES, "--no-rand-seed", "--timeout", "600"]


def _stress(stressors: tuple[str, ...], folder: Path) -> None:
    """Let them run for a while, and end all of them at once, whatever they are at."""
    folder.mkdir(exist_ok=True)
    said = folder.parents[1] / "stress-ng.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            _command(stressors, folder), env=bare(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=said.parent, start_new_session=True,  # some of them make files where they are
        )  # fmt: skip
    try:
        wait_for(lambda: any(folder.iterdir()) or process.poll() is not None, 30, f"{stressors} have not begun")
        until = time.monotonic() + SECONDS
        wait_for(lambda: time.monotonic() > until or process.poll() is not None, SECONDS + 10)
        assert process.poll() is None, f"{stressors} ended: {said.read_text()[-2000:]}"
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its children are in process groups of their own, and in its session."""
    session = process.pid
    while members := [
        number for number in map(int, filter(str.isdigit, os.listdir("/proc"))) if _session(number) == session
    ]:
        for number in members:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.kill(number, signal.SIGKILL)
        if process.poll() is None:
            process.wait(10)


def _session(number: int) -> int:
    try:
        return os.getsid(number)
    except ProcessLookupError:
        return 0


@pytest.mark.parametrize("group", GROUPS)
def test_stressors(rig: Rig, group: str) -> None:
    """C1, C2, C3, C16: their debris arrives, and goes when it is removed."""
    rig.start(max_delete=UNGUARDED, quiet=0.3)
    folder = rig.source / "stress"
    for _ in range(times(1, 3)):
        _stress(GROUPS[group], folder)
        rig.passed()
        assert "stress/stress-ng-" in rig.log() or "stress/tmp-stress-ng-" in rig.log(), "nothing was done there"
        if group == "mmap" or _linked(folder):
            rig.watcher.ask(command="resync", mirror="data")
        rig.equal(seconds=180, owners=os.geteuid() == 0)
    # one that is killed may leave a file that nobody may change; not all kinds of files know of that
    subprocess.run(["chattr", "-R", "-f", "-i", "-a", folder], check=False)
    run("rm", "-rf", "stress", cwd=rig.source)
    rig.equal(seconds=180)


def test_extended_attributes(rig: Rig) -> None:
    """C1, where the mirror sends them."""
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["-X"]
    rig.start(max_delete=UNGUARDED, quiet=0.3)
    for _ in range(times(2, 6)):
        _stress(("xattr",), rig.source / "stress")
        rig.equal(xattrs=True)


def _linked(folder: Path) -> bool:
    return any(path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1 for path in folder.rglob("*"))
