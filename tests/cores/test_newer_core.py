"""ansible-core that needs a newer Python than this machine may have, on a Debian 13 host of the lab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "hosts")]

from checkout import copy_checkout  # noqa: E402 (found by the line above)
from machines import Machines  # noqa: E402

HOST, PYTHON = "core01", "3.13"
CORE = os.environ.get("LOCKSTEP_CORE", "2.20.10")
NEEDS = "python3-venv python3-pyinotify rsync git"
# These mount by FUSE, which the lab's hosts have not; test-older-core and test-unit run them.
MOUNTING = ("test_a_client_acts_as_its_user", "test_what_a_client_writes_in_its_mount_arrives_on_the_backup")
PLATFORMS = [f"--platform=manylinux{glibc}_x86_64" for glibc in ("2014", "_2_28", "_2_34")]


def fetch(folder: Path) -> None:
    """Wheels for the host, which has no way out."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    requirements = Path(__file__).with_name("requirements.txt")
    wanted = ["--only-binary=:all:", f"--python-version={PYTHON}", *PLATFORMS, f"--dest={folder}"]
    subprocess.run([*pip, "download", *wanted, f"ansible-core=={CORE}", "-r", str(requirements)], check=True)


@pytest.fixture
def host() -> Iterator[Machines]:
    if os.geteuid() != 0:
        pytest.fail("a lab needs root")
    folder = Path(tempfile.mkdtemp(prefix="lockstep-core-", dir="/var/tmp"))
    machines = Machines(folder, {HOST: "172.16.1.61:core:trixie"}, f"co-{folder.name}")
    try:
        machines.lab("up")
        yield machines
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


def check(host: Machines) -> str:
    """What tests/cores/check says there; it takes minutes on a busy machine."""
    rest = " ".join(f"--deselect=tests/unit/plugins/modules/test_sync_verify.py::{name}" for name in MOUNTING)
    argv = host.command("exec", HOST, f"/srv/checkout/tests/cores/check /srv/core {rest} 2>&1")
    done = subprocess.run(argv, env=host.environment, check=False, text=True, stdout=subprocess.PIPE, timeout=1800)
    print(done.stdout)
    assert done.returncode == 0
    return done.stdout


def test_playbooks_and_plugins_work_under_a_newer_ansible_core(host: Machines) -> None:
    checkout = copy_checkout(host.disk(HOST, "/srv/checkout"))
    fetch(checkout / "wheels")
    host.run(HOST, f"apt-get -qq update && apt-get -qq install --yes --no-install-recommends {NEEDS}")
    pip = "/srv/core/bin/pip install --quiet --no-index --find-links=/srv/checkout/wheels"
    # the distribution's pyinotify is taken
    host.run(HOST, "python3 -m venv --system-site-packages /srv/core")
    host.run(HOST, f"{pip} ansible-core=={CORE} -r /srv/checkout/tests/cores/requirements.txt")
    said = check(host)
    assert f"[core {CORE}]" in said
    assert f"Python {PYTHON}." in said
