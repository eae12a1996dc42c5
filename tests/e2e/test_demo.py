"""`make demo` in a fresh checkout: a mirror on this machine alone, as root or not, of which nothing is left."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import copy_checkout
from playing import changed_in
from polling import wait_for

NOBODY = 65534
WHO = ["nobody", "root without rsync"] if os.geteuid() == 0 else [f"user {os.geteuid()}"]
# As on a machine where rsync and the library that few others use were never installed, and apt's lists are old.
WITHOUT_RSYNC = """
set -eu
awk -v RS= -v ORS='\\n\\n' '!/^Package: (rsync|libpopt0)\\n/' /var/lib/dpkg/status > "$1/status"
mount --bind "$1/status" /var/lib/dpkg/status
mount -t tmpfs tmpfs /var/lib/apt/lists
for file in $(command -v rsync) $(find /usr/lib -name 'libpopt.so*'); do mount --bind /dev/null "$file"; done
if command -v rsync; then exit 9; fi
shift
exec "$@"
"""
HOSTS = ("demo_nfs", "demo_backup")


@dataclass
class Demo:
    """A checkout in a folder of its own, and who uses it."""

    folder: Path
    user: str

    @property
    def checkout(self) -> Path:
        return self.folder / "c"

    @property
    def place(self) -> Path:
        """Where the demo lives."""
        return self.checkout / ".demo"

    def make(self, *words: str) -> str:
        """Output of make; AssertionError where it fails."""
        told = ("MAKE", "MFLAGS", "ANSIBLE_", "VIRTUAL_ENV")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(told)}
        environment["HOME"] = str(self.folder / "home")
        argv = ["make", *words]
        if self.user == "nobody":
            # what is in root's own folders is not for others
            environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
            argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv]
        elif self.user == "root without rsync":
            argv = ["unshare", "--mount", "sh", "-c", WITHOUT_RSYNC, "sh", str(self.folder), *argv]
        began = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=self.checkout,
            env=environment,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=1200,
        )
        print(f"{time.monotonic() - began:.1f} s: make {' '.join(words)} as {self.user}\n{done.stdout}")
        assert done.returncode == 0, f"make {words} as {self.user} ended with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def processes(self) -> list[str]:
        """Processes that name the demo's folder, or work in it."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                told = words + b"\0" + os.fsencode((process / "cwd").readlink())
            except OSError:
                continue  # it has ended
            if os.fsencode(self.place) in told:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def files(self) -> list[str]:
        """What is in the checkout, the tools apart."""
        apart = {".venv", ".collections", ".ansible"}
        return sorted(
            str(path) for top in self.checkout.iterdir() if top.name not in apart for path in [top, *top.rglob("*")]
        )


@pytest.fixture(scope="module", params=WHO)
def demo(request: pytest.FixtureRequest) -> Iterator[Demo]:
    # a short name in a folder that others can reach: a socket's name has 107 bytes
    folder = Path(tempfile.mkdtemp(prefix="lockstep-demo-", dir="/var/tmp"))
    demo = Demo(folder, request.param)
    copy_checkout(demo.checkout)
    (folder / "home").mkdir()
    tools = Path(sys.prefix)
    if demo.user == "nobody":
        folder.chmod(0o755)
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)
        subprocess.run(
            [str(demo.checkout / "tests/install-needs"), "python3-venv"],
            env={**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"},
            check=True,
        )
    elif (tools / ".stamp").exists():
        (demo.checkout / ".venv").symlink_to(tools)
    try:
        yield demo
    finally:
        if demo.place.exists():
            demo.make("demo-down")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def before(demo: Demo) -> list[str]:
    return demo.files()


@pytest.fixture(scope="module")
def output(demo: Demo, before: list[str]) -> str:
    """What the first `make demo` said."""
    return demo.make("demo")


def test_demo_verifies_itself_and_says_how_to_use_it(demo: Demo, output: str) -> None:
    assert "delete_tree" in output
    for words in (f"{demo.place}/source", f"{demo.place}/backup", "http://127.0.0.1:", "make demo-down"):
        assert words in output


def test_rsync_is_fetched_into_the_demos_folder_where_there_is_none(demo: Demo, output: str) -> None:
    assert (demo.place / "rsync/rsync").exists() == demo.user.endswith("without rsync")


def test_a_file_written_where_it_says_arrives_where_it_says(demo: Demo, output: str) -> None:
    (demo.place / "source/hello").write_text("hello\n")
    copy = demo.place / "backup/hello"
    wait_for(copy.exists, 20, f"{copy}")
    assert copy.read_text() == "hello\n"


def test_status_page_says_that_all_is_well(demo: Demo, output: str) -> None:
    address = re.search(r"http://127\.0\.0\.1:\d+/", output)
    assert address
    with urllib.request.urlopen(address[0] + "healthz", timeout=10) as answer:
        assert answer.status == 200


def test_demo_again_changes_nothing(demo: Demo, output: str) -> None:
    assert changed_in(demo.make("demo")) == dict.fromkeys(HOSTS, 0)


def test_demo_down_leaves_nothing_behind(demo: Demo, before: list[str], output: str) -> None:
    demo.make("demo-down")
    assert not demo.processes()
    assert demo.files() == before
