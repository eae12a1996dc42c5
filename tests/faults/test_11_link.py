"""The cable between the hosts is cut, loses packets, or is narrow (C11, C19)."""

from __future__ import annotations

import os
import time
from functools import partial

import pytest
from fault import Fault
from polling import wait_for
from scene import DATA, SOURCE_HOST

HOST = DATA.host


def _send_large(fault: Fault, size: int) -> str:
    """A large file is on its way to the target, part of it there: its name."""
    name = f"large-{time.time_ns()}"
    source = fault.scene.machines.disk(SOURCE_HOST, DATA.source) / name
    source.write_bytes(os.urandom(size))
    fault.at_the_end.callback(source.unlink)
    folder = fault.scene.tree(HOST, DATA.path)

    def is_part_there() -> bool:
        return any(path.stat().st_size for path in folder.glob(f".{name}.*"))

    wait_for(is_part_there, 60, lambda: f"a part of {name}; {fault.said()}")
    return name


@pytest.mark.short
def test_link_is_cut_for_seconds(fault: Fault) -> None:
    """Shorter than the timeout: the connections may live on, so it need not be told."""
    fault.about("the link is cut for seconds, in the middle of a large file", "`lab rate` 200 Mbit/s, `lab cut`", "C11")
    heal = partial(fault.scene.lab, "heal", HOST)
    fault.at_the_end.callback(heal)
    fault.load()
    fault.scene.lab("rate", HOST, "200mbit")
    _send_large(fault, 100 << 20)
    fault.scene.lab("cut", HOST)
    fault.others_go_on()
    fault.cured(heal, drains=True, told=False)


def test_link_is_cut_for_minutes(fault: Fault) -> None:
    """Longer than the timeout of 30 s: given up, tried again, and the large file begun anew."""
    fault.about("the link is cut for minutes, in the middle of a large file", "`lab rate` 200 Mbit/s, `lab cut`", "C11")
    heal = partial(fault.scene.lab, "heal", HOST)
    fault.at_the_end.callback(heal)
    fault.load()
    fault.scene.lab("rate", HOST, "200mbit")
    _send_large(fault, 100 << 20)
    fault.scene.lab("cut", HOST)
    began = time.monotonic()
    fault.shows("down", "", seconds=120)
    fault.others_go_on()
    wait_for(lambda: time.monotonic() - began > 150, 200, "two and a half minutes")
    fault.shows("down", "")
    fault.others_go_on()
    fault.cured(heal, drains=True)


def test_link_loses_a_fifth_of_all_packets(fault: Fault) -> None:
    """Slow, and connections break at times; what is changed arrives all the same, also before it is cured."""
    fault.about("the link loses 20 % of all packets", "`lab loss 20`, both ways", "C11, C19")
    heal = partial(fault.scene.lab, "heal", HOST)
    fault.at_the_end.callback(heal)
    fault.load(rate=5, largest=20_000)
    fault.scene.lab("loss", HOST, "20")
    fault.others_go_on()
    probe = f"through-{time.time_ns()}"
    (fault.scene.machines.disk(SOURCE_HOST, DATA.source) / probe).write_text("x")
    began = time.monotonic()
    wait_for((fault.scene.tree(HOST, DATA.path) / probe).exists, 240, lambda: f"{probe}; {fault.said()}")
    fault.record.notes.append(f"a change arrived within {time.monotonic() - began:.0f} s all the same")
    fault.cured(heal, drains=True, told=False, most_lines=40)


def test_link_has_one_megabit(fault: Fault) -> None:
    """A file of 4 MB takes half a minute; small ones do not wait for it."""
    fault.about("the link has 1 Mbit/s, and a file of 4 MB is to go", "`lab rate 1mbit`", "C11, C19")
    heal = partial(fault.scene.lab, "heal", HOST)
    fault.at_the_end.callback(heal)
    fault.load("data", rate=1, largest=2_000)
    fault.scene.lab("rate", HOST, "1mbit")
    large = _send_large(fault, 4 << 20)
    probe = f"past-{time.time_ns()}"
    (fault.scene.machines.disk(SOURCE_HOST, DATA.source) / probe).write_text("x")
    began = time.monotonic()
    copies = fault.scene.tree(HOST, DATA.path)
    wait_for((copies / probe).exists, 120, lambda: f"{probe}; {fault.said()}")
    took = time.monotonic() - began
    assert not (copies / large).exists(), "the large file was there first: nothing is proven"
    fault.record.notes.append(f"a small file passed the large one within {took:.0f} s")
    fault.others_go_on()
    wait_for((copies / large).exists, 240, lambda: f"{large}; {fault.said()}")
    fault.cured(heal, drains=True, told=False)
