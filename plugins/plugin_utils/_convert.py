# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The converters of `lockstep convert`, for the filters: the same files, loaded from the role that installs them."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ansible.errors import AnsibleFilterError

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "roles" / "watcher" / "files" / "lockstep" / "convert"
# A name of its own: on a controller, lockstep may be another package, or the same in another version.
_NAME = "_lockstep_realtime_convert"


def converters() -> ModuleType:
    """The package's `convert`, which needs nothing but itself and the standard library."""
    known = sys.modules.get(_NAME)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(
        _NAME, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    if spec is None or spec.loader is None:
        raise AnsibleFilterError(f"{FOLDER} is missing: the collection is not complete; install it again")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_NAME]
        raise
    return module


def read(name: str, text: Any) -> Any:
    """The package's own Converted, by the converter of that name. Raises AnsibleFilterError with every reason."""
    if not isinstance(text, str):
        raise AnsibleFilterError(f"{name}: takes the file's text, as lookup('ansible.builtin.file', …) returns it")
    module = converters()
    convert: Callable[[bytes], Any] = getattr(module, name)
    try:
        return convert(_as_utf_8(text))
    except module.ConvertError as error:
        raise AnsibleFilterError("\n".join(f"{name}: {problem}" for problem in error.problems)) from error


def converted(name: str, text: Any, paths: Any, hosts: Any) -> dict[str, Any]:
    """What a filter returns, by the converter of that name. Raises AnsibleFilterError with every reason."""
    for word, mapping in (("paths", paths), ("hosts", hosts)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise AnsibleFilterError(f"{name}: {word} must be a dictionary")
    module, found = converters(), read(name, text)
    return {
        "lockstep_mirrors": module.as_inventory(found, paths or {}, hosts or {}),
        "watcher_mirrors": module.as_mirrors(found),
        "differences": [str(note) for note in found.all_notes()],
        "yaml": module.as_configuration(found, inventory=True, paths=paths or {}),
    }


def _as_utf_8(text: str) -> bytes:
    """What was decoded already is UTF-8 from here on, whatever an XML declaration says that it was."""
    if text.lstrip().startswith("<?xml"):
        declaration, end, rest = text.partition("?>")
        if "encoding" in declaration:
            # with as many lines as before, so that lines in messages are those of the file
            text = "<?xml version='1.0'" + "\n" * declaration.count("\n") + end + rest
    return text.encode("utf-8", "surrogateescape")
