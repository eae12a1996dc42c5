"""What the service manager is told, and that nobody is needed to listen."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.notify import systemd


@pytest.fixture(autouse=True)
def _channel_closed() -> Iterator[None]:
    """The socket that a service keeps for its life; a test that leaves it open would have another one warned of it."""
    yield
    if systemd._channel.cache_info().currsize:
        systemd._channel().close()
        systemd._channel.cache_clear()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The manager's end, in a folder or in the abstract name space."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        if request.param == "file":
            listening.bind(str(tmp_path / "notify"))
            monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        else:
            name = f"lockstep-test-{os.getpid()}"
            listening.bind("\0" + name)
            monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        listening.settimeout(5)
        yield listening


def test_each_message_reaches_the_manager(manager: socket.socket) -> None:
    assert systemd.ready()
    assert manager.recv(1000) == b"READY=1"
    assert systemd.stopping()
    assert manager.recv(1000) == b"STOPPING=1"
    assert systemd.watchdog()
    assert manager.recv(1000) == b"WATCHDOG=1"
    assert systemd.status("live\n2 mirrors  \udcff")
    assert manager.recv(1000) == b"STATUS=live 2 mirrors ?"
    assert systemd.reloading()
    assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_a_service_without_a_free_descriptor_still_says_that_it_lives(manager: socket.socket) -> None:
    """Else the watchdog would end it, for nothing."""
    assert systemd.ready()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        assert systemd.watchdog()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert manager.recv(1000) == b"READY=1"
    assert manager.recv(1000) == b"WATCHDOG=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.ready()


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        ("30000000", None, 15.0),
        ("30000000", "own", 15.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, expected: float | None
) -> None:
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert systemd.watchdog_interval() == expected
