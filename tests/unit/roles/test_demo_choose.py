"""What the demo chooses: rsync from the system or fetched into its folder, and free ports."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import shutil
import socket
import subprocess
import sys

import pytest

FILE = pathlib.Path(__file__).parents[3] / "playbooks/files/demo_choose.py"
# Stand-ins for apt and dpkg: a package is a file that names it; rsync depends on one installed, and one that is not.
BEGIN = """
import pathlib, sys
def log(words):
    with open({log!r}, "a") as file:
        print(*words, file=file)
"""
APT_GET = """
words = sys.argv[1:]
log(words)
if "update" in words:
    sys.exit(0)
for name in words[words.index("download") + 1 :]:
    pathlib.Path(f"{name}_1.deb").write_text(name)
"""
APT_CACHE = """
log(sys.argv[1:])
print("rsync")
print("  PreDepends: init-system-helpers")
print(" |Depends: libodd")
print("  Depends: <virtual>")
print("  Suggests: openssh-client")
"""
DPKG_QUERY = """
print("installed" if sys.argv[-1] == "init-system-helpers" else "not-installed", end="")
"""
DPKG_DEB = """
assert sys.argv[1] == "--extract"
name, root = pathlib.Path(sys.argv[2]).read_text(), pathlib.Path(sys.argv[3])
if name == "rsync":
    program = root / "usr/bin/rsync"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\\necho rsync  version 3.2.7, libraries in $LD_LIBRARY_PATH\\n")
    program.chmod(0o755)
elif name == "libodd":
    library = root / "usr/lib/odd/libodd.so.1"
    library.parent.mkdir(parents=True)
    library.write_text("")
"""


def load():
    spec = importlib.util.spec_from_file_location("demo_choose", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


demo_choose = load()


@pytest.fixture
def folder(tmp_path):
    """The demo's folder; a space in its name, as a user may have."""
    folder = tmp_path / "the demo"
    folder.mkdir()
    return folder


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A search path of its own, and what puts a Python program there."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))

    def put(name, text):
        path = place / name
        path.write_text(f"#!{sys.executable}\n{BEGIN.format(log=str(tmp_path / 'log'))}{text}")
        path.chmod(0o755)

    return put


@pytest.fixture
def debian(programs):
    for name, text in (
        ("apt-get", APT_GET),
        ("apt-cache", APT_CACHE),
        ("dpkg-query", DPKG_QUERY),
        ("dpkg-deb", DPKG_DEB),
    ):
        programs(name, text)


@pytest.fixture
def choose(folder, monkeypatch):
    def run():
        monkeypatch.setattr(sys, "argv", ["demo_choose.py", str(folder)])
        status = demo_choose.main()
        file = folder / "chosen.json"
        return status, json.loads(file.read_text()) if file.exists() else None

    return run


def test_ports_are_free_and_different():
    ports = demo_choose.free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()
        assert port < 32768, "a client may be given it while the demo stands still"


def test_too_many_ports_are_an_error():
    with pytest.raises(demo_choose.ChoiceError, match="nearly all ports"):
        demo_choose.free_ports(1001)


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    taken = socket.create_server(("127.0.0.1", 0))
    with taken:
        monkeypatch.setattr(demo_choose.random, "sample", lambda *_drawn: [taken.getsockname()[1], 31_999])
        assert demo_choose.free_ports(1) == [31_999]


def test_an_rsync_that_is_installed_is_taken(programs, choose, folder):
    programs("rsync", "")
    status, chosen = choose()
    assert status == 0
    program = shutil.which("rsync")
    assert (chosen["rsync"], chosen["rsync_program"], chosen["environment"]) == (program, program, {})
    assert chosen["daemon_port"] != chosen["status_port"]
    assert [path.name for path in folder.iterdir()] == ["chosen.json"]


@pytest.mark.usefixtures("debian")
def test_a_debian_fetches_it_into_the_folder_with_the_library_that_is_missing(choose, folder):
    status, chosen = choose()
    assert status == 0
    assert chosen["rsync_program"] == str(folder / "rsync/root/usr/bin/rsync")
    library = str(folder / "rsync/root/usr/lib/odd")
    assert chosen["environment"] == {"LD_LIBRARY_PATH": library}
    said = subprocess.run([chosen["rsync"]], check=True, capture_output=True, text=True).stdout
    assert said == f"rsync version 3.2.7, libraries in {library}\n"
    assert sorted(path.name for path in (folder / "rsync").iterdir()) == ["root", "rsync"]


@pytest.mark.usefixtures("debian")
def test_apt_keeps_out_of_the_systems_folders_and_has_new_lists(choose, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_choose.os, "geteuid", lambda: 0)
    assert choose()[0] == 0
    calls = (tmp_path / "log").read_text().splitlines()
    for own in (f"Dir::Cache={folder}/rsync/cache", f"Dir::State::Lists={folder}/rsync/lists"):
        assert all(own in call for call in calls)
    assert all("APT::Sandbox::User=root" in call for call in calls)
    assert calls[0].endswith(" update")
    assert calls[-1].endswith("download rsync libodd")


@pytest.mark.usefixtures("debian")
def test_what_an_interrupted_run_left_is_cleared_away(choose, folder):
    (folder / "rsync/cache/archives/partial").mkdir(parents=True)
    (folder / "rsync/half.deb").write_text("half")
    (folder / "chosen.json.new").write_text("{")
    assert choose()[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["chosen.json", "rsync"]


@pytest.mark.usefixtures("programs")
def test_a_system_without_rsync_and_apt_names_what_to_do(choose, capsys):
    assert choose() == (1, None)
    assert capsys.readouterr().err == f"{demo_choose.MISSING}\n"


@pytest.mark.usefixtures("debian")
def test_a_program_that_fails_is_named_with_what_it_said(programs, choose, capsys):
    programs("apt-get", "sys.exit('E: Could not resolve the host')")
    assert choose() == (1, None)
    said = capsys.readouterr().err
    assert said.startswith("apt-get ")
    assert said.endswith(": E: Could not resolve the host\n")
