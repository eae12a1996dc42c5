"""playbooks/migrate.yml in check mode, with this machine as both ends: what it finds, and in what it does not begin."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CONFXML = """\
<head version="2.5"><sersync>
<localpath watch="/srv/data"><remote ip="127.0.0.1" name="backup"/></localpath>
<rsync><commonParams params="-artuz"/><auth start="false" users="x" passwordfile="/x"/></rsync>
</sersync></head>
"""
RSYNCD = "[more]\nuid = root\ngid = root\n[backup]\npath = /srv/copies\nuid = {uid}\ngid = {gid}, 4\n"
# As far as ansible's systemd_service asks: a unit is loaded and active where a file says so.
SYSTEMCTL = """\
#!/bin/sh
folder=$(dirname "$0")
echo "$*" >> "$folder/asked"
for unit; do :; done
case "$*" in
    *--value*) if [ -e "$folder/$unit" ]; then echo loaded; else echo not-found; fi;;
    *show*) printf 'Id=%s\\nLoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n' "$unit";;
    *is-enabled*) echo enabled;;
esac
"""


class Host:
    """The folder of a host that a guide has set up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known = folder / "bin"
        self.known.mkdir()
        (self.known / "systemctl").write_text(SYSTEMCTL)
        (self.known / "systemctl").chmod(0o755)
        (folder / "confxml.xml").write_text(CONFXML)
        self.daemon("65534", "65534")

    def daemon(self, uid: str, gid: str) -> None:
        (self.folder / "rsyncd.conf").write_text(RSYNCD.format(uid=uid, gid=gid))

    def check(self, **more: object) -> tuple[int, str]:
        """Exit status and output, in which a line's end is a space."""
        variables = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "lockstep_become": False,
            "lockstep_address": "127.0.0.1", "lockstep_migrate_config": str(self.folder / "confxml.xml"),
            "rsync_daemon_config": str(self.folder / "rsyncd.conf"), **more,
        }  # fmt: skip
        inventory = {
            "all": {"vars": variables, "children": {"nfs": {"hosts": {"here": {}}}, "backup": {"hosts": {"here": {}}}}}
        }
        (self.folder / "inventory.yml").write_text(json.dumps(inventory))
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.folder / "inventory.yml"),
             "--check", str(ROOT / "playbooks/migrate.yml")],
            env={
                **os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
                "PATH": f"{self.known}:{os.environ['PATH']}",
            },
            cwd=self.folder, text=True, capture_output=True, check=False,
        )  # fmt: skip
        print(done.stdout, done.stderr)
        return done.returncode, " ".join((done.stdout + done.stderr).replace("\\n", " ").split())

    @property
    def asked(self) -> str:
        return (self.known / "asked").read_text()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[int]:
    """A process of the old system's name that no service has started."""
    program = tmp_path / "sersync2"
    shutil.copy(str(shutil.which("sleep")), program)
    with subprocess.Popen([str(program), "600"]) as process:
        yield process.pid
        process.kill()


def test_what_was_started_by_hand_ends_the_migration_and_a_numeric_user_is_known_by_name(
    host: Host, by_hand: int
) -> None:
    code, said = host.check()
    assert code != 0
    assert re.search(rf"sersync2 runs, as process [0-9, ]*\b{by_hand}\b[0-9, ]*, and there is no service sersync", said)
    assert "Lockstep was not started" in said
    assert "stop" not in host.asked
    # by then the user of the module that is migrated is known, and the first of its groups, by the number 65534
    assert '"rsync_daemon_user": "nobody"' in said
    assert re.search(r'"rsync_daemon_group": "no(group|body)"', said)
    assert '"rsync_daemon_manage_user": false' in said


def test_a_group_that_the_host_does_not_know_is_told_before_anything_is_stopped(host: Host) -> None:
    host.daemon("65534", "63217")
    (host.known / "sersync").touch()
    code, said = host.check()
    assert code != 0
    assert "the group of the daemon of before, 63217, is not known to this host; make one" in said
    assert "The old system's service is stopped" not in said


def test_a_service_that_was_named_and_is_none_is_told(host: Host) -> None:
    code, said = host.check(lockstep_migrate_service="sersink")
    assert code != 0
    assert "here has no service sersink; correct lockstep_migrate_service" in said


def test_the_way_back_stops_the_unit_and_restores_the_files_where_they_were_put(host: Host) -> None:
    (host.folder / "lockstep.service").touch()
    (host.known / "sersync").touch()
    for name in ("rsyncd.conf", "secrets"):
        (host.folder / f"{name}.before-lockstep").write_text(f"{name} of before")
    (host.folder / "rsyncd.conf").write_text("# written by the role lockstep.realtime.rsync_daemon\n")
    code, said = host.check(
        lockstep_migrate="back",
        watcher_unit_dir=str(host.folder),
        rsync_daemon_secrets_file=str(host.folder / "secrets"),
    )
    assert code == 0, said
    assert re.search(r"TASK \[Lockstep is stopped and disabled\] \**.? changed: \[here\]", said)
    for name in ("rsyncd.conf", "secrets"):
        assert f"changed: [here] => (item={host.folder}/{name})" in said


def test_the_way_back_to_what_was_started_by_hand_says_that_nothing_mirrors(host: Host) -> None:
    """As far as a check can see: nothing of the old system runs, and there is nothing to start."""
    (host.folder / "rsyncd.conf").write_text("")
    code, said = host.check(lockstep_migrate="back", watcher_unit_dir=str(host.folder))
    assert code != 0
    assert "nothing mirrors. Lockstep is stopped, and there is no service sersync to start" in said
