"""The Molecule scenario, without running it: that it names what is there, and every family with names of its own."""

from __future__ import annotations

import string
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "extensions/molecule/default"


def test_every_playbook_of_the_scenario_is_there_and_imports_one_that_is() -> None:
    names = {"prepare", "converge", "verify", "cleanup"}
    assert {path.stem for path in SCENARIO.glob("*.yml")} == names | {"molecule"}
    imported = [
        (SCENARIO / play["ansible.builtin.import_playbook"]).resolve()
        for name in names
        for play in yaml.safe_load((SCENARIO / f"{name}.yml").read_text())
        if "ansible.builtin.import_playbook" in play
    ]
    assert sorted(path.relative_to(ROOT).as_posix() for path in imported if path.is_file()) == [
        *("playbooks/audit.yml", "playbooks/site.yml", "playbooks/uninstall.yml"),
    ]


def test_every_platform_is_in_both_groups_and_made_of_the_image_of_its_name() -> None:
    platforms = yaml.safe_load((SCENARIO / "molecule.yml").read_text())["platforms"]
    assert [platform for platform in platforms if platform["groups"] != ["nfs", "backup"]] == []
    names = [platform["name"] for platform in platforms]
    assert len(set(names)) == len(names) == 8
    assert [one for one in platforms if one["name"].rstrip("0123456789") not in one["image"].replace("/", "")] == []


def test_molecule_finds_no_variable_of_its_own_where_none_is_meant() -> None:
    """It takes a `$` in any value for the beginning of one, and ends at what is none."""
    text = (SCENARIO / "molecule.yml").read_text()
    assert string.Template(text).substitute(MOLECULE_PROJECT_DIRECTORY="/here") != text


def test_the_scenario_says_which_of_its_platforms_were_run() -> None:
    assert "Debian 12 and 13 have been run" in (SCENARIO.parent / "README.md").read_text()
