# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of many hosts: one screen, whatever happens, with what is not well in it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.fleet_table import fleet_table

SCREEN = 40
WIDE = 120


def target(name, state="live", **more):
    return {"name": name, "state": state, "reason": None, "lag": 0.004, "pending": 0, **more}


def host(*targets, mirrors=("uploads", "home")):
    return {
        "running": True,
        "status": {"mirrors": [{"name": name, "targets": copy.deepcopy(targets)} for name in mirrors]},
    }


def fleet(number=50):
    return {f"nfs{n:02}": host(target("backup01/uploads"), target("backup02/uploads")) for n in range(1, number + 1)}


def test_two_hosts_have_a_line_for_each_mirror_and_target():
    lines = fleet_table(fleet(2), "status")
    assert lines[0] == "2 of 2 hosts in step: 4 mirrors on 8 targets, largest lag 0.004 s, 0 changes waiting"
    assert lines[1].split() == ["host", "mirror", "target", "state", "lag", "pending"]
    assert lines[2].split() == ["nfs01", "uploads", "backup01/uploads", "live", "0.004", "s", "0"]
    assert len(lines) == 10
    assert {line.index("backup") for line in lines[2:]} == {lines[1].index("target")}


def test_fifty_hosts_that_are_in_step_are_one_line_and_a_count():
    assert fleet_table(fleet(), "status") == [
        "50 of 50 hosts in step: 100 mirrors on 200 targets, largest lag 0.004 s, 0 changes waiting",
        "and 200 that are in step",
    ]


def test_what_is_not_in_step_of_fifty_hosts_is_shown_the_worst_first():
    told = fleet()
    told["nfs07"] = {"msg": "/run/lockstep/status.sock: no such socket; the watcher does not run here", "failed": True}
    told["nfs11"]["status"]["mirrors"][1]["targets"][0].update(
        state="down", reason="the daemon cannot be reached", lag=75.5, pending=1234
    )
    told["nfs23"]["status"]["mirrors"][0]["targets"][1].update(
        state="reconciling",
        reconcile={"state": "sending", "done": 5, "known": 10, "bytes_done": 1e6, "bytes_known": 4e6, "remaining": 7.0},
    )
    told["nfs42"]["status"]["mirrors"][0]["targets"][0].update(state="held", reason="9 of 9 entries would be deleted")
    told["nfs50"] = {"unreachable": True, "msg": "Failed to connect to the host via ssh"}
    lines = fleet_table(told, "status")
    assert lines[0].startswith("45 of 50 hosts in step: 96 mirrors on 192 targets, largest lag 75.500 s, 1234 changes")
    assert [line.split()[0] for line in lines[2:-1]] == ["nfs07", "nfs50", "nfs42", "nfs11", "nfs23"]
    assert "no such socket" in lines[2]
    assert "9 of 9 entries would be deleted" in lines[4]
    assert "75.500 s" in lines[5]
    assert "sent 5 of 10 differences, 1 of 4 MB, about 7 s left" in lines[6]
    assert lines[-1] == "and 189 that are in step"
    assert max(map(len, lines)) <= WIDE


def test_fifty_hosts_that_are_all_down_are_one_screen_too():
    told = fleet()
    for answer in told.values():
        for mirror in answer["status"]["mirrors"]:
            for each in mirror["targets"]:
                each.update(state="down", reason="the daemon cannot be reached")
    lines = fleet_table(told, "status")
    assert len(lines) <= SCREEN
    assert lines[0].startswith("0 of 50 hosts in step")
    shown = sum(" down " in line for line in lines)
    assert lines[-1] == f"and {200 - shown} more that are not in step: limit the play to a host to see its own"


@pytest.mark.parametrize("number", [1, 9, 10, 11, 50, 500])
def test_no_number_of_hosts_makes_more_than_a_screen(number):
    assert len(fleet_table(fleet(number), "status")) <= SCREEN


def audited(**target_more):
    kinds = {kind: {"count": 0, "paths": []} for kind in ("missing", "different", "extra")}
    one = {
        "name": "backup01/uploads",
        "in_step": True,
        "error": None,
        "problems": [],
        "repair": None,
        "entries": 200_000,
        "seconds": 2.25,
        **kinds,
        **target_more,
    }
    return {"mirror": "uploads", "item": "uploads", "in_step": one["in_step"], "targets": [one]}


def test_an_audit_of_fifty_hosts_tells_what_drifted_and_an_example():
    told = {f"nfs{n:02}": [audited()] for n in range(1, 51)}
    different = {"count": 1, "paths": ["a\nb.jpg"]}
    told["nfs09"] = [audited(in_step=False, different=different)]
    told["nfs10"] = [audited(in_step=False, error="the daemon has no module of this name")]
    told["nfs11"] = [{"item": "uploads", "msg": "config /etc/lockstep/lockstep.yml: No such file or directory"}]
    repair = {"sent": 1, "deleted": 0, "left": 0, "reason": None, "held": None}
    told["nfs12"] = [audited(different=different, repair=repair)]
    lines = fleet_table(told, "audit")
    assert lines[0] == "47 of 50 hosts in step: 0 missing, 2 different, 0 extra"
    assert [line.split()[0] for line in lines[2:5]] == ["nfs11", "nfs10", "nfs09"]
    assert "config /etc/lockstep/lockstep.yml: No" in lines[2]
    assert "FAILED the daemon has no module" in lines[3]
    assert "200000 in 2.2 s  DRIFT such as a\\nb.jpg" in lines[4]
    assert fleet_table({"nfs12": told["nfs12"]}, "audit")[2].endswith("mended: 1 sent, 0 deleted")


def test_a_resync_tells_how_much_it_found():
    live = {"name": "backup01/uploads", "state": "live", "reason": None, "differences": 3, "bytes": 2_500_000}
    told = {
        "nfs01": [{"mirror": "uploads", "targets": [live]}],
        "nfs02": [{"item": "uploads", "msg": "mirror uploads on backup01/uploads is paused; resume it first"}],
        "nfs03": [],
    }
    lines = fleet_table(told, "resync")
    assert lines[0] == "1 of 2 hosts in step: 3 differences found and sent"
    assert lines[2].split() == ["nfs01", "uploads", "backup01/uploads", "live", "3", "2.5", "MB"]
    assert "resume it first" in lines[3]


@pytest.mark.parametrize(("told", "kind"), [([1], "status"), ({"a": [{"targets": [{}]}]}, "audit"), ({}, "statsu")])
def test_what_is_no_answer_of_the_module_is_an_error(told, kind):
    with pytest.raises(AnsibleFilterError, match="fleet_table"):
        fleet_table(told, kind)


def test_the_fleet_of_the_inventory_fits_on_one_screen_when_nobody_answers(root: Path, tmp_path: Path) -> None:
    """The real playbook over 50 hosts that are not there: what ansible itself prints comes to no more than that."""
    playbook = tmp_path / "table.yml"
    playbook.write_text(
        "- hosts: nfs\n  gather_facts: false\n  tasks:\n    - ansible.builtin.debug:\n"
        "        msg: \"{{ dict(groups.nfs | zip(answers)) | lockstep.realtime.fleet_table('status') }}\"\n"
        "      vars: {answers: \"{{ groups.nfs | map('extract', hostvars, 'told') }}\"}\n"
        "      run_once: true\n"
    )
    told = {"told": {"msg": "Failed to connect to the host via ssh", "unreachable": True}}
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(program), "-i", str(root / "inventories/fleet"), "-e", json.dumps(told), str(playbook)],
        env={
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "ANSIBLE_COLLECTIONS_PATH": str(root / ".collections"),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    printed = done.stdout.split("TASK [")[1].split("PLAY RECAP")[0].splitlines()
    assert "0 of 50 hosts in step" in done.stdout
    assert "nfs01" in done.stdout
    assert len(printed) <= SCREEN + 10
