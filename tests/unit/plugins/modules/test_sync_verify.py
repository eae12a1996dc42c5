# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sync_verify against a real rsync daemon: what arrives, what does not, and what it says about it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
import yaml

STEPS = ["create", "append", "rewrite", "mode", "rename", "nested", "symlink", "name", "delete", "delete_tree"]


@pytest.fixture
def verify(module, source):
    def run(daemon, check_mode=False, **options):
        targets = options.pop("targets", [{"url": daemon.url, "password_file": str(daemon.password_file)}])
        return module("sync_verify", check_mode, mirror="data", source=str(source), targets=targets, **options)

    return run


def steps(answer, target=0):
    return {step["step"]: step for step in answer.data["targets"][target]["steps"]}


def write_config(folder, daemon, source, **more):
    target = {"url": daemon.url, "password_file": str(daemon.password_file)}
    path = folder / "lockstep.yml"
    path.write_text(yaml.safe_dump({"mirrors": [{"name": "data", "source": str(source), "targets": [target], **more}]}))
    return path


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def left(*folders: Path) -> list[str]:
    return [str(path) for folder in folders for path in folder.rglob("verify/*")]


@pytest.mark.parametrize("options", [{}, {"fake_super": "yes", "munge_symlinks": "yes"}], ids=["plain", "fake-super"])
def test_every_kind_of_change_is_read_back_and_timed(daemons, syncers, verify, source, options):
    daemon = daemons(**options)
    syncers(daemon)
    answer = verify(daemon)
    assert not answer.failed, answer.output
    assert answer.data["ok"]
    assert answer.data["changed"] is False
    target = answer.data["targets"][0]
    assert list(steps(answer)) == ["folder", *STEPS]
    assert all(step["ok"] and 0 < step["lag_ms"] < 30000 and step["reason"] is None for step in target["steps"])
    assert target["lag_ms"]["min"] <= target["lag_ms"]["median"] <= target["lag_ms"]["max"]
    assert target["name"] == "127.0.0.1/data"
    assert target["cleanup"] == {"ok": True, "by": "mirror", "reason": None}
    assert len(answer.data["table"]) == len(STEPS) + 3
    assert left(source, daemon.data) == []
    assert not (source / ".lockstep").exists()


def test_several_targets_are_read_at_the_same_time(daemons, syncers, verify, source):
    first, second = daemons(), daemons()
    syncers(first)
    syncers(second)
    targets = [{"url": daemon.url, "password_file": str(daemon.password_file)} for daemon in (first, second)]
    answer = verify(first, targets=targets, steps=["create"])
    assert not answer.failed, answer.output
    assert [target["url"] for target in answer.data["targets"]] == [first.url, second.url]
    assert all(target["ok"] for target in answer.data["targets"])


def test_a_folder_of_this_host_is_a_target_too(daemons, syncers, verify, source):
    daemon = daemons(munge_symlinks="no")
    syncers(daemon)
    answer = verify(daemon, targets=[{"url": f"file://{daemon.data}"}])
    assert not answer.failed, answer.output
    assert answer.data["targets"][0]["name"] == str(daemon.data)


def test_a_path_below_the_module_is_where_it_reads(daemons, module, syncers, source):
    daemon = daemons()
    syncers(daemon)
    below = source / "below"
    below.mkdir()
    (daemon.data / "below").mkdir()
    target = {"url": f"{daemon.url}/below", "password_file": str(daemon.password_file)}
    answer = module("sync_verify", source=str(below), targets=[target], steps=["create", "delete"])
    assert not answer.failed, answer.output
    assert answer.data["targets"][0]["name"] == "127.0.0.1/data/below"


def test_chosen_steps_bring_along_what_they_need(daemons, syncers, verify):
    daemon = daemons()
    syncers(daemon)
    answer = verify(daemon, steps=["delete_tree", "mode"])
    assert list(steps(answer)) == ["folder", "create", "mode", "nested", "delete_tree"]


def test_what_was_there_before_stays(daemons, syncers, verify, source):
    daemon = daemons()
    reserved = source / ".lockstep"
    reserved.mkdir()
    (reserved / "identity").write_text("marker")
    syncers(daemon)
    answer = verify(daemon, steps=["create"])
    assert not answer.failed, answer.output
    assert (reserved / "identity").read_text() == "marker"
    assert not (reserved / "verify").exists()


def test_without_a_syncer_it_fails_in_time_with_step_target_and_reason(daemons, verify, source):
    daemon = daemons()
    answer = verify(daemon, timeout=1)
    assert answer.failed
    assert answer.msg.startswith("mirror data: step folder on 127.0.0.1/data: marker is not there")
    assert steps(answer)["folder"]["lag_ms"] is None
    assert [step["ok"] for step in answer.data["targets"][0]["steps"]] == [False] + [None] * len(STEPS)
    assert any("FAILED" in line for line in answer.data["table"])
    assert left(source, daemon.data) == []


def test_a_syncer_that_never_deletes_is_found_out_and_cleared_away_after(daemons, syncers, verify, source):
    daemon = daemons()
    syncers(daemon, "--perms", "--ignore-times")
    answer = verify(daemon, timeout=4, steps=["create", "delete"])
    assert answer.failed
    assert answer.msg.startswith("mirror data: step delete on 127.0.0.1/data: file is still there")
    cleanup = answer.data["targets"][0]["cleanup"]
    assert cleanup["ok"] is False
    assert cleanup["by"] == "verification"
    assert left(source, daemon.data) == []
    assert (daemon.data / "already there").exists()


def test_a_syncer_that_ignores_modes_is_found_out(daemons, syncers, verify, source):
    daemon = daemons()
    syncers(daemon, "--delete", "--ignore-times")
    answer = verify(daemon, timeout=4)
    assert answer.failed
    assert (
        answer.msg == "mirror data: step mode on 127.0.0.1/data: file has mode 0644, wanted 0750, 4 s after the change"
    )
    assert [name for name, step in steps(answer).items() if not step["ok"]] == ["mode"]


def test_a_syncer_that_trusts_size_and_whole_seconds_is_found_out(daemons, syncers, verify):
    daemon = daemons()
    syncers(daemon, "--perms", "--delete")
    answer = verify(daemon, timeout=4, steps=["rewrite"])
    assert answer.failed
    reason = "file holds other content (24 bytes, wanted 24), 4 s after the change"
    assert answer.msg == f"mirror data: step rewrite on 127.0.0.1/data: {reason}"


def test_a_lag_above_max_lag_fails_the_step(daemons, syncers, verify):
    daemon = daemons()
    syncers(daemon)
    answer = verify(daemon, max_lag=0.01, steps=["create"])
    assert answer.failed
    assert "is above max_lag 0.01 ms" in answer.msg
    assert steps(answer)["create"]["lag_ms"] > 0.01


def test_a_read_only_target_receives_nothing_and_says_so(daemons, syncers, verify, source):
    daemon = daemons(auth_users="rsync_backup:ro")
    syncers(daemon)
    answer = verify(daemon, timeout=1)
    assert answer.failed
    assert "step folder on 127.0.0.1/data: marker is not there" in answer.msg
    assert left(source) == []


def test_few_connections_at_the_daemon_suffice(daemons, syncers, verify, tmp_path):
    daemon = daemons(max_connections="3", lock_file=str(tmp_path / "lock"))
    syncers(daemon)
    answer = verify(daemon, steps=["create", "rename", "delete"])
    assert not answer.failed, answer.output


@pytest.fixture
def taken():
    """Takes a connection to a daemon's module and keeps it, at the question for the password."""
    with contextlib.ExitStack() as stack:

        def take(daemon):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", daemon.port), 10))
            answers = stack.enter_context(connection.makefile("rb"))
            connection.sendall(answers.readline() + b"data\n")
            assert answers.readline().startswith(b"@RSYNCD: AUTHREQD")
            return connection

        yield take


def test_a_connection_that_is_in_use_for_a_moment_is_waited_for(daemons, syncers, verify, taken, tmp_path):
    daemon = daemons(max_connections="1", lock_file=str(tmp_path / "lock"))
    holder = taken(daemon)
    started = time.monotonic()
    threading.Timer(0.5, holder.shutdown, [socket.SHUT_RDWR]).start()
    answer = verify(daemon, check_mode=True, timeout=20)
    assert not answer.failed, answer.output
    assert time.monotonic() - started > 0.5


def test_connections_that_stay_in_use_fail_in_time_with_the_reason(daemons, syncers, verify, taken, tmp_path):
    daemon = daemons(max_connections="1", lock_file=str(tmp_path / "lock"))
    taken(daemon)
    answer = verify(daemon, timeout=0.5)
    assert answer.failed
    assert "max connections" in answer.msg
    assert answer.msg.endswith("are all in use, for 0.5 s")


def test_a_daemon_that_goes_away_proves_no_deletion(daemons, syncers, verify, source):
    daemon = daemons()
    syncer = syncers(daemon)
    seen = []

    def run():
        seen.append(verify(daemon, timeout=2, steps=["create", "delete"]))

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: left(daemon.data))
    syncer.stop()
    daemon.stop()
    thread.join()
    assert seen[0].failed
    assert steps(seen[0])["delete"]["ok"] is not True
    assert left(source) == []


def test_a_mirror_that_never_deletes_is_verified_without_deletions(daemons, syncers, module, source, tmp_path):
    daemon = daemons()
    syncers(daemon, "--perms", "--ignore-times")
    config = write_config(tmp_path, daemon, source, delete=False)
    answer = module("sync_verify", mirror="data", config=str(config))
    assert not answer.failed, answer.output
    assert list(steps(answer)) == ["folder", *STEPS[:-2]]
    assert answer.data["targets"][0]["cleanup"]["by"] == "verification"
    assert left(source, daemon.data) == []


def test_check_mode_logs_in_and_changes_nothing(daemons, verify, source):
    daemon = daemons()
    answer = verify(daemon, check_mode=True)
    assert not answer.failed, answer.output
    assert {step["reason"] for step in steps(answer).values()} == {"check mode"}
    assert list(source.iterdir()) == [source / "already there"]
    assert list(daemon.data.iterdir()) == []
    daemon.password_file.write_text("another password\n")
    assert "auth failed" in verify(daemon, check_mode=True).msg


def test_check_mode_on_a_host_without_the_watcher_warns(module, tmp_path):
    answer = module("sync_verify", check_mode=True, mirror="data", config=str(tmp_path / "none.yml"))
    assert not answer.failed, answer.output
    assert (answer.data["ok"], answer.data["targets"], answer.data["table"]) == (False, [], [])
    assert "nothing to verify yet" in answer.output


def test_an_interrupt_clears_away(daemons, syncers, source, module_command):
    daemon = daemons()
    syncers(daemon)
    options = {"source": str(source), "targets": [{"url": daemon.url, "password_file": str(daemon.password_file)}]}
    process = module_command("sync_verify", options)
    wait_for(lambda: left(daemon.data))
    process.terminate()
    output = process.communicate(timeout=30)[0]
    assert "told to end early" in output
    assert left(source, daemon.data) == []


def test_no_secret_is_in_the_answer(daemons, syncers, verify):
    daemon = daemons()
    syncers(daemon)
    assert daemon.password_file.read_text().strip() not in verify(daemon, steps=["create"]).output
    spoken = verify(daemon, targets=[{"url": "rsync://me:hush-hush@127.0.0.1/data"}])
    assert spoken.failed
    assert "a password has no place in a URL" in spoken.msg
    assert "hush-hush" not in spoken.output


class TestBadInput:
    """Each is one clear error before anything changes."""

    @pytest.fixture(autouse=True)
    def _untouched(self, source):
        yield
        assert list(source.iterdir()) == [source / "already there"]

    def test_wrong_password(self, daemons, verify):
        daemon = daemons()
        daemon.password_file.write_text("another password\n")
        answer = verify(daemon)
        assert answer.msg.startswith("mirror data: target 127.0.0.1/data: @ERROR: auth failed on module data")
        assert "user or password is wrong" in answer.msg

    def test_unknown_module(self, daemons, verify):
        daemon = daemons()
        targets = [{"url": daemon.url + "x", "password_file": str(daemon.password_file)}]
        assert "the daemon has no module of this name" in verify(daemon, targets=targets).msg

    def test_nobody_listens(self, daemons, verify):
        daemon = daemons()
        daemon.stop()
        assert "no rsync daemon answers there" in verify(daemon).msg

    def test_a_mirror_that_is_not_configured(self, daemons, module, source, tmp_path):
        config = write_config(tmp_path, daemons(), source)
        answer = module("sync_verify", mirror="dta", config=str(config))
        assert answer.msg == f"mirror dta: not in {config}; did you mean data? (there: data)"

    def test_a_configuration_that_is_not_there(self, module, tmp_path):
        answer = module("sync_verify", mirror="data", config=str(tmp_path / "none.yml"))
        assert "No such file or directory" in answer.msg

    def test_a_configuration_that_is_no_configuration(self, module, tmp_path):
        config = tmp_path / "lockstep.yml"
        config.write_text("mirrors: {a: b}\n")
        assert "has no list of mirrors" in module("sync_verify", mirror="data", config=str(config)).msg
        config.write_text("mirrors: [\n")
        assert "is not YAML" in module("sync_verify", mirror="data", config=str(config)).msg

    def test_a_source_that_is_missing_or_no_directory(self, daemons, module, source):
        daemon = daemons()
        targets = [{"url": daemon.url, "password_file": str(daemon.password_file)}]
        missing = module("sync_verify", source=f"{source}/none", targets=targets)
        assert "does not exist on this host" in missing.msg
        file = module("sync_verify", source=f"{source}/already there", targets=targets)
        assert "is not a directory" in file.msg

    def test_a_password_file_that_others_can_read_or_that_is_missing(self, daemons, verify):
        daemon = daemons()
        daemon.password_file.chmod(0o604)
        assert "mode 0604 lets others at it" in verify(daemon).msg
        daemon.password_file.unlink()
        assert "No such file or directory" in verify(daemon).msg

    @pytest.mark.parametrize(
        "url",
        ["rsync://", "rsync://host", "host::data", "ssh://user@host", "file://data", "rsync://u@host:0/data"],
    )
    def test_a_malformed_url(self, daemons, verify, url):
        answer = verify(daemons(), targets=[{"url": url}])
        assert answer.failed
        assert url in answer.msg

    def test_an_rsync_that_is_missing_too_old_or_another_program(self, daemons, verify, tmp_path):
        daemon = daemons()
        assert "not found; install rsync 3.2.0 or later" in verify(daemon, rsync=str(tmp_path / "none")).msg
        old = tmp_path / "rsync"
        for answer, complaint in (
            ("rsync  version 3.1.3  protocol version 31", "is version 3.1.3; 3.2.0 or later is needed"),
            ("openrsync: protocol version 29", "does not answer --version as rsync does"),
        ):
            old.write_text(f"#!/bin/sh\necho '{answer}'\n")
            old.chmod(0o755)
            assert complaint in verify(daemon, rsync=str(old)).msg

    def test_times_that_are_none(self, daemons, verify):
        assert "must be greater than 0" in verify(daemons(), timeout=0).msg


@pytest.fixture
def mounted(source):
    """The source as a client of it sees it, through a file system of another program."""
    mount = Path(tempfile.mkdtemp(prefix="mount-"))
    mount.chmod(0o755)  # pytest's own folders let nobody else through
    others = [] if os.geteuid() == 0 else ["--no-allow-other"]
    subprocess.run(["bindfs", *others, str(source), str(mount)], check=True)
    yield mount
    subprocess.run(["fusermount", "-u", str(mount)], check=True)
    mount.rmdir()


def test_what_a_client_writes_in_its_mount_arrives_on_the_backup(daemons, syncers, verify, source, mounted):
    daemon = daemons()
    syncers(daemon)
    answer = verify(daemon, client={"mount": str(mounted)})
    assert not answer.failed, answer.output
    assert answer.data["ok"]
    assert list(steps(answer)) == ["folder", *STEPS]
    assert answer.data["targets"][0]["cleanup"] == {"ok": True, "by": "mirror", "reason": None}
    assert left(source, daemon.data, mounted) == []


def test_a_client_acts_as_its_user(module_command, daemons, source, mounted):
    """Nothing is synced, so that what was made stays until the time is over."""
    daemon = daemons()
    me = os.geteuid()
    user = pwd.getpwnam("nobody") if me == 0 else pwd.getpwuid(me)  # only root can act as another
    options = {
        "source": str(source),
        "targets": [{"url": daemon.url, "password_file": str(daemon.password_file)}],
        "client": {"mount": str(mounted), "user": user.pw_name},
        "timeout": 3,
    }
    process = module_command("sync_verify", options)
    wait_for(lambda: list(source.rglob("marker")))
    (marker,) = source.rglob("marker")
    assert marker.stat().st_uid == marker.parent.stat().st_uid == user.pw_uid
    assert marker.parent.parent.stat().st_uid == me
    assert json.loads(process.communicate()[0])["msg"].startswith(f"mirror {source}: step folder on ")
    assert left(source, mounted) == []


@pytest.mark.parametrize(
    ("client", "complaint"),
    [
        ({"mount": "/nowhere"}, "client: mount /nowhere: No such file or directory; mount the source there"),
        ({"mount": "{source}"}, "lies on the file system of the source itself and not on a client's mount of it"),
        ({"mount": "/proc"}, "client: mount /proc: does not show what is in {source}; name the mount of this source"),
        ({"mount": "/proc", "user": "nosuchuser"}, "client: user nosuchuser: there is no such user on this host"),
    ],
)
def test_what_is_no_clients_mount_of_the_source_is_refused(daemons, verify, source, client, complaint):
    daemon = daemons()
    client = {key: value.format(source=source) for key, value in client.items()}
    answer = verify(daemon, client=client)
    assert answer.failed
    assert complaint.format(source=source) in answer.msg
    assert not (source / ".lockstep").exists()
