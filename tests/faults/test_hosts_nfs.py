"""The NFS host loses its power or is rebooted under load, and changes go on below it (C12, C23).

The load writes to the host's disk from this machine, so it does not stop with the host: what it does until the watcher
is there again is seen by nobody.  The hosts' kernel is this machine's: what a real power cut takes with it of the last
seconds before it, this one does not.
"""

from __future__ import annotations

import random
import time

import pytest
from fault import Fault
from polling import wait_for
from scene import DATA, SOURCE_HOST


def _is_back(fault: Fault) -> None:
    """Up, watching, and on its way to equal trees or there already."""
    states = ("starting", "reconciling", "live")
    wait_for(lambda: fault.scene.target(DATA).get("state") in states, 60, fault.scene.status)


def _told(fault: Fault) -> None:
    """The journal of the host tells of the new start, target by target, to the end: live."""
    said = fault.scene.run(SOURCE_HOST, "journalctl -b -u lockstep -o cat")
    assert f"mirror data target {DATA.target}: starting" in said, said
    assert f"mirror data target {DATA.target}: live" in said, said


@pytest.mark.parametrize("cuts", [pytest.param(1, marks=pytest.mark.short), 6])
def test_nfs_host_loses_its_power(fault: Fault, cuts: int) -> None:
    fault.about("the NFS host loses its power", f"`lab off`, `lab on`, {cuts} times at random moments", "C12, C23")
    scene = fault.scene
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    fault.record.notes.append(f"moments by seed {seed}")
    chance = random.Random(seed)
    fault.load()
    for _ in range(cuts):
        time.sleep(chance.uniform(0.2, 4))
        scene.lab("off", SOURCE_HOST)
        time.sleep(chance.uniform(0, 1))
        scene.lab("on", SOURCE_HOST)
    _is_back(fault)
    fault.cured(lambda: None, same_watcher=False, told=False, most_lines=28 + 12 * cuts)
    _told(fault)


def test_nfs_host_is_rebooted(fault: Fault) -> None:
    fault.about("the NFS host is rebooted", "`systemctl reboot` under load", "C12, C18, C23")
    scene = fault.scene
    fault.load()
    fault.is_under_load()
    scene.lab("reboot", SOURCE_HOST)
    _is_back(fault)
    fault.cured(lambda: None, same_watcher=False, told=False, most_lines=40)
    _told(fault)
