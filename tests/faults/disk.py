"""A small disk of its own below the module `small`: to be filled, limited and set read-only for real."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from polling import wait_for
from scene import SMALL, Scene

SIZE = {"ext4": 64 << 20, "btrfs": 256 << 20}
MAKE = {"ext4": ["mkfs.ext4", "-q", "-m", "0"], "btrfs": ["mkfs.btrfs", "-q"]}
TOP = "0/5"  # a btrfs file system's quota group of everything that is not in a subvolume
MOUNT_POINT = str(Path(SMALL.path).parent)


def _here(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), check=False, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class Disk:
    """A file system in a file, mounted here and on the backup host; `close()` puts its content back."""

    def __init__(self, scene: Scene, kind: str = "ext4") -> None:
        self._scene = scene
        self._under = scene.machines.disk(SMALL.host, MOUNT_POINT)  # what it lies over
        self._image = scene.machines.folder / "small.img"
        self.mounted = scene.machines.folder / "small-disk"
        self._ballast = self.mounted / "ballast"
        self._kind = kind
        self._device = ""

    def open(self) -> None:
        """Lay it over the module's directory, with what that has."""
        kind = self._kind
        self._scene.wait_in_step()  # what is being written would be copied as it is half way
        with self._image.open("wb") as file:
            file.truncate(SIZE[kind])
        _here(*MAKE[kind], self._image)
        self._device = _here("losetup", "--find", "--show", self._image)
        self.mounted.mkdir(exist_ok=True)
        _here("mount", self._device, self.mounted)
        if kind == "ext4":
            (self.mounted / "lost+found").rmdir()
        _here("cp", "-a", f"{self._under}/.", self.mounted)
        number = self._device.removeprefix("/dev/loop")
        self._on_the_host(f"rm -f /dev/small; mknod -m 600 /dev/small b 7 {number} && mount /dev/small {MOUNT_POINT}")
        self._daemon_anew()

    def _on_the_host(self, script: str) -> None:
        """In the backup host's view of its files, with this machine's right to use the device."""
        _here("nsenter", "-t", self._scene.leader(SMALL.host), "-m", "sh", "-c", script)

    def _daemon_anew(self) -> None:
        """What stands connected has gone into the directory that was there before."""
        self._scene.run(SMALL.host, "systemctl restart rsync")
        self._scene.become_equal()
        self._scene.wait_in_step()

    def fill(self) -> None:
        """Until nothing is left."""
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size) == size:
                        pass
            os.fsync(file.fileno())

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def set_read_only(self, read_only: bool) -> None:
        """As after an error of the disk, or by an administrator's hand: also for who has it mounted already."""
        option = "remount,ro" if read_only else "remount,rw"

        def is_done() -> bool:
            done = subprocess.run(["mount", "-o", option, str(self.mounted)], check=False, capture_output=True)
            return done.returncode == 0  # not while a file is being written

        wait_for(is_done, 60, f"mount -o {option}")

    def limit(self, more: int | None) -> None:
        """What may be used is what is used now and so many bytes; None: no limit.  For btrfs."""
        if more is None:
            _here("btrfs", "qgroup", "limit", "none", TOP, self.mounted)
            return
        _here("btrfs", "quota", "enable", self.mounted)
        _here("btrfs", "quota", "rescan", "-w", self.mounted)
        shown = _here("btrfs", "qgroup", "show", "--raw", "--sync", self.mounted).splitlines()
        used = next(int(line.split()[1]) for line in shown if line.split()[0] == TOP)
        _here("btrfs", "qgroup", "limit", used + more, TOP, self.mounted)

    def close(self) -> None:
        """However far `open()` has come."""
        self._scene.run(SMALL.host, "systemctl stop rsync")
        self._scene.run(SMALL.host, f"! mountpoint -q {MOUNT_POINT} || umount -l {MOUNT_POINT}")
        if os.path.ismount(self.mounted):
            self.free()
            for old in self._under.iterdir():
                shutil.rmtree(old)
            _here("cp", "-a", f"{self.mounted}/.", self._under)  # with fake super's attributes, which rsync leaves out
            _here("umount", self.mounted)
        if self._device:
            _here("losetup", "--detach", self._device)
        self._image.unlink()
        self._scene.run(SMALL.host, "systemctl start rsync")
