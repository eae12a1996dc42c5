"""How much of the host the services could reach, as systemd itself counts it, on each release."""

from __future__ import annotations

import contextlib
import os
import re

import pytest
from conftest import Scene
from fleet import BACKUP, NFS
from polling import wait_for

# systemd-analyze(1), security: 0 is nothing, 10 everything. The distribution's own rsync.service has 8 and more.
MOST = [*((host, "lockstep.service", 1.5) for host in NFS), *((host, "rsync.service", 2.5) for host in BACKUP)]
SETUID = 0o4755


@pytest.mark.parametrize(("host", "unit", "most"), MOST)
def test_exposure_is_as_little_as_promised(deployed: Scene, host: str, unit: str, most: float) -> None:
    said = deployed.machines.run(host, f"systemd-analyze security --no-pager {unit}")
    found = re.search(rf"Overall exposure level for {re.escape(unit)}: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= most, said


@pytest.mark.parametrize("host", NFS)
def test_the_watcher_sees_no_home_and_cannot_write_what_it_watches(deployed: Scene, host: str) -> None:
    """Asked for in its own sandbox: the mounts that its process has."""
    machines = deployed.machines
    inside = f"nsenter -t {machines.watcher(host)} -m --"
    machines.run(host, "touch /root/of-root && ls -A /root | grep of-root")
    assert "of-root" not in machines.run(host, f"{inside} ls -A /root 2>&1", check=False)
    for place in ("/srv/home", "/etc", "/usr"):
        said = machines.run(host, f"{inside} touch {place}/written 2>&1", check=False)
        assert "Read-only file system" in said, said


@pytest.mark.parametrize("host", NFS)
def test_who_may_ask_for_the_status_can_read_no_secret(deployed: Scene, host: str) -> None:
    """A member of the watcher's group; docs/troubleshooting.md makes one of whoever may ask."""
    member = "setpriv --reuid nobody --regid lockstep --clear-groups"
    deployed.machines.wait_live(host)
    assert "live" in deployed.machines.run(host, f"{member} lockstep status")
    for backup in BACKUP:
        file = f"/etc/lockstep/secrets/home-{host}@{backup}"
        said = deployed.machines.run(host, f"{member} cat {file} 2>&1", check=False)
        assert "Permission denied" in said
    assert "Permission denied" in deployed.machines.run(host, f"{member} ls /etc/lockstep/secrets 2>&1", check=False)


def test_a_setuid_file_arrives_where_the_daemon_may_make_none(deployed: Scene) -> None:
    """Its mode is in an extended attribute, and the copy has a plain one."""
    source = deployed.machines.disk("nfs01", "/srv/data") / "setuid"
    source.write_text("#!/bin/sh\n")
    source.chmod(SETUID)
    copy = deployed.machines.disk("backup01", "/srv/backup/data") / "setuid"
    try:

        def mode() -> bytes:
            with contextlib.suppress(OSError):
                return os.getxattr(copy, "user.rsync.%stat").split()[0]
            return b""

        # it may have arrived before its mode was changed
        wait_for(lambda: mode() == f"{0o100000 | SETUID:o}".encode(), 20, lambda: f"{copy}: {mode()!r}")
        assert copy.stat().st_mode & 0o7000 == 0
    finally:
        source.unlink()
    deployed.become_equal()


def test_a_file_system_that_comes_and_goes_below_a_module_is_let_go(deployed: Scene) -> None:
    """Nothing in the daemon's sandbox keeps mounted what the host unmounts."""
    machines = deployed.machines
    machines.run("backup01", "mkdir -p /srv/backup/elsewhere && mount -t tmpfs elsewhere /srv/backup/elsewhere")
    pid = machines.run("backup01", "systemctl show --value -p MainPID rsync.service").strip()
    assert "/srv/backup/elsewhere" in machines.run("backup01", f"cat /proc/{pid}/mountinfo")
    machines.run("backup01", "umount /srv/backup/elsewhere && rmdir /srv/backup/elsewhere")
    assert "/srv/backup/elsewhere" not in machines.run("backup01", f"cat /proc/{pid}/mountinfo")
