# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version deploys, from a checkout and from what Galaxy installs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.lockstep.realtime.plugins.filter.collection_version import FilterModule, collection_version

ROOT = Path(__file__).parents[4]
NO_PLAY_OF_ITS_OWN = {"demo.yml"}  # it ends with those of site.yml


@pytest.fixture
def installed(tmp_path, monkeypatch):
    module = ModuleType("ansible_collections.some.thing")
    module.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return tmp_path


def test_a_checkout_tells_the_version_of_its_galaxy_yml():
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert FilterModule().filters()["collection_version"]("lockstep.realtime") == version


def test_what_galaxy_installed_tells_that_of_its_manifest(installed):
    (installed / "galaxy.yml").write_text("version: 0.0.1\n")
    (installed / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "3.2.1"}}))
    assert collection_version("some.thing") == "3.2.1"


@pytest.mark.parametrize("text", ["", "version", "- 1", "other: 1", "{"])
def test_one_that_does_not_tell_it_is_named(installed, text):
    (installed / "galaxy.yml").write_text(text)
    with pytest.raises(AnsibleFilterError, match="does not tell its version"):
        collection_version("some.thing")


@pytest.mark.parametrize("name", [None, 1, "", "lockstep", "a.b.c", "../x.y", "lockstep.realtime\n", "os;x.y", ["a.b"]])
def test_what_is_no_name_of_a_collection_is_refused(name):
    with pytest.raises(AnsibleFilterError, match="is no name of a collection"):
        collection_version(name)


def test_one_that_is_not_installed_is_named():
    with pytest.raises(AnsibleFilterError, match=r"nobody\.nothing is not installed"):
        collection_version("nobody.nothing")


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.name)
def test_every_playbook_begins_with_it_so_that_filters_are_loaded_once(path):
    first = yaml.safe_load(path.read_text())[0]
    assert path.name in NO_PLAY_OF_ITS_OWN or first["name"].endswith(
        "by lockstep {{ 'lockstep.realtime' | lockstep.realtime.collection_version }}"
    )
