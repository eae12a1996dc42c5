"""Over a narrow link little travels where that is asked for; over a long one no change waits for another in vain.

The link is a relay on loopback that counts what it carries and delivers it late; docs/links.md has figures over real
delays, by tests/bench/link.py.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator

import pytest
from conftest import Rig
from rig import USER, wait_for

LINES = [b"%d is the number of this line, which is like all the others\n" % number for number in range(100_000)]


class Relay(threading.Thread):
    """Carries connections to a port of this host, `delay` seconds late each way; `carried`: bytes, both ways."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.delay = 0.0
        self.carried = 0
        self._to = port
        self._stopped = False
        self._pairs: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def run(self) -> None:
        while not self._stopped:
            if select.select([self._listener], [], [], 0.05)[0]:
                near, far = self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._to))
                pair = threading.Thread(target=self._connect, args=(near, far), daemon=True)
                pair.start()
                self._pairs.append(pair)
        self._listener.close()

    def stop(self) -> None:
        """To be called when both sides have ended."""
        self._stopped = True
        self.join()
        for pair in self._pairs:
            pair.join()

    def _connect(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
            back.start()
            self._carry(near, far)
            back.join()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        late: deque[tuple[float, bytes]] = deque()
        ended = False
        try:
            while late or not ended:
                wait = max(0.0, late[0][0] - time.monotonic()) if late else None
                if ended:
                    time.sleep(wait or 0.0)
                elif select.select([one], [], [], wait)[0]:
                    data = one.recv(1 << 16)
                    late.append((time.monotonic() + self.delay, data))
                    self.carried += len(data)
                    ended = not data
                while late and late[0][0] <= time.monotonic():
                    data = late.popleft()[1]
                    if data:
                        other.sendall(data)
                    else:
                        other.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (one, other):  # one of the two has gone: so does the other
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(rig: Rig) -> Iterator[Relay]:
    relay = Relay(rig.daemon.port)
    relay.start()
    rig.watcher.mirrors[0]["targets"][0]["url"] = f"rsync://{USER}@127.0.0.1:{relay.port}/backup"
    yield relay
    if rig.watcher.process is not None:
        rig.watcher.stop()
    rig.daemon.kill()
    relay.stop()


def test_with_the_options_for_a_narrow_link_only_what_is_new_travels_and_compressed(rig: Rig, relay: Relay) -> None:
    options = ["--compress", "--compress-level=1", "--no-whole-file"]
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = options
    noise = random.Random(1)
    text, data = b"".join(LINES), noise.randbytes(12 << 20)
    (rig.source / "text").write_bytes(text)
    (rig.source / "data").write_bytes(data)
    rig.start()
    rig.equal()
    assert len(data) < relay.carried < len(data) + len(text) / 4

    relay.carried = 0
    with (rig.source / "data").open("r+b") as file:
        file.seek(6 << 20)
        file.write(noise.randbytes(1 << 16))
    with (rig.source / "text").open("ab") as file:
        file.writelines(LINES[:1000])
    rig.equal()
    assert relay.carried < 1 << 20


def test_far_away_a_change_does_not_wait_until_the_one_before_it_is_confirmed(rig: Rig, relay: Relay) -> None:
    relay.delay = 0.15
    rig.start()
    rig.watcher.wait_in_step()
    for turn in range(3):  # the first ones tell how far it is
        (rig.source / f"learn{turn}").touch()
        wait_for((rig.target / f"learn{turn}").exists)
        rig.watcher.wait_in_step()

    def overlap(turn: int) -> bool:
        time.sleep(12 * relay.delay)  # until the next processes are connected
        (rig.source / f"first{turn}").write_bytes(b"1")
        wait_for(lambda: f"content: b'first{turn}'" in rig.log(), 30, rig.log)
        (rig.source / f"second{turn}").write_bytes(b"2")
        rig.equal()
        log = rig.log()
        return log.index(f"content: b'second{turn}'") < log.index(f"content: confirmed: b'first{turn}'")

    assert any(map(overlap, range(5))), rig.log()[-3000:]  # a busy machine may be late for one of them
