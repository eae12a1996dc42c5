"""Raw events are read as the kernel writes them, and nothing that it could write breaks the reader."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.source import inotify
from lockstep.source.inotify import Event, Inotify, parse_events

EVENTS = st.lists(
    st.tuples(
        st.integers(-1, 2**31 - 1),  # descriptor
        st.integers(0, 2**32 - 1),  # mask
        st.integers(0, 2**32 - 1),  # cookie
        st.binary(max_size=255).filter(lambda name: b"\0" not in name),
    ),
    max_size=8,
)


def as_the_kernel_writes(event: Event) -> bytes:
    """inotify(7): the name is ended by NULs up to a multiple of the structure's size; none for the directory itself."""
    wd, mask, cookie, name = event
    length = -(-(len(name) + 1) // 16) * 16 if name else 0
    return struct.pack("iIII", wd, mask, cookie, length) + name.ljust(length, b"\0")


@pytest.fixture
def kernel() -> Iterator[Inotify]:
    found = Inotify()
    yield found
    found.close()


@given(events=EVENTS)
def test_what_the_kernel_writes_is_read_back(events: list[Event]) -> None:
    assert parse_events(b"".join(map(as_the_kernel_writes, events))) == events


@given(data=st.binary(max_size=200))
def test_no_bytes_at_all_give_anything_but_events_or_a_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        events = parse_events(data)
        assert not any(name.endswith(b"\0") for _wd, _mask, _cookie, name in events)
        assert len(data) >= 16 * len(events)


@given(events=EVENTS.filter(bool), data=st.data())
def test_a_cut_off_buffer_is_a_value_error(events: list[Event], data: st.DataObject) -> None:
    whole = b"".join(map(as_the_kernel_writes, events))
    ends = {0}
    for event in events:
        ends.add(max(ends) + len(as_the_kernel_writes(event)))
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))
    with pytest.raises(ValueError, match="inotify"):
        parse_events(whole[:cut])


def test_nothing_waits_at_the_beginning(kernel: Inotify) -> None:
    assert kernel.read() == []


def test_a_change_is_read_with_its_name_in_bytes(kernel: Inotify, tmp_path: Path) -> None:
    wd = kernel.add(os.fsencode(tmp_path))
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff\n", os.O_CREAT | os.O_WRONLY))
    assert [event for event in kernel.read() if event[1] & inotify.CREATE] == [(wd, inotify.CREATE, 0, b"\xff\n")]


def test_whether_an_event_waits_is_known_without_reading_it(kernel: Inotify, tmp_path: Path) -> None:
    kernel.add(os.fsencode(tmp_path))
    assert not kernel.waits
    (tmp_path / "f").touch()
    assert kernel.waits
    assert kernel.waits
    kernel.read()
    assert not kernel.waits


def test_all_that_waits_comes_with_one_read_up_to_a_limit(
    kernel: Inotify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.add(os.fsencode(tmp_path))
    for number in range(3_000):
        (tmp_path / f"{number:032}").touch()
    monkeypatch.setattr(inotify, "READS", 2)
    reads = [(len(kernel.read()), kernel.drained) for _read in range(4)]
    fitting = 2 * inotify.READ_BYTES // 64  # a head of 16 bytes, and a name of 32 with its NUL, filled up to 48
    # made and closed, each
    assert reads == [(fitting, False), (fitting, False), (6_000 - 2 * fitting, True), (0, True)]


def test_one_directory_has_one_descriptor_however_often_it_is_added(kernel: Inotify, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = kernel.add(os.fsencode(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    assert kernel.add(os.fsencode(tmp_path / "b")) == first


@pytest.mark.parametrize(
    ("name", "number"), [("nowhere", errno.ENOENT), ("file", errno.ENOTDIR), ("link", errno.ENOTDIR)]
)
def test_what_is_no_directory_is_refused_with_its_number(
    kernel: Inotify, tmp_path: Path, name: str, number: int
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError) as caught:  # noqa: PT011 (the number is what tells)
        kernel.add(os.fsencode(tmp_path / name))
    assert caught.value.errno == number


def test_a_removed_watch_tells_that_it_is_gone_and_nothing_more(kernel: Inotify, tmp_path: Path) -> None:
    wd = kernel.add(os.fsencode(tmp_path))
    kernel.remove(wd)
    (tmp_path / "f").touch()
    assert kernel.read() == [(wd, inotify.IGNORED, 0, b"")]
    kernel.remove(wd)


def test_its_descriptor_is_not_inherited_and_can_be_waited_for(kernel: Inotify, tmp_path: Path) -> None:
    assert not os.get_inheritable(kernel.fileno())
    kernel.add(os.fsencode(tmp_path))
    (tmp_path / "f").touch()
    assert select.select([kernel.fileno()], [], [], 5.0)[0] == [kernel.fileno()]


def test_too_many_instances_name_the_variable_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def inotify_init(self) -> int:
            return -1

        def get_errno(self) -> int:
            return errno.EMFILE

    monkeypatch.setattr(inotify.pyinotify.INotifyWrapper, "create", staticmethod(Full))
    with pytest.raises(OSError, match="inotify_limits_max_user_instances") as caught:
        Inotify()
    assert caught.value.errno == errno.EMFILE
