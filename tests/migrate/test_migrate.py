"""From the real lsyncd to lockstep and back, under load: nothing is lost, and never do both run."""

from __future__ import annotations

import threading

from loading import Load
from old_lsyncd import CONFXML, LIMIT, STARTED, STARTING, STOPPED, Old
from polling import wait_for


def delete_slowly(old: Old, load: Load) -> None:
    """One file for each two that are written."""
    for number in range(200):
        wait_for(lambda number=number: load.written >= 2 * number, 120, "the load")
        (old.source / "d" / f"to-go-{number}").unlink()


def test_check_mode_says_what_is_mirrored_and_changes_nothing(old: Old) -> None:
    before = old.machines.written("nfs01", "etc"), old.machines.written("backup01", "etc")
    checked = old.player.play("playbooks/migrate.yml", "--check")
    assert checked.changed["nfs01"] > 0
    assert "/srv/copies" in checked.output
    assert LIMIT in checked.output
    assert (old.machines.written("nfs01", "etc"), old.machines.written("backup01", "etc")) == before
    assert old.service("lsyncd") == ("active", "enabled")


def test_under_load_nothing_is_lost_and_both_never_run_at_once(old: Old) -> None:
    """What is made, rewritten and deleted while one stops and the other starts is on the target in the end."""
    for number in range(200):
        (old.source / "d" / f"to-go-{number}").write_text("x")
    old.become_equal()
    with Load([old.source / "load"]) as load:
        going = threading.Thread(target=delete_slowly, args=(old, load))
        going.start()
        done = old.player.play("playbooks/migrate.yml")
        going.join()
    assert done.changed["nfs01"] > 0
    assert load.written > 50
    old.become_equal()
    assert old.service("lsyncd")[0] == "inactive"
    assert old.service("lsyncd")[1] == "disabled"
    assert old.service("lockstep") == ("active", "enabled")
    assert old.moment("lsyncd", STOPPED) < old.moment("lockstep", STARTING)
    (old.source / "d" / "afterwards").write_text("x")
    old.become_equal()


def test_a_second_run_changes_nothing(old: Old) -> None:
    assert old.player.play("playbooks/migrate.yml").changed == {"nfs01": 0, "backup01": 0}


def test_the_edits_of_the_guides_are_replaced_where_asked(old: Old) -> None:
    old.player.play("playbooks/migrate.yml", "-e", "lockstep_migrate_clean=true")
    assert old.machines.run("nfs01", "cat /etc/rc.local") == f"#!/bin/sh\n# replaced by lockstep: {LIMIT}\n"
    assert old.machines.run("nfs01", "stat -c %a /etc/rc.local").strip() == "755"
    assert old.player.play("playbooks/migrate.yml", "-e", "lockstep_migrate_clean=true").changed["nfs01"] == 0


def test_the_way_back_has_lsyncd_again_and_nothing_is_lost(old: Old) -> None:
    with Load([old.source / "load"]) as load:
        old.player.play("playbooks/migrate.yml", "-e", "lockstep_migrate=back")
    assert load.written > 5
    assert old.service("lockstep") == ("inactive", "disabled")
    assert old.service("lsyncd") == ("active", "enabled")
    assert old.moment("lockstep", STOPPED) < old.moment("lsyncd", STARTED)
    old.become_equal()
    (old.source / "d" / "by-lsyncd").write_text("x")
    old.become_equal()
    assert old.player.play("playbooks/migrate.yml", "-e", "lockstep_migrate=back").changed["nfs01"] == 0


def test_a_program_that_was_started_by_hand_is_named_and_nothing_starts_beside_it(old: Old) -> None:
    """As the guides start sersync; its stand-in mirrors nothing, but is a process of its name and no service's own."""
    folder = "/usr/local/sersync"
    old.machines.run(
        "nfs01",
        # its init script does not end a process that has no pid file of it any more
        "set -e; systemctl disable --now lsyncd; for process in $(pidof lsyncd); do kill $process; done\n"
        f"mkdir -p {folder}; cp /bin/sleep {folder}/sersync2\n"
        f"cat > {folder}/confxml.xml <<'END'\n{CONFXML}END\n"
        f"systemd-run --quiet --unit=by-hand {folder}/sersync2 infinity",
    )
    given = ("-e", f"lockstep_migrate_config={folder}/confxml.xml")
    said = old.player.play("playbooks/migrate.yml", *given, succeeds=False).said()
    assert "sersync2 runs, as process" in said
    assert "and there is no service sersync to stop" in said
    assert old.service("lockstep")[0] == "inactive"
    old.machines.run("nfs01", "systemctl stop by-hand")
    old.player.play("playbooks/migrate.yml", *given)
    assert old.service("lockstep") == ("active", "enabled")
    (old.source / "d" / "after-sersync").write_text("x")
    old.become_equal()
