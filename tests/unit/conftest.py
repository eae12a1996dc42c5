"""Makes this checkout known by the name that its own imports use, ansible_collections.lockstep.realtime."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parents[2]

# `make test` judges a change, by the same examples each time; `make fuzz` looks for what nobody has thought of
# (and a machine that is slow just then is none of its faults)
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz" if "FUZZ_EXAMPLES" in os.environ else "same")


def pytest_configure() -> None:
    # the Makefile makes the same link, for ansible; pyproject.toml puts the folder above it on Python's path
    link = ROOT / ".collections/ansible_collections/lockstep/realtime"
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../..")
        importlib.invalidate_caches()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
