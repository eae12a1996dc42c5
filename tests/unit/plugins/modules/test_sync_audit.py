# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sync_audit against a real rsync daemon: what it finds, what it mends, and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socketserver
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from ansible_collections.lockstep.realtime.plugins.modules import sync_audit

ODD = [b"two words", b"line\nbreak", b"\xff\xfe", b"-r", b"#no comment", b";nor this", b"* ? [a] $(id) `id` \\#012 \\"]


@pytest.fixture
def daemon(daemons, source):
    """A daemon whose copy equals the source."""
    started = daemons(munge_symlinks="no")
    fill(source)
    mirror(source, started.data)
    return started


def fill(source: Path) -> None:
    for name in ("rotten", "gone", "well", "deep/er/file"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name} as it was written")
    (source / "link").symlink_to("no/such/place")
    os.mkfifo(source / "fifo")


def mirror(source: Path, copy: Path) -> None:
    shutil.rmtree(copy)
    subprocess.run(["cp", "-a", str(source), str(copy)], check=True)


def rot(path: Path) -> None:
    """Other content of equal size and time."""
    before = path.stat()
    path.write_text(path.read_text().replace("written", "rotten!"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextlib.contextmanager
def times_kept(folder: Path):
    """Whoever does this keeps the folder's time, so that nothing but what was done shows."""
    before = folder.stat()
    yield
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def audit(module, source):
    def run(daemon, check_mode=False, **options):
        target = {"url": daemon.url, "password_file": str(daemon.password_file)}
        options = {"source": str(source), "targets": [target], "settle": 0.05, **options}
        return module("sync_audit", check_mode, **options)

    return run


def only(answer):
    (target,) = answer.data["targets"]
    return target


def tree(folder: Path) -> dict[str, object]:
    """What is below a folder: kind, mode, time and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[os.fsdecode(os.fsencode(path.relative_to(folder)))] = (status.st_mode, status.st_mtime_ns, content)
    return found


def test_equal_trees_are_in_step(audit, daemon):
    answer = audit(daemon)
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True
    assert answer.data["changed"] is False
    target = only(answer)
    assert (target["name"], target["error"], target["problems"]) == ("127.0.0.1/data", None, [])
    assert target["entries"] == target["on_target"] == 10
    assert target["bytes"] > 50
    assert target["repair"] is None


def test_a_file_that_has_rotten_at_equal_size_and_time_is_found_by_its_content_alone(audit, daemon):
    rot(daemon.data / "rotten")
    assert audit(daemon).data["in_step"] is True
    answer = audit(daemon, checksum=True)
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is False
    assert (answer.data["missing"], answer.data["different"], answer.data["extra"]) == (0, 1, 0)
    different = only(answer)["different"]
    assert different["paths"] == ["rotten"]
    assert different["why"] == {"rotten": ["content"]}
    assert different["bytes"] == len("rotten as it was written")


def drift(daemon) -> None:
    with times_kept(daemon.data), times_kept(daemon.data / "deep"):
        rot(daemon.data / "rotten")
        (daemon.data / "gone").unlink()
        (daemon.data / "well").chmod(0o600)
        (daemon.data / "too much").write_text("12345")
        (daemon.data / "deep/too").mkdir()
        (daemon.data / "deep/too/many").write_text("123")


def test_each_key_of_an_answer_is_documented_and_no_other_is(audit, daemon):
    drift(daemon)
    answer = audit(daemon, repair=True, checksum=True)
    assert not answer.failed, answer.output
    documented = yaml.safe_load(sync_audit.RETURN)
    assert set(answer.data) - {"changed", "diff", "invocation"} == set(documented)
    target, documented = only(answer), documented["targets"]["contains"]
    assert set(target) == set(documented)
    assert set(target["repair"]) == set(documented["repair"]["sample"])


def test_what_differs_is_told_mended_and_gone(audit, daemon, source):
    drift(daemon)
    before = tree(daemon.data)
    looked = audit(daemon, check_mode=True, checksum=True, repair=True)
    assert not looked.failed, looked.output
    assert looked.data["changed"] is True
    assert only(looked)["repair"]["sent"] == 0
    assert tree(daemon.data) == before

    answer = audit(daemon, checksum=True, repair=True)
    assert not answer.failed, answer.output
    assert answer.data["changed"] is True
    target = only(answer)
    assert target["missing"]["paths"] == ["gone"]
    assert target["different"]["why"] == {"rotten": ["content"], "well": ["mode"]}
    assert sorted(target["extra"]["paths"]) == ["deep/too", "deep/too/many", "too much"]
    assert target["extra"]["bytes"] == 8
    assert target["repair"] == {
        "sent": 3,
        "deleted": 3,
        "bytes": 46,
        "left": 0,
        "held": None,
        "reason": None,
        "remaining": {"missing": 0, "different": 0, "extra": 0},
    }
    assert target["in_step"] is answer.data["in_step"] is True
    assert "extra      deep/too/many" in answer.data["diff"][0]["before"]
    assert tree(daemon.data) == tree(source)
    assert audit(daemon, checksum=True, repair=True).data["changed"] is False


def test_every_name_is_told_and_mended(audit, daemon, source):
    for name in ODD:
        (source / os.fsdecode(name)).write_text("new")
        with open(os.path.join(os.fsencode(daemon.data), b"extra " + name), "w") as file:
            file.write("old")
    answer = audit(daemon, repair=True)
    assert not answer.failed, answer.output
    assert only(answer)["missing"]["count"] == only(answer)["extra"]["count"] == len(ODD)
    assert "line\nbreak" in only(answer)["missing"]["paths"]
    assert "\\xff\\xfe" in only(answer)["missing"]["paths"]
    assert "  missing    line\\nbreak" in answer.data["table"]
    assert tree(daemon.data) == tree(source)


def test_what_is_of_another_type_is_mended(audit, daemon, source):
    for name in ("well", "deep/er/file"):
        (daemon.data / name).unlink()
        (daemon.data / name).mkdir()
        (daemon.data / name / "inner").write_text("in the way")
    shutil.rmtree(daemon.data / "deep/er")
    (daemon.data / "deep/er").write_text("a file where a directory is to be")
    (source / "to folder").symlink_to("deep")
    (daemon.data / "to folder").mkdir()
    (daemon.data / "to folder/er").write_text("the source's link leads to something of this name")
    answer = audit(daemon, repair=True)
    assert not answer.failed, answer.output
    assert tree(daemon.data) == tree(source)


@pytest.mark.parametrize("place", ["a folder of this host", "a path below the module"])
def test_other_places_are_targets_too(audit, daemon, source, place):
    below = daemon.data / "be low"
    shutil.copytree(source / "deep", below, symlinks=True)
    (below / "too much").write_text("x")
    (below / "er/file").unlink()
    target = {"url": f"{daemon.url}/be low", "password_file": str(daemon.password_file)}
    if place.startswith("a folder"):
        target = {"url": f"file://{below}"}
    answer = audit(daemon, source=str(source / "deep"), targets=[target], repair=True)
    assert not answer.failed, answer.output
    assert only(answer)["missing"]["paths"] == ["er/file"]
    assert only(answer)["extra"]["paths"] == ["too much"]
    assert only(answer)["extra"]["bytes"] == 1
    assert tree(below) == tree(source / "deep")
    assert (daemon.data / "deep/er/file").exists()


def test_what_is_excluded_is_neither_told_nor_deleted(audit, daemon, source):
    (source / "a.swp").write_text("not sent")
    (daemon.data / "gone with the rest").mkdir()
    (daemon.data / "gone with the rest/b.swp").write_text("kept")
    (daemon.data / "gone with the rest/c").write_text("deleted")
    answer = audit(daemon, repair=True, exclude=["*.swp"])
    assert not answer.failed, answer.output
    assert only(answer)["extra"]["paths"] == ["gone with the rest/c"]
    assert not (daemon.data / "a.swp").exists()
    assert (daemon.data / "gone with the rest/b.swp").read_text() == "kept"
    assert answer.data["in_step"] is True


def test_a_mirror_that_never_deletes_may_have_too_much(audit, daemon):
    drift(daemon)
    answer = audit(daemon, repair=True, delete=False)
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True
    assert (only(answer)["extra"]["count"], only(answer)["repair"]["deleted"]) == (3, 0)
    assert only(answer)["repair"]["held"] == "the mirror has delete: false"
    assert (daemon.data / "too much").exists()
    assert (daemon.data / "gone").exists()


def test_more_deletions_than_max_delete_are_not_made_and_the_rest_is(audit, daemon):
    drift(daemon)
    limits = {"percent": 0, "at_least": 2}
    answer = audit(daemon, repair=True, max_delete=limits)
    assert answer.failed
    assert (
        "3 differences are not mended: 3 of 12 entries would be deleted, more than max_delete allows (2)" in answer.msg
    )
    assert (daemon.data / "too much").exists()
    assert (daemon.data / "gone").exists()
    assert not audit(daemon, repair=True, max_delete={**limits, "at_least": 3}).failed
    assert not (daemon.data / "too much").exists()


def test_an_empty_source_deletes_nothing(audit, daemon, source):
    shutil.rmtree(source)
    source.mkdir()
    answer = audit(daemon, repair=True)
    assert answer.failed
    assert "is empty; is its file system mounted?" in answer.msg
    assert (daemon.data / "deep/er/file").exists()


def test_what_changes_while_it_is_looked_at_is_no_drift(module_command, daemon, source, tmp_path):
    """One file arrives between the looks, one is rewritten at the source all the time."""
    (source / "late").write_text("on its way")
    progress = tmp_path / "progress.json"
    options = {"source": str(source), "settle": 1.5, "progress": str(progress), "repair": True}
    options["targets"] = [{"url": daemon.url, "password_file": str(daemon.password_file)}]
    (source / "busy").write_text("0")
    process = module_command("sync_audit", options)
    number = 0
    while process.poll() is None:
        number += 1
        (source / "busy").write_text(str(number))
        with contextlib.suppress(OSError, ValueError):
            if json.loads(progress.read_text())["phase"] == "looking again" and not (daemon.data / "late").exists():
                shutil.copy2(source / "late", daemon.data / "late")
                shutil.copystat(source, daemon.data)
    answer = json.loads(process.communicate()[0])
    (target,) = answer["targets"]
    assert target["changing"]["paths"] == ["busy"]
    assert target["passing"] >= 1
    assert target["seconds"] >= 1.5
    assert target["missing"]["count"] == 0
    assert not (daemon.data / "busy").exists()
    assert json.loads(progress.read_text())["phase"] == "done"


def test_more_than_the_limit_is_counted_and_mended_and_not_listed(audit, daemon, source):
    for number in range(30):
        (source / f"new-{number}").write_text("x")
    answer = audit(daemon, repair=True, limit=3)
    missing = only(answer)["missing"]
    assert (missing["count"], len(missing["paths"]), missing["truncated"]) == (30, 3, True)
    assert only(answer)["repair"]["sent"] == 31  # and the source's own time
    assert tree(daemon.data) == tree(source)


def test_a_target_that_cannot_be_compared_is_named_and_the_other_one_is_compared(audit, daemon, daemons, source):
    away = daemons()
    away.stop()
    drift(daemon)
    targets = [{"url": other.url, "password_file": str(other.password_file)} for other in (away, daemon)]
    answer = audit(daemon, targets=targets)
    assert answer.failed
    assert answer.msg.startswith(f"mirror {source}: target 127.0.0.1/data: ")
    assert "no rsync daemon answers there" in answer.msg
    assert [target["extra"]["count"] for target in answer.data["targets"]] == [0, 3]


def test_what_cannot_be_read_keeps_it_from_being_in_step(audit, daemon, source):
    """What stands where a directory is expected on the target's side, closed to the daemon or not there."""
    shutil.rmtree(daemon.data)
    answer = audit(daemon)
    assert answer.failed
    assert answer.data["in_step"] is False
    assert only(answer)["error"]


class Watcher(socketserver.ThreadingUnixStreamServer):
    """Says over its socket what it holds."""

    daemon_threads = True

    def __init__(self, path: str, target: dict[str, object], state: str = "held") -> None:
        self.told: list[dict[str, object]] = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler) -> None:
                for line in handler.rfile:
                    request = json.loads(line)
                    if request["command"] == "audited":
                        self.told.append(request)
                    status = {"mirrors": [{"name": "data", "state": state, "targets": [target]}]}
                    handler.wfile.write(json.dumps({"ok": True, "status": status}).encode() + b"\n")

        super().__init__(path, Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


@pytest.fixture
def configured(module, daemon, source, tmp_path):
    """Audits with a configuration as the watcher has it."""
    state = tmp_path / "state"
    state.mkdir()

    def run(identity=None, nested=(), check_mode=False, leaves_out=None, **options):
        if identity is not None:
            memory = {"identity": identity, "nested": list(nested), "confirmed": {}}
            (state / "data.json").write_text(json.dumps(memory))
        entry = {"url": daemon.url, "password_file": str(daemon.password_file)}
        config = {
            "state_dir": str(state),
            "status": {"socket": str(tmp_path / "s.sock")},
            "mirrors": [
                {"name": "data", "source": str(source), "targets": [entry], **(leaves_out or {"exclude": ["*.swp"]})}
            ],
        }
        (tmp_path / "lockstep.yml").write_text(yaml.safe_dump(config))
        options = {"settle": 0.05, "repair": True, **options}
        return module("sync_audit", check_mode, mirror="data", config=str(tmp_path / "lockstep.yml"), **options)

    return run


@pytest.mark.parametrize(
    ("remembered", "complaint"),
    [
        ({"inode": 1}, "root's inode was 1 and is "),
        ({"fstype": "iso9660"}, "file system's type was iso9660 and is "),
        ({"marker": "abc"}, "the marker .lockstep/identity was abc and is gone"),
    ],
)
def test_nothing_is_mended_from_a_source_that_is_another_one(configured, daemon, source, remembered, complaint):
    drift(daemon)
    known = {"fstype": None, "uuid": None, "udev_uuid": None, "fsid": None, "marker": None}
    before = tree(daemon.data)
    answer = configured({**known, "inode": source.stat().st_ino, **remembered})
    assert answer.failed
    assert complaint in answer.msg
    assert "lockstep release data" in answer.msg
    assert tree(daemon.data) == before
    assert only(answer)["missing"]["count"] == 1


def test_what_regular_expressions_leave_out_is_neither_told_nor_sent_nor_deleted(configured, daemon, source):
    leaves_out = {"exclude_regex": [r"\.o$", "(^|/)cache$"], "include_regex_nocase": ["^gone$", r"\.TXT$"]}
    for name in ("a.o", "cache/inside.txt", "not included", "new.txt"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("only the source has it")
    (daemon.data / "gone").unlink()
    for name in ("b.o", "old/keep.o", "old/too much.txt", "older/too much.txt", "deep/cache/x.txt", "stays"):
        (daemon.data / name).parent.mkdir(exist_ok=True)
        (daemon.data / name).write_text("only the target has it")
    rot(daemon.data / "well")
    found = only(configured(leaves_out=leaves_out, repair=False, checksum=True))
    assert sorted(found["missing"]["paths"]) == ["gone", "new.txt"]
    # the folder's time, which what was made in it has changed
    assert set(found["different"]["paths"]) <= {".", "deep"}
    assert sorted(found["extra"]["paths"]) == ["old/too much.txt", "older", "older/too much.txt"]
    answer = configured(leaves_out=leaves_out, checksum=True)
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True
    there = set(tree(daemon.data))
    assert {"gone", "new.txt", "b.o", "old/keep.o", "deep/cache/x.txt", "stays", "well"} <= there
    assert not there & {"a.o", "cache", "not included", "old/too much.txt", "older"}


def test_nothing_is_mended_while_what_is_mounted_in_the_source_is_not(configured, daemon, source):
    drift(daemon)
    answer = configured({"fstype": None, "inode": source.stat().st_ino, "marker": None}, nested=["deep"])
    assert answer.failed
    assert "deep below it is not mounted" in answer.msg


def test_the_source_that_is_remembered_is_mended_from(configured, daemon, source):
    drift(daemon)
    answer = configured({"fstype": None, "inode": source.stat().st_ino, "marker": None})
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True


@pytest.fixture
def watcher(daemon, tmp_path):
    """One that is in step, by its own word."""
    started = Watcher(str(tmp_path / "s.sock"), {"name": "t", "url": daemon.url, "state": "live", "held": None}, "live")
    yield started
    started.stop()


def test_the_watcher_is_told_what_was_found_and_what_is_left(configured, daemon, watcher):
    drift(daemon)
    assert only(configured(repair=False, checksum=True))["told"] is True
    assert only(configured(checksum=True))["told"] is True
    found = {"command": "audited", "mirror": "data", "target": "127.0.0.1/data", "checksum": True}
    assert watcher.told == [
        {**found, "missing": 1, "different": 2, "extra": 3},
        {**found, "missing": 0, "different": 0, "extra": 0},
    ]


def test_the_watcher_is_told_what_a_repair_may_not_mend(configured, daemon, watcher):
    drift(daemon)
    assert configured(max_delete={"percent": 0, "at_least": 1}).failed
    assert [[one[kind] for kind in ("missing", "different", "extra")] for one in watcher.told] == [[0, 0, 3]]


@pytest.mark.parametrize("repair", [False, True])
def test_what_a_mirror_that_never_deletes_has_too_much_is_told_as_no_drift(configured, daemon, watcher, repair):
    with times_kept(daemon.data):
        (daemon.data / "too much").write_text("12345")
    answer = configured(leaves_out={"delete": False}, repair=repair)
    assert answer.data["in_step"] is True
    assert only(answer)["extra"]["count"] == 1
    assert [[one[kind] for kind in ("missing", "different", "extra")] for one in watcher.told] == [[0, 0, 0]]


def test_check_mode_and_an_audit_that_failed_tell_the_watcher_nothing(configured, daemon, watcher):
    drift(daemon)
    assert only(configured(check_mode=True))["told"] is False
    daemon.password_file.write_text("wrong\n")
    answer = configured(repair=False)
    assert answer.failed
    assert only(answer)["told"] is False
    assert not watcher.told


def test_nothing_is_mended_while_the_watcher_holds_the_mirror(configured, daemon, tmp_path):
    drift(daemon)
    held = {"name": "t", "url": daemon.url, "state": "held", "reason": "the source is gone", "held": None}
    watcher = Watcher(str(tmp_path / "s.sock"), held)
    try:
        answer = configured()
    finally:
        watcher.stop()
    assert answer.failed
    assert (
        "the watcher holds the mirror: the source is gone; mend that, or accept it with: lockstep release" in answer.msg
    )
    assert not (daemon.data / "gone").exists()


def test_deletions_that_the_watcher_holds_are_not_made_and_the_rest_is(configured, daemon, tmp_path):
    drift(daemon)
    deletions = {"deletions": 9, "of": 9, "command": "lockstep release data"}
    held = {"name": "t", "url": daemon.url, "state": "held", "reason": "9 of 9", "held": deletions}
    watcher = Watcher(str(tmp_path / "s.sock"), held)
    try:
        answer = configured()
    finally:
        watcher.stop()
    assert answer.failed
    assert "the watcher holds 9 deletions there; let them go with: lockstep release data" in answer.msg
    assert (daemon.data / "gone").exists()
    assert (daemon.data / "too much").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"settle": -1}, "settle and limit must not be less than 0"),
        ({"source": "/nowhere"}, "does not exist on this host"),
        ({"targets": [{"url": "ssh://host/path", "ssh_key": "/none"}]}, "ssh_key /none: is not there"),
        ({"source": None, "targets": None, "mirror": "data", "delete": True}, "delete is for a source that is given"),
    ],
)
def test_options_that_cannot_be_used_are_named(audit, daemon, options, complaint):
    answer = audit(daemon, **options)
    assert answer.failed
    assert complaint in answer.msg


def test_before_a_deployment_check_mode_has_nothing_to_audit(module, tmp_path):
    config = str(tmp_path / "none.yml")
    answer = module("sync_audit", True, mirror="data", config=config)
    assert not answer.failed, answer.output
    assert answer.data["targets"] == []
    assert module("sync_audit", mirror="data", config=config).failed
