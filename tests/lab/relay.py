"""Delays packets in user space, as many kernels have no netem."""

import collections
import select
import socket
import time

READY = "relaying"


def relay(a, b, ms):
    """Carry frames between two devices, each ms milliseconds late, until killed."""
    wait, queue, socks = float(ms) / 1000, collections.deque(), []
    for dev in (a, b):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR: keeps checksum and segment offload
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        s.bind((dev, 0))
        s.setblocking(False)
        socks.append(s)
    print(READY, flush=True)
    other = {socks[0]: socks[1], socks[1]: socks[0]}
    while True:
        timeout = max(0, queue[0][0] - time.monotonic()) if queue else None
        for s in select.select(socks, [], [], timeout)[0]:
            for _ in range(64):
                try:
                    frame, addr = s.recvfrom(1 << 17)
                except BlockingIOError:
                    break
                if addr[2] != 4:  # PACKET_OUTGOING: what we sent ourselves
                    queue.append((time.monotonic() + wait, other[s], frame))
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, s, frame = queue.popleft()
            try:
                s.send(frame)
            except OSError as err:
                print(err, len(frame), flush=True)
