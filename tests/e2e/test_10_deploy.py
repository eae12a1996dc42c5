"""Fresh hosts: check mode leaves them alone, and site.yml makes mirrors of them."""

from __future__ import annotations

import os
import time

from conftest import Checked, Scene
from fleet import HOSTS, NFS
from playing import Played
from polling import wait_for
from trees import differences

ODD_NAMES = [b"two words", b"line\nbreak", b"\xff\xfe not UTF-8", b"-r", b"#no comment", b"* ? [a] $(id) `id` 'x\" \\"]
READ_SEARCH = 1 << 2  # CAP_DAC_READ_SEARCH, capabilities(7)


def test_check_mode_succeeds_on_fresh_hosts_and_announces_changes(checked: Checked) -> None:
    assert set(checked.played.changed) == set(HOSTS)
    assert all(checked.played.changed.values())


def test_check_mode_changes_nothing_on_fresh_hosts(checked: Checked) -> None:
    assert not checked.before.changed_until(checked.after)


def test_site_ends_with_equal_trees(deployed: Scene) -> None:
    # the time of what the verification's own folder was in comes right behind it
    deployed.become_equal()


def test_site_verifies_every_mirror_of_every_host(first: Played) -> None:
    for mirror, target in (("data", "172.16.1.41/data"), ("home", "172.16.1.42/home-nfs02")):
        assert f"mirror {mirror}" in first.output
        assert target in first.output
    assert "delete_tree" in first.output


def test_watcher_runs_as_a_user_who_may_read_everything_and_nothing_else(deployed: Scene) -> None:
    for host in NFS:
        pid = deployed.machines.watcher(host)
        status = dict(
            line.split(":", 1) for line in deployed.machines.run(host, f"cat /proc/{pid}/status").splitlines()
        )
        user = int(deployed.machines.run(host, "id -u lockstep"))
        assert user != 0
        assert {int(number) for number in status["Uid"].split()} == {user}
        for capabilities in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[capabilities], 16) == READ_SEARCH, f"{host}: {capabilities}"
        assert status["NoNewPrivs"].strip() == "1"


def test_limits_of_inotify_are_in_force_and_set_at_each_boot(deployed: Scene) -> None:
    for host in NFS:
        limits = deployed.machines.set_limits(host)
        assert limits == {name: deployed.machines.kernel_limits()[name] for name in limits}
        assert limits["max_user_watches"] >= 65536
        assert limits["max_queued_events"] >= 1048576
        assert limits["max_user_instances"] >= 256


def test_a_file_arrives_within_a_second_on_every_pair_of_releases(deployed: Scene) -> None:
    for nfs in NFS:
        took = []
        for number in range(20):  # what else this machine does may delay some of them
            file = deployed.machines.disk(nfs, "/srv/home") / f"written {number}"
            file.write_text(f"on {nfs}\n")
            began = time.monotonic()
            copies = [
                deployed.machines.disk(to, f"/srv/backup/home/{nfs}/{file.name}") for to in ("backup01", "backup02")
            ]
            wait_for(lambda copies=copies: all(map(os.path.exists, copies)), 30, f"{file} on both backup hosts")
            took.append(time.monotonic() - began)
            assert [copy.read_text() for copy in copies] == [f"on {nfs}\n"] * 2
            if took[-1] < 1:
                break
            time.sleep(2)
        print(f"{nfs}: on both after {min(took) * 1000:.1f} ms")
        assert min(took) < 1, took


def test_odd_names_and_a_file_that_only_root_may_read_arrive(deployed: Scene) -> None:
    source = os.fsencode(deployed.machines.disk("nfs01", "/srv/data"))
    copy = os.fsencode(deployed.machines.disk("backup01", "/srv/backup/data"))
    os.mkdir(source + b"/odd", 0o755)
    names = [b"odd/" + name for name in [*ODD_NAMES, b"long" * 63]]
    for name in names:
        with open(os.path.join(source, name), "wb") as file:
            file.write(name)
    with open(source + b"/for root alone", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write("only root may read this\n")
    for name in [*names, b"for root alone"]:
        wait_for(lambda name=name: os.path.exists(os.path.join(copy, name)), 20, f"{name!r}")
    deployed.become_equal()


def test_owners_and_modes_come_back_in_a_restore(deployed: Scene) -> None:
    source = deployed.machines.disk("nfs01", "/srv/data")
    (source / "owned").mkdir(0o750)
    for number, mode in enumerate([0o600, 0o640, 0o755, 0o444, 0o000]):
        file = source / f"owned/{number}"
        file.write_text(f"{number}\n")
        os.chown(file, 1200 + number, 1300 + number)
        file.chmod(mode)
    os.chown(source / "owned", 1234, 4321)
    copy = deployed.machines.disk("backup01", "/srv/backup/data")
    wait_for((copy / "owned/4").exists, 30, "the last of the owned files")
    deployed.machines.wait_live("nfs01")
    restored = deployed.machines.disk("nfs01", "/srv/restored")
    wait_for(
        lambda: not restore(deployed) and not differences(source, restored, owners=True),
        20,
        lambda: differences(source, restored, owners=True),
    )
    deployed.machines.run("nfs01", "rm -r /srv/restored /srv/data/owned")
    deployed.become_equal()


def restore(scene: Scene) -> str:
    """Pull the mirror back from the daemon, as root; within one second, rsync takes any two times for equal unasked."""
    return scene.machines.run(
        "nfs01",
        "rsync -a --modify-window=-1 --delete --numeric-ids --password-file=/etc/lockstep/secrets/data@backup01 "
        "rsync://rsync_backup@172.16.1.41/data/ /srv/restored/",
    )
