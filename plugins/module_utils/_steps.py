# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of change that a verification makes, in their order: what each does to the source and what must arrive."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from typing import Callable, Optional

from ansible_collections.lockstep.realtime.plugins.module_utils._expect import Want
from ansible_collections.lockstep.realtime.plugins.module_utils._scene import Scene

Wants = dict[bytes, Want]
ODD_NAME = b"a name  with spaces,\na newline and \xff\xfe bytes"
NESTED = (b"a", b"a/b", b"a/b/c")


@dataclass
class State:
    """What the steps before have left: the name and content of the one file they work on."""

    scene: Scene
    file: bytes = b""
    content: bytes = b""
    deletes: bool = True

    def __post_init__(self) -> None:
        self.file = self.scene.name(b"file")


@dataclass(frozen=True)
class Step:
    """C(change) makes the change and returns what must arrive.

    C(needs) names the step whose result this one works on; C(deletes) marks those that only deletes.
    """

    name: str
    about: str
    change: Callable[[State], Wants]
    needs: Optional[str] = None
    deletes: bool = False


def _token(length: int = 24) -> bytes:
    return secrets.token_hex(length // 2).encode()


def _create(state: State) -> Wants:
    state.content = _token()
    state.scene.write(state.file, state.content)
    return {state.file: Want(state.content)}


def _append(state: State) -> Wants:
    more = _token()
    state.content += more
    state.scene.write(state.file, more, os.O_APPEND)
    return {state.file: Want(state.content)}


def _rewrite(state: State) -> Wants:
    """In the second that the target knows already: chosen, not met, so that it holds however slow the host is."""
    second = int(os.stat(state.scene.path(state.file)).st_mtime)
    state.content = _token(len(state.content))
    state.scene.write(state.file, state.content, 0, second)
    return {state.file: Want(state.content)}


def _mode(state: State) -> Wants:
    os.chmod(state.scene.path(state.file), 0o750)
    return {state.file: Want(state.content, mode=0o750)}


def _rename(state: State) -> Wants:
    old, state.file = state.file, state.scene.name(b"renamed")
    os.rename(state.scene.path(old), state.scene.path(state.file))
    wants = {state.file: Want(state.content)}
    return {**wants, old: Want()} if state.deletes else wants


def _nested(state: State) -> Wants:
    content = _token()
    for folder in NESTED:
        state.scene.make_folder(state.scene.name(folder))
    name = state.scene.name(NESTED[-1] + b"/file")
    state.scene.write(name, content)
    return {name: Want(content)}


def _symlink(state: State) -> Wants:
    name, target = state.scene.name(b"link"), b"no/such/place"
    os.symlink(target, state.scene.path(name))
    return {name: Want(link=target)}


def _name(state: State) -> Wants:
    name, content = state.scene.name(ODD_NAME), _token()
    state.scene.write(name, content)
    return {name: Want(content)}


def _delete(state: State) -> Wants:
    os.unlink(state.scene.path(state.file))
    return {**state.scene.present, state.file: Want()}


def _delete_tree(state: State) -> Wants:
    top = state.scene.name(NESTED[0])
    shutil.rmtree(state.scene.path(top))
    return {**state.scene.present, top: Want()}


def _folder(state: State) -> Wants:
    state.scene.begin()
    return state.scene.present


FOLDER = Step("folder", "the verification's own folder", _folder)
STEPS = (
    Step("create", "a file", _create),
    Step("append", "a write at its end", _append, needs="create"),
    Step("rewrite", "other content, equal size, same second", _rewrite, needs="create"),
    Step("mode", "another mode", _mode, needs="create"),
    Step("rename", "another name", _rename, needs="create"),
    Step("nested", "folders a/b/c with a file at once", _nested),
    Step("symlink", "a dangling symbolic link", _symlink),
    Step("name", "a name with spaces, newline and bytes that are not UTF-8", _name),
    Step("delete", "the file is deleted", _delete, needs="create", deletes=True),
    Step("delete_tree", "the nested folders are deleted", _delete_tree, needs="nested", deletes=True),
)
NAMES = tuple(step.name for step in STEPS)


def plan(chosen: list[str], deletes: bool) -> list[Step]:
    """The steps to run, in their order, with those that they need; without deletions where a mirror never deletes."""
    wanted = {step.name for step in STEPS if step.name in chosen and (deletes or not step.deletes)}
    wanted |= {step.needs for step in STEPS if step.name in wanted and step.needs is not None}
    return [FOLDER, *(step for step in STEPS if step.name in wanted)]
