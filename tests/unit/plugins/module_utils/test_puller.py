# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No rsync outlives its use, wherever it was when it was ended: one that fetches is two processes."""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils import _endpoint, _rsync
from ansible_collections.lockstep.realtime.plugins.module_utils._puller import Puller
from ansible_collections.lockstep.realtime.plugins.module_utils._reader import AHEAD, Reader

ROUNDS = 15


def session(leader: int) -> list[int]:
    """The processes that run in a session, the leader among them; one that only waits to be reaped runs no more."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # proc(5): after the command's name, which is in brackets, come state, parent, group and session
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state not in "ZX":
                found.append(int(path.parent.name))
    return found


def wait_for(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def daemon(daemons):
    daemon = daemons()
    with open(daemon.data / "large", "wb") as file:
        file.truncate(2 << 30)
    (daemon.data / "small").write_text("small")
    return daemon


@pytest.fixture
def endpoint(daemon):
    return _endpoint.parse(daemon.url, str(daemon.password_file))


@pytest.fixture
def pull(endpoint, tmp_path):
    """Starts a puller; what it started is gone at the end, whatever the test found."""
    started = []

    def start():
        started.append(Puller("rsync", endpoint, str(tmp_path / f"pulled-{len(started)}")))
        return started[-1]

    yield start
    for puller in started:
        puller.close()


def pump_until(puller, condition):
    def look():
        select.select(puller.streams, [], [], 0.001)
        puller.pump()
        return condition()

    wait_for(look)


def pid_of(puller):
    return puller._process.pid


def connecting(puller):
    """Just started."""


def connected(puller):
    pump_until(puller, lambda: puller.ready)


def asked(puller):
    connected(puller)
    puller.ask([b"large"])


def fetching(puller):
    asked(puller)
    wait_for(lambda: len(session(pid_of(puller))) == 2)


def answered(puller):
    connected(puller)
    puller.ask([b"small", b"missing"])
    pump_until(puller, lambda: puller.answered_at is not None)


def ended(puller):
    connected(puller)
    puller.ask([b"small"])
    pump_until(puller, lambda: puller.ended_at is not None)


@pytest.mark.parametrize("stage", [connecting, connected, asked, fetching, answered, ended])
def test_nothing_is_left_of_an_rsync_wherever_it_was(pull, stage):
    for _round in range(ROUNDS):
        puller = pull()
        stage(puller)
        leader = pid_of(puller)
        puller.close()
        # what is killed may take a moment to go, and what is forgotten would wait much longer
        wait_for(lambda leader=leader: not session(leader))
        assert not os.path.exists(puller.folder)


def test_nothing_is_left_of_a_reader_that_is_closed_early(endpoint, tmp_path):
    for number in range(ROUNDS):
        reader = Reader("rsync", endpoint, str(tmp_path / str(number)))
        reader.prepare(0.02 * number)
        leaders = [pid_of(puller) for puller in reader._waiting]
        assert len(leaders) == AHEAD
        for puller in list(reader._waiting)[:number]:
            reader._waiting.remove(puller)
            reader._asked.append(puller)
            puller.ask([b"large"])
        reader.close()
        wait_for(lambda leaders=leaders: not any(map(session, leaders)))


def test_nothing_is_left_of_a_log_in_that_is_not_answered(daemon, tmp_path, monkeypatch):
    """As if rsync had stopped to answer while there were two of it."""
    pids = tmp_path / "pids"
    program = tmp_path / "rsync"
    program.write_text(f"#!/bin/sh\nsleep 60 &\necho $$ $! >{pids}.new\nmv {pids}.new {pids}\nwait\n")
    program.chmod(0o755)
    monkeypatch.setattr(_rsync, "CONNECT_SECONDS", 0)
    monkeypatch.setattr(_rsync, "IDLE_SECONDS", 3)
    endpoint = _endpoint.parse(daemon.url, str(daemon.password_file))
    with pytest.raises(_rsync.RsyncError, match=r"no answer within 3 s"):
        _rsync.log_in(str(program), endpoint, str(tmp_path / "empty"))
    leader = int(pids.read_text().split()[0])
    wait_for(lambda: not session(leader))
