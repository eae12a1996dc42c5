"""The backup host goes: rebooted, its power cut, away for long (C11, C12)."""

from __future__ import annotations

from functools import partial

import daemon
import pytest
from fault import Fault
from polling import wait_for
from scene import DATA, Scene

HOST = DATA.host


def _switch_on(scene: Scene) -> None:
    scene.lab("on", HOST)


def test_power_of_the_backup_host_is_cut(fault: Fault) -> None:
    fault.about("the backup host's power is cut", "`lab off`, later `lab on`", "C11, C12")
    on = partial(_switch_on, fault.scene)
    fault.at_the_end.callback(on)
    fault.load()
    fault.scene.lab("off", HOST)
    fault.shows("down", "", seconds=120)
    fault.others_go_on()
    fault.cured(on, drains=True)


@pytest.mark.short
def test_backup_host_is_rebooted(fault: Fault) -> None:
    """Quicker than anybody could look: the log alone tells of it."""
    fault.about("the backup host is rebooted", "`lab reboot`", "C11, C12")
    fault.load()
    fault.is_under_load()
    fault.others_go_on()
    fault.cured(partial(fault.scene.lab, "reboot", HOST), drains=True)


def test_tries_become_rarer_while_it_is_away_and_frequent_again_after_it_was_back(fault: Fault) -> None:
    """C11: 1 s doubling to 60 s, with jitter of a fifth, and from the beginning after a success."""
    fault.about("the daemon is away for minutes, and soon again", "`systemctl stop rsync`, twice", "C11")
    start = partial(daemon.start, fault.scene)
    fault.at_the_end.callback(start)
    fault.load("data")
    daemon.stop(fault.scene)
    tries: list[float] = []

    def seen_five() -> bool:
        at = fault.scene.target(DATA).get("next_try")
        if at and (not tries or at - tries[-1] > 0.5):  # told anew each time, it differs by microseconds
            tries.append(at)
        return len(tries) > 1 and tries[-1] - tries[-2] >= 0.8 * 32

    wait_for(seen_five, 240, lambda: f"tries further and further apart: {tries}; {fault.said()}")
    apart = [later - earlier for earlier, later in zip(tries, tries[1:])]
    assert all(gap >= 0.8 * 2.0**number for number, gap in enumerate(apart, 1)), apart
    fault.record.notes.append("tries " + ", ".join(f"{gap:.0f}" for gap in apart) + " s apart")
    fault.shows("down", "nothing listens")
    start()
    wait_for(lambda: fault.scene.target(DATA).get("state") == "live", 120, fault.said)
    daemon.stop(fault.scene)
    again = fault.shows("down", "")
    assert again["next_try"] - again["since"] < 0.8 * 16, "the tries did not begin anew"
    fault.cured(start, drains=True)
