"""An rsync that waits for ever, where its own timeout does not see it, is given up, and all arrives (C11, C16)."""

from __future__ import annotations

import os

from conftest import Rig
from rig import wait_for

from lockstep.plan import BULK


def test_a_file_that_becomes_a_fifo_under_the_hands_of_rsync_stops_nothing(rig: Rig) -> None:
    """rsync's sender opens it, and waits for somebody at its other end.

    The daemon ends what is silent for as long as rsync's timeout, a connection kept ahead as well: a machine with much
    to do is silent for two seconds.
    """
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--timeout=5", "--bwlimit=2000"]
    rig.start()
    assert rig.watcher.ask(command="pause", mirror="data")["ok"]
    (rig.source / "first").write_bytes(os.urandom(BULK - 1))
    (rig.source / "second").write_text("sent when the first one is")
    wait_for(lambda: rig.watcher.target()["pending"] >= 2, 30, rig.log)  # one rsync is to get both
    assert rig.watcher.ask(command="resume", mirror="data")["ok"]
    wait_for(lambda: list(rig.target.glob(".first.*")), 10, rig.log)
    (rig.source / "second").unlink()
    os.mkfifo(rig.source / "second")
    (rig.source / "beside").write_text("x")
    rig.equal()
    assert "stood still" in rig.log()
    assert ": down" not in rig.log()
