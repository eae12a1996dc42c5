# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guides had people write into the files of a system is found, and made comments without another word changed."""

from __future__ import annotations

import pytest
from ansible_collections.lockstep.realtime.plugins.module_utils import _old_sync


def kinds(path, text):
    return [(edit.line, edit.what) for edit in _old_sync.edits(path, text)]


@pytest.mark.parametrize(
    ("path", "line", "what"),
    [
        ("/etc/rc.local", "echo 50000000 > /proc/sys/fs/inotify/max_user_watches", "limit"),
        ("/etc/rc.local", "  echo 327679 >/proc/sys/fs/inotify/max_queued_events", "limit"),
        ("/etc/rc.local", "sysctl -w fs.inotify.max_user_instances=65535", "limit"),
        ("/etc/sysctl.conf", "fs.inotify.max_user_watches = 50000000", "limit"),
        ("/etc/rc.local", "nohup /bin/sh /server/scripts/inotify.sh &", "start"),
        ("/etc/rc.local", "/usr/local/sersync/sersync2 -d -r -o /usr/local/sersync/confxml.xml", "start"),
        ("/etc/rc.local", "inotifywait -mrq /data | while read f; do rsync -az /data h::m; done", "start"),
        ("/etc/crontab", "* * * * * root /etc/init.d/lsyncd start", "start"),
        ("/var/spool/cron/root", "00 02 * * * rsync -az --delete /data rsync_backup@172.16.1.41::backup", "schedule"),
    ],
)
def test_what_the_guides_write_is_found(path, line, what):
    assert kinds(path, f"#!/bin/sh\n{line}\nexit 0\n") == [(2, what)]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/rc.local", "# echo 1 > /proc/sys/fs/inotify/max_user_watches"),
        ("/etc/sysctl.conf", "; fs.inotify.max_user_watches = 1"),
        ("/etc/sysctl.conf", "fs.file-max = 1"),
        ("/etc/rc.local", "/usr/bin/rsync-ssl-check"),
        ("/etc/rc.local", "cat /var/log/lsyncd.log.old"),
        ("/etc/rc.local", "rsync -a /a /b"),  # once, at boot
    ],
)
def test_comments_and_what_only_looks_like_it_are_left(path, line):
    assert kinds(path, f"{line}\n") == []


def test_lines_become_comments_and_all_else_stays_as_it_was():
    text = "#!/bin/sh\r\nnohup inotifywait /d &\n\nfs.inotify.max_user_watches=1"
    taken = _old_sync.edits("/etc/rc.local", text)
    after = _old_sync.without(text, taken)
    assert after == (
        "#!/bin/sh\r\n# replaced by lockstep: nohup inotifywait /d &\n\n"
        "# replaced by lockstep: fs.inotify.max_user_watches=1"
    )
    assert _old_sync.edits("/etc/rc.local", after) == []


def test_no_password_of_a_line_is_told():
    (edit,) = _old_sync.edits("/etc/crontab", "* * * * * RSYNC_PASSWORD=geheim rsync -a /d h::m")
    assert "geheim" not in str(edit.shown())
    assert "rsync -a /d h::m" in edit.shown()["text"]


def test_each_file_is_looked_at_once_and_our_own_is_none(tmp_path):
    for folder in ("etc/sysctl.d", "etc/cron.d"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/sysctl.conf").write_text("x")
    (tmp_path / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    (tmp_path / "etc/sysctl.d/99-zz-lockstep.conf").write_text("x")
    (tmp_path / "etc/cron.d/sync").write_text("x")
    found = [path[len(str(tmp_path)) :] for path in _old_sync.files(str(tmp_path))]
    assert found == ["/etc/sysctl.conf", "/etc/cron.d/sync"]


def test_a_configuration_is_the_given_one_or_the_first_that_exists(tmp_path):
    lua, xml = tmp_path / "any.conf", tmp_path / "confxml.xml"
    lua.write_text("sync {}")
    xml.write_text("<head/>")
    assert _old_sync.configuration(None, [str(tmp_path / "no"), str(xml), str(lua)]) == {
        "path": str(xml),
        "kind": "sersync",
    }
    assert _old_sync.configuration(str(lua))["kind"] == "lsyncd"
    assert _old_sync.configuration(None, []) is None
    with pytest.raises(FileNotFoundError):
        _old_sync.configuration(str(tmp_path / "no"))


def test_only_processes_of_the_old_systems_are_told(tmp_path):
    for pid, name in (("10", "sersync2"), ("9", "lsyncd"), ("8", "bash"), ("self", "lsyncd"), ("7", None)):
        (tmp_path / pid).mkdir()
        if name:
            (tmp_path / pid / "comm").write_text(f"{name}\n")
    assert _old_sync.processes(str(tmp_path)) == [
        {"pid": 9, "program": "lsyncd"},
        {"pid": 10, "program": "sersync2"},
    ]


def test_a_watcher_is_told_wherever_its_program_is_and_nothing_else_of_lockstep(tmp_path):
    launcher = 'import runpy, sys; runpy.run_module("lockstep", run_name="__main__", alter_sys=True)'
    commands = {
        "11": ["/usr/bin/python3", "-I", "-c", launcher, "/opt/elsewhere", "run", "--config", "/etc/l.yml"],
        "12": ["python3", "-m", "lockstep", "run"],
        "13": ["/usr/bin/python3", "-I", "-c", launcher, "/usr/local/lib/lockstep", "events", "-m", "/run"],
        "14": ["podman", "run", "image"],
        "15": ["run"],
        "16": [""],
    }
    for pid, argv in commands.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text("".join(f"{word}\0" for word in argv))
    assert _old_sync.watchers(str(tmp_path)) == [{"pid": 11}, {"pid": 12}]


def test_the_roles_own_launcher_is_known_by_its_text(root):
    """What is looked for in the command line is what the role writes there."""
    text = (root / "roles/watcher/vars/main.yml").read_text()
    assert 'runpy.run_module("lockstep"' in text
