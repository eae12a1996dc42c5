"""A file system of its own in a file, which a host can mount, lose, and get back as it was at an earlier time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from polling import wait_for
from scene import Scene

BUSY = 20  # seconds for what is under way when a file system is to be unmounted
# Without checksums of its own, so that a test can damage one file and nothing else is noticed.
MAKE = ["mkfs.ext4", "-q", "-F", "-O", "^metadata_csum,^has_journal"]


class Volume:
    """An ext4 of so many megabytes on a loop device of this machine, for `host`.

    Loop devices are the kernel's: a host's own /dev has none, so one is made there and the mount is done from here.
    """

    def __init__(self, scene: Scene, host: str, name: str, megabytes: int = 64) -> None:
        self._scene = scene
        self._host = host
        self.image = scene.machines.folder / f"{name}.ext4"
        with self.image.open("wb") as file:
            file.truncate(megabytes << 20)
        _call(*MAKE, str(self.image))
        self.device = ""
        self.mounted = ""

    def mount(self, path: str, options: str = "rw") -> Path:
        """Mount it on the host; where it is, as this machine sees it."""
        self.device = _call("losetup", "--find", "--show", str(self.image)).strip()
        number = os.stat(self.device).st_rdev
        there = f"/dev/volume{os.minor(number)}"
        self._on_host(f"mkdir -p {path}; rm -f {there}; mknod {there} b {os.major(number)} {os.minor(number)}")
        self._on_host(f"mount -t ext4 -o {options} {there} {path}")
        self.mounted = path
        return self._scene.tree(self._host, path)

    def umount(self) -> None:
        """As the administrator does it.  A transfer that is under way may keep it busy for a moment, no longer."""
        again = f"umount {self.mounted} 2>&1 && echo done"
        said: list[str] = []

        def is_done() -> bool:
            said.append(self._scene.run(self._host, again, check=False).strip())
            return said[-1].endswith("done")

        wait_for(is_done, BUSY, lambda: said[-1])
        self.mounted = ""
        self._detach()

    def give_up(self) -> None:
        """Whatever became of it."""
        if self.mounted:
            self._scene.run(self._host, f"umount --lazy {self.mounted}", check=False)
            self.mounted = ""
        self._detach()
        self.image.unlink(missing_ok=True)

    def snapshot(self) -> Path:
        """A copy of it as it is on the disk, mounted or not."""
        self._scene.run(self._host, f"sync -f {self.mounted}" if self.mounted else "sync")
        kept = self.image.with_suffix(".snapshot")
        shutil.copyfile(self.image, kept)
        return kept

    def restore(self, kept: Path) -> None:
        """Make it what it was; it must not be mounted."""
        assert not self.mounted
        shutil.copyfile(kept, self.image)

    def damage(self, name: str) -> None:
        """Let the blocks of one file lie beyond the end of the disk, so that reading it fails; it must not be mounted.

        The file's own block (`debugfs`: sif block[IND]) of an extent of one; see ext4(5) and the layout of an extent.
        """
        assert not self.mounted
        _call("debugfs", "-w", "-R", f"sif {name} block[5] 0x7fffffff", str(self.image))

    def _detach(self) -> None:
        if self.device:
            _call("losetup", "--detach", self.device)
            self.device = ""

    def _on_host(self, script: str) -> None:
        _call("nsenter", f"--target={self._scene.leader(self._host)}", "--mount", "sh", "-ec", script)


def _call(*argv: str) -> str:
    done = subprocess.run(argv, check=False, text=True, capture_output=True)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout
