"""What a mirror remembers survives a restart, whatever the names; what cannot be read is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lockstep import memory
from lockstep.source.identity import Identity
from lockstep.source.witness import Sighting

KNOWN = Identity(fstype="ext4", uuid="u", udev_uuid=None, fsid="f", inode=2, marker="m")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    first = memory.load(str(tmp_path), "data")
    assert (first.identity, first.nested, first.confirmed, first.held) == (None, [], {}, [])
    first.identity, first.nested, first.confirmed = KNOWN, [b"sub", b"\xff\n"], {"rsync://h/m": 12.5}
    first.held = ["rsync://h/m"]
    first.evidence = [Sighting(b"\xff/f", 7, 10**18 + 1)]
    first.save()
    again = memory.load(str(tmp_path), "data")
    assert again == first
    assert os.listdir(tmp_path) == ["data.json"]


def test_each_mirror_has_its_own(tmp_path: Path) -> None:
    one = memory.load(str(tmp_path), "one")
    one.confirmed["u"] = 1.0
    one.save()
    assert memory.load(str(tmp_path), "two").confirmed == {}


def test_no_file_is_no_matter_for_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory.load(str(tmp_path), "data")
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b"1", b"\xff", b"{}", b'{"identity": null, "nested": [], "confirmed": []}',
        b'{"identity": {"fstype": 1}, "nested": [], "confirmed": {}}',
        b'{"identity": null, "nested": [1], "confirmed": {}}',
        b'{"identity": null, "nested": [], "confirmed": {"u": "x"}}',
        b'{"identity": null, "nested": [], "confirmed": {"u": null}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.json").write_bytes(content)
    found = memory.load(str(tmp_path), "data")
    assert (found.identity, found.nested, found.confirmed) == (None, [], {})
    assert found.unreadable.startswith(f"{tmp_path / 'data.json'} cannot be read (")
    found.save()
    assert json.loads((tmp_path / "data.json").read_text())["confirmed"] == {}


def test_a_failed_save_leaves_the_old_one(tmp_path: Path) -> None:
    first = memory.load(str(tmp_path), "data")
    first.confirmed["u"] = 1.0
    first.save()
    (tmp_path / "data.json.new").mkdir()
    first.confirmed["u"] = 2.0
    with pytest.raises(OSError, match="directory"):
        first.save()
    assert memory.load(str(tmp_path), "data").confirmed == {"u": 1.0}
