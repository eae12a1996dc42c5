"""The role runs what sets limits only where it would set any: both must mean the same by that."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"of_inotify_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


set_limits = load(HERE.parents[2] / "roles/inotify_limits/files/set_limits.py")
templates = load(HERE / "test_hostile_values.py")

SMALL = {"max_user_watches": 8192, "max_queued_events": 16384, "max_user_instances": 128}
LARGE = dict.fromkeys(SMALL, 2_000_000)
MIXED = {"max_user_watches": 65536, "max_queued_events": 1_048_576, "max_user_instances": 255}
RIGHT = {**MIXED, "max_user_instances": 256}


@pytest.mark.parametrize("limits", [SMALL, LARGE, MIXED, RIGHT])
@pytest.mark.parametrize("directories", [0, 3, 40_000, 300_000])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"inotify_limits_only_if_needed": True},
        {"inotify_limits_allow_lower": True},
        {"inotify_limits_allow_lower": True, "inotify_limits_only_if_needed": True},
        {"inotify_limits_max_user_watches": 700_000, "inotify_limits_allow_lower": "yes"},
        {"inotify_limits_max_queued_events": "20000"},
    ],
    ids=str,
)
def test_a_limit_is_wanting_just_where_the_script_would_set_one(
    tmp_path: Path, limits: dict[str, int], directories: int, given: dict[str, Any]
) -> None:
    for name, value in limits.items():
        (tmp_path / name).write_text(f"{value}\n")
    found = {"limits": limits, "needed_watches": directories}
    known = {**templates.known_of("inotify_limits"), **given, "__inotify_limits_found": found}
    # each of them once, in an order in which the next one takes what is known already
    for name in ("explicit", "needed", "must", "rounded", "wish", "wanted", "lower", "target", "wanting"):
        name = f"__inotify_limits_{name}"
        known[name] = templates.worked_out(known[name], known)
    said = {name: known[f"__inotify_limits_{name}"] for name in ("wanted", "lower", "must", "target", "wanting")}
    order = {**{name: said[name] for name in ("wanted", "lower", "must")}, "write": False, "file": ""}
    result = set_limits.main(order, str(tmp_path))
    assert said["target"] == result["limits"]
    assert said["wanting"] == list(result["changed"])
    # as the role writes them to the file: in the same order
    assert list(said["target"]) == list(result["limits"])
