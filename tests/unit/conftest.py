"""Makes this checkout known by the name that its own imports use, ansible_collections.lockstep.realtime."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
