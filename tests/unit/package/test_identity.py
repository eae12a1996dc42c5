"""A source is known again after a reboot, and another one in its place is not taken for it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from lockstep.source import identity
from lockstep.source.identity import Identity

KNOWN = Identity(fstype="ext4", uuid="u", udev_uuid="d", fsid="f", inode=2, marker="m")


def test_a_directory_is_the_same_as_itself(tmp_path: Path) -> None:
    first = identity.read(os.fsencode(tmp_path))
    assert identity.differences(first, identity.read(os.fsencode(tmp_path))) == []
    assert first.inode == tmp_path.stat().st_ino
    assert first.marker is None


def test_another_root_is_told_from_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = (identity.read(os.fsencode(tmp_path / name)) for name in "ab")
    assert identity.differences(a, b) == [f"the root's inode was {a.inode} and is {b.inode}"]


def test_the_marker_is_read_and_its_loss_noticed(tmp_path: Path) -> None:
    before = identity.read(os.fsencode(tmp_path))
    (tmp_path / ".lockstep").mkdir()
    (tmp_path / ".lockstep/identity").write_text("1234\n")
    with_marker = identity.read(os.fsencode(tmp_path))
    assert with_marker.marker == "1234"
    assert identity.differences(before, with_marker) == []
    assert identity.differences(with_marker, before) == ["the marker .lockstep/identity (1234) is gone"]
    other = replace(with_marker, marker="5678")
    assert identity.differences(with_marker, other) == ["the marker .lockstep/identity was 1234 and is 5678"]


@pytest.mark.parametrize("kind", ["fifo", "link", "file in the place of the folder"])
def test_a_marker_that_is_a_trap_neither_hangs_nor_leads_away(tmp_path: Path, kind: str) -> None:
    marker = tmp_path / ".lockstep/identity"
    (tmp_path / "elsewhere").write_text("stolen")
    if kind == "file in the place of the folder":
        marker.parent.write_text("x")
    else:
        marker.parent.mkdir()
        if kind == "fifo":
            os.mkfifo(marker)
        else:
            marker.symlink_to(tmp_path / "elsewhere")
    if kind == "link":
        with pytest.raises(OSError, match="symbolic links"):
            identity.read(os.fsencode(tmp_path))
    else:
        assert identity.read(os.fsencode(tmp_path)).marker is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fstype": "tmpfs"}, "the file system's type was ext4 and is tmpfs"),
        ({"uuid": "v"}, "the file system's UUID was u and is v"),
        ({"udev_uuid": "e"}, "the file system's UUID on the device was d and is e"),
        ({"fsid": "g"}, "the file system's id was f and is g"),
    ],
)
def test_what_differs_is_said(change: dict[str, str], said: str) -> None:
    assert identity.differences(KNOWN, replace(KNOWN, **change)) == [said]  # type: ignore[arg-type]


def test_what_only_one_of_two_kernels_tells_is_no_difference() -> None:
    silent = replace(KNOWN, uuid=None, udev_uuid=None, fsid=None)
    assert identity.differences(KNOWN, silent) == []
    assert identity.differences(silent, KNOWN) == []


def test_an_identity_survives_json() -> None:
    assert Identity.from_json(json.loads(json.dumps(KNOWN.to_json()))) == KNOWN


@pytest.mark.parametrize(
    "data", [None, [], {}, {"fstype": "x"}, {"fstype": "x", "inode": True}, {**KNOWN.to_json(), "uuid": 3}]
)
def test_what_is_no_identity_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="identity"):
        Identity.from_json(data)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    identity.read(os.fsencode(tmp_path))
    identity.mount_of(os.fsencode(tmp_path))
    assert os.listdir("/proc/self/fd") == before


def test_a_source_that_is_missing_or_no_directory_raises(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for function in (identity.read, identity.quick):
        with pytest.raises(NotADirectoryError):
            function(os.fsencode(file))
        with pytest.raises(FileNotFoundError):
            function(os.fsencode(tmp_path / "missing"))


def test_quick_tells_a_directory_from_the_one_that_replaced_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = identity.quick(os.fsencode(tmp_path / "a"))
    assert identity.quick(os.fsencode(tmp_path / "a")) == before
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "b").rename(tmp_path / "a")
    assert identity.quick(os.fsencode(tmp_path / "a")) != before


def test_the_mount_of_proc_is_proc() -> None:
    mount = identity.mount_of(b"/proc/sys")
    assert (mount.mountpoint, mount.fstype) == (b"/proc", "proc")


def test_mountinfo_is_read_with_its_escapes_and_optional_fields() -> None:
    text = (
        b"36 35 98:0 /mnt1 /mnt/a\\040b\\012c\\134 rw,noatime master:1 shared:2 - nfs4 srv:/ex\\040port rw\n"
        b"37 35 0:5 / /\xff rw - fuse.sshfs me@host:/ rw\n"
        b"nonsense\n"
    )
    mounts = identity.parse_mountinfo(text)
    assert mounts[36] == (b"/mnt/a b\nc\\", "nfs4", b"srv:/ex port", "98:0")
    assert mounts[37].mountpoint == b"/\xff"
    assert all(identity.is_network(mount.fstype) for mount in mounts.values())


@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.ntfs-3g"])
def test_a_local_file_system_is_not_taken_for_a_network_one(fstype: str) -> None:
    assert not identity.is_network(fstype)
