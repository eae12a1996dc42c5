"""What a playbook chooses, evaluated as ansible evaluates it."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


def test_every_mirror_is_verified_but_those_on_schedule_alone_and_those_of_a_copy() -> None:
    (play,) = yaml.safe_load((PLAYBOOKS / "verify.yml").read_text())
    (loop,) = [task["loop"] for task in play["tasks"] if "lockstep.realtime.sync_verify" in task]
    mirrors = [{"name": "b"}, {"name": "a", "watch": True}, {"name": "x", "watch": False}, {"name": "c"}]
    variables = {
        "lockstep_watched": mirrors,
        "lockstep_onward": ["b"],
        "lockstep_scheduled": trust_as_template(play["vars"]["lockstep_scheduled"]),
    }
    templar = Templar(loader=DataLoader(), variables=variables)
    assert templar.template(trust_as_template(loop)) == ["a", "c"]
