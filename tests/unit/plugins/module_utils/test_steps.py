# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes that a verification makes, on a folder."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_collections.lockstep.realtime.plugins.module_utils._scene import Scene
from ansible_collections.lockstep.realtime.plugins.module_utils._steps import STEPS, State

CHANGES = {step.name: step.change for step in STEPS}


def test_a_rewrite_keeps_size_and_second_however_long_ago_that_was(tmp_path: Path) -> None:
    state = State(Scene(str(tmp_path)))
    state.scene.begin()
    CHANGES["create"](state)
    file = tmp_path / os.fsdecode(state.file)
    before = file.read_bytes()
    os.utime(file, ns=(0, 1_700_000_000_123_456_789))
    wants = CHANGES["rewrite"](state)
    assert wants[state.file].content == file.read_bytes() != before
    assert len(file.read_bytes()) == len(before)
    assert int(file.stat().st_mtime) == 1_700_000_000
    state.scene.end()
    assert list(tmp_path.iterdir()) == []
