"""Kinds of change that only root can make (C1)."""

from __future__ import annotations

import os
import stat

from conftest import Rig


def test_owners_arrive(rig: Rig) -> None:
    """C1: by number, whether somebody here or there has that number or not."""
    rig.start()
    for name in ("f", "d"):
        path = rig.source / name
        path.mkdir() if name == "d" else path.touch()
        rig.equal(owners=True)
        os.chown(path, 4321, 1234)
        rig.equal(owners=True)
    (rig.source / "l").symlink_to("nowhere")
    os.lchown(rig.source / "l", 77, 78)
    rig.equal(owners=True)
    os.chown(rig.source, 5, 6)
    rig.equal(owners=True)


def test_a_chown_that_clears_the_setuid_bit_arrives(rig: Rig) -> None:
    """C1: the kernel takes it away, and both are one event."""
    path = rig.source / "f"
    path.touch()
    path.chmod(0o4755)
    rig.start()
    rig.equal(owners=True)
    os.chown(path, 12, 34)
    rig.equal(owners=True)


def test_devices_arrive(rig: Rig) -> None:
    """C1: and one that becomes another."""
    rig.start()
    os.mknod(rig.source / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.mknod(rig.source / "loop", stat.S_IFBLK | 0o660, os.makedev(7, 0))
    rig.equal(owners=True)
    os.unlink(rig.source / "zero")
    os.mknod(rig.source / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    rig.equal(owners=True)
