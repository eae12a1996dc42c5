"""The watcher is killed, stopped, starved of descriptors, or loses its rsync processes, at moments that nobody chose.

Whatever it was about, the next start watches first and compares then; and while it lives, it says what it lacks (C12).
"""

from __future__ import annotations

import random
import time

import pytest
from fault import Fault
from polling import wait_for
from scene import COPIES, DATA, SOURCE_HOST, Scene

LIMIT = 30  # descriptors: fewer than are left for the status, so that not one rsync can be started


def _signal(scene: Scene, name: str) -> None:
    """Of the watcher alone; its rsync processes are systemd's business."""
    scene.run(SOURCE_HOST, f"systemctl kill --kill-whom=main --signal={name} lockstep")


def _set_descriptors(scene: Scene, number: int) -> None:
    """The soft limit of the running watcher; its own user may do that, the hosts' root has no CAP_SYS_RESOURCE."""
    watcher = scene.machines.watcher(SOURCE_HOST)
    as_itself = "setpriv --reuid lockstep --regid lockstep --clear-groups"
    scene.run(SOURCE_HOST, f"{as_itself} prlimit --pid {watcher} --nofile={number}:")


@pytest.mark.parametrize("kills", [pytest.param(4, marks=pytest.mark.short), 50])
def test_watcher_is_killed_at_random_moments(fault: Fault, kills: int) -> None:
    fault.about(
        "the watcher is killed, again and again",
        f"`kill -9`, {kills} times, up to 1.5 s after it was started anew: also while it sets watches or compares",
        "C12, C23",
    )
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    chance = random.Random(seed)
    scene = fault.scene
    fault.load()
    for _ in range(kills):
        before = scene.machines.watcher(SOURCE_HOST)
        _signal(scene, "KILL")
        wait_for(lambda: scene.machines.watcher(SOURCE_HOST) not in (0, before), 30, fault.said)  # noqa: B023
        time.sleep(chance.uniform(0, 1.5))
    _signal(scene, "KILL")
    wait_for(lambda: scene.target(DATA).get("state") in ("starting", "reconciling", "live"), 30, fault.said)
    restarts = int(scene.run(SOURCE_HOST, "systemctl show --value -p NRestarts lockstep"))
    assert restarts > kills, f"{restarts} new starts of {kills + 1}"
    fault.record.notes.append(f"killed {kills + 1} times, moments by seed {seed}")
    # where none of them lived for long enough, the load has turned over most of the tree by now, which is held
    fault.cured(lambda: None, same_watcher=False, told=False, most_lines=16 * (kills + 2), let_go=True)
    # its last start may have deleted a thousand old names of renamed directories, for it never lived to do that before;
    # they count for a minute, and the next load begins with a deletion that would be one too many
    scene.run(SOURCE_HOST, "systemctl restart lockstep")
    scene.wait_in_step()


def test_watcher_is_stopped_for_a_while(fault: Fault) -> None:
    """What happens meanwhile waits in the kernel's queue: no reconcile is needed, and none is done."""
    fault.about("the watcher hangs", "SIGSTOP, and SIGCONT after 10 s of load", "C19")
    scene = fault.scene
    fault.at_the_end.callback(_signal, scene, "CONT")
    fault.load()
    _signal(scene, "STOP")
    began = time.monotonic()
    said = scene.run(SOURCE_HOST, "lockstep status 2>&1", check=False)
    assert "no answer within" in said, said
    ask = "python3 -c 'import urllib.request as r; r.urlopen(\"http://127.0.0.1:8008/healthz\", timeout=2)' 2>&1"
    assert "timed out" in scene.run(SOURCE_HOST, ask, check=False)
    wait_for(lambda: time.monotonic() > began + 10, 20, "ten seconds to pass")
    fault.record.notes.append(f"`lockstep status` meanwhile: {said.strip()}")
    fault.cured(lambda: _signal(scene, "CONT"), drains=True, told=False)


def test_watcher_that_hangs_is_started_anew(fault: Fault) -> None:
    """systemd's watchdog waits for half a minute, and then for the end of what cannot end by itself."""
    fault.about("the watcher hangs for good", "SIGSTOP under load, until systemd's watchdog ends it", "C12")
    scene = fault.scene
    fault.load()
    before = scene.machines.watcher(SOURCE_HOST)
    _signal(scene, "STOP")
    wait_for(lambda: scene.machines.watcher(SOURCE_HOST) not in (0, before), 90, fault.said)
    said = scene.run(SOURCE_HOST, "journalctl -u lockstep -o cat -n 40")
    assert "Watchdog timeout" in said, said
    fault.cured(lambda: None, same_watcher=False, told=False, most_lines=16)


def test_watcher_has_no_descriptors_left(fault: Fault) -> None:
    fault.about("no descriptors are left", f"`prlimit --nofile={LIMIT}` of the running watcher", "C11, C19")
    scene = fault.scene
    fault.at_the_end.callback(_set_descriptors, scene, 16384)
    fault.load()
    _set_descriptors(scene, LIMIT)
    for copy in COPIES:
        fault.shows("down", "Too many open files", copy=copy)
        fault.shows("down", "watcher_limit_nofile", copy=copy)
    fault.cured(lambda: _set_descriptors(scene, 16384), most_lines=8 * len(COPIES))


@pytest.mark.parametrize("seconds", [pytest.param(5, marks=pytest.mark.short), 30])
def test_rsync_processes_are_killed(fault: Fault, seconds: int) -> None:
    """Some of them at random, then all of them for as long as it takes to be noticed."""
    fault.about(
        "the watcher's rsync processes are killed",
        f"`kill -9` of one of them at random, several times a second for {seconds} s; then of all that come up",
        "C11, C12",
    )
    scene = fault.scene
    fault.load()
    watcher = scene.machines.watcher(SOURCE_HOST)
    ask = f"ps -o pid= --ppid {watcher}"
    scene.run(
        SOURCE_HOST,
        f"for n in $(seq {seconds * 8}); do kill -9 $({ask} | shuf -n 1) 2>/dev/null; sleep 0.1; done; true",
    )
    kill_all = f"while :; do kill -9 $({ask}) 2>/dev/null; sleep 0.05; done"
    stop = "systemctl stop killer.service 2>/dev/null"
    fault.at_the_end.callback(scene.run, SOURCE_HOST, stop, check=False)
    scene.run(SOURCE_HOST, f"systemd-run --quiet --collect --unit=killer sh -c '{kill_all}'")
    fault.shows("down", "signal 9")
    fault.cured(lambda: scene.run(SOURCE_HOST, stop), most_lines=16 * 8 * seconds)
