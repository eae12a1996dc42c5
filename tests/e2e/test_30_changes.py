"""A change of variables reaches what runs, at the least cost to it."""

from __future__ import annotations

import json

from conftest import DATA, HOME, Scene
from polling import wait_for


def test_another_exclude_is_taken_up_without_a_restart(deployed: Scene) -> None:
    machines, player = deployed.machines, deployed.player
    services = machines.services()
    source = machines.disk("nfs01", "/srv/data")
    copy = machines.disk("backup01", "/srv/backup/data")
    player.write("mirrors", {"lockstep_mirrors": [{**DATA, "exclude": ["*.scratch"]}, HOME]})
    try:
        assert player.play("site.yml", "--limit", "nfs01").changed["nfs01"] > 0
    finally:
        player.write("mirrors", {"lockstep_mirrors": [DATA, HOME]})
    (source / "not sent.scratch").write_text("excluded\n")
    (source / "sent").write_text("not excluded\n")
    wait_for((copy / "sent").exists, 30, "what is not excluded")
    machines.wait_live("nfs01")
    assert not (copy / "not sent.scratch").exists()
    assert machines.services() == services


def test_another_unit_is_a_restart_of_this_watcher_alone(deployed: Scene) -> None:
    """The exclude is gone again as well, and what it kept back arrives."""
    machines = deployed.machines
    before = machines.services()
    limit = ("-e", json.dumps({"watcher_limit_nofile": 20000}), "--limit", "nfs01")
    assert deployed.player.play("site.yml", *limit).changed["nfs01"] > 0
    after = machines.services()
    assert after.pop("nfs01") != before.pop("nfs01")
    assert after == before
    assert "20000" in machines.run("nfs01", f"grep 'open files' /proc/{machines.watcher('nfs01')}/limits")
    deployed.become_equal()


def test_unit_and_package_are_mended_with_one_restart(deployed: Scene) -> None:
    """The unit is still that of the test before, and someone has edited the package."""
    machines = deployed.machines
    edited = "/usr/local/lib/lockstep/lockstep/plan.py"
    text = machines.run("nfs01", f"cat {edited}; echo '# edited' >> {edited}")
    starts = "journalctl --sync; journalctl -o cat -u lockstep | grep -c '^Started '"
    before = int(machines.run("nfs01", starts))
    deployed.player.play("site.yml", "--limit", "nfs01")
    assert machines.run("nfs01", f"cat {edited}") == text
    assert int(machines.run("nfs01", starts)) == before + 1
    deployed.become_equal()
