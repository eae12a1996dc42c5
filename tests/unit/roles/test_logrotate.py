"""The daemon's log is rotated by logrotate itself, and whoever holds it open goes on writing to the new one."""

from __future__ import annotations

import getpass
import grp
import os
import subprocess
from pathlib import Path

import jinja2

TEMPLATE = Path(__file__).parents[3] / "roles/rsync_daemon/templates/logrotate.j2"


def test_a_log_is_rotated_under_a_daemon_that_holds_it_open(tmp_path: Path) -> None:
    log, order = tmp_path / "a log", tmp_path / "order"
    environment = jinja2.Environment()
    environment.filters["comment"] = str
    text = environment.from_string(TEMPLATE.read_text()).render(
        ansible_managed="# managed", rsync_daemon_log_file=str(log)
    )
    me = f"su {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name}"
    order.write_text(text.replace("su root root", me))
    order.chmod(0o644)
    with log.open("a") as daemon:
        daemon.write("before\n")
        daemon.flush()
        done = subprocess.run(
            ["logrotate", "--force", "--state", str(tmp_path / "state"), str(order)],
            capture_output=True, text=True, check=False, env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        daemon.write("after\n")
    assert log.read_text() == "after\n"
    assert (tmp_path / "a log.1").read_text() == "before\n"
