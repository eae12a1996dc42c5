"""The daemon on a backup host fails as a whole: that target alone is down, says why, and catches up (C11, C19)."""

from __future__ import annotations

import pytest
from fault import Fault


@pytest.mark.short
def test_daemon_is_stopped(fault: Fault) -> None:
    fault.about("the rsync daemon is stopped", "`systemctl stop rsync` on the backup host", "C11, C19")
    fault.load()
    fault.at_the_end.callback(fault.scene.run, "backup01", "systemctl start rsync")
    fault.scene.run("backup01", "systemctl stop rsync")
    fault.shows("down", "nothing listens")
    fault.others_go_on()
    fault.cured(lambda: fault.scene.run("backup01", "systemctl start rsync"), drains=True)
