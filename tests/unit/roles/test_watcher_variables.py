"""What the watcher's role says again of what its package says."""

from __future__ import annotations

import pathlib

import yaml

from lockstep.source.network import NETWORK_FILESYSTEMS

VARIABLES = pathlib.Path(__file__).parents[3] / "roles/watcher/vars/main.yml"


def test_the_role_and_the_package_know_the_same_network_file_systems():
    listed = yaml.safe_load(VARIABLES.read_text())["__watcher_network_file_systems"]
    assert len(set(listed)) == len(listed)
    assert set(listed) == NETWORK_FILESYSTEMS
