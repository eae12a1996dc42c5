"""The role nfs_export with a real nfs-ganesha and clients of libnfs, and with what the kernel's server reads."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ganesha
import pytest
from machines import Machines
from mount import Mount
from playing import Played, Player

HOSTS = {"nfs01": "172.16.1.31:nfs:bookworm", "kernel01": "172.16.1.32:kernel:bookworm"}
ODD = '/srv/two words, a "quote", a \\ and \u00e9'
WRITABLE = ganesha.exports("writable", ODD)
SQUASHED = ganesha.exports("squashed", "/srv/squashed", squash="all", anon_uid=33, anon_gid=34)
READABLE = ganesha.exports("readable", "/srv/readable", access="ro")
CLOSED = ganesha.exports("closed", "/srv/closed", host="10.9.9.9")
ALL = [WRITABLE, SQUASHED, READABLE, CLOSED]
KERNEL = """\
- hosts: kernel
  gather_facts: false
  roles: [lockstep.realtime.nfs_export]
"""
RUNS = "systemctl show -p MainPID,ActiveState,UnitFileState,InvocationID nfs-ganesha"


@dataclass
class Scene:
    machines: Machines
    player: Player

    def export(self, exports: list[dict[str, object]], *options: str, succeeds: bool = True, **more: object) -> Played:
        """Run the playbook with these exports."""
        self.player.write("exports", {"nfs_export_server": "ganesha", "nfs_exports": exports, **more})
        return self.player.play("playbooks/exports.yml", *options, succeeds=succeeds)

    def written(self) -> dict[str, object]:
        """All that a run could leave in the hosts' settings, and what runs."""
        found: dict[str, object] = {host: self.machines.written(host, "etc", "usr") for host in HOSTS}
        return {**found, "runs": self.machines.run("nfs01", RUNS)}

    def process(self) -> str:
        return self.machines.run("nfs01", "systemctl show --value -p MainPID nfs-ganesha").strip()


@pytest.fixture(scope="module")
def fresh() -> Iterator[Scene]:
    """Hosts that have directories, and no server."""
    folder = Path(tempfile.mkdtemp(prefix="lockstep-exports-", dir="/var/tmp"))
    machines = Machines(folder, HOSTS, f"exports-{folder.name}")
    try:
        scene = Scene(machines, Player(machines, "a password of no use here"))
        machines.lab("up")
        for host in HOSTS:
            for name in (ODD, "/srv/squashed", "/srv/readable", "/srv/closed"):
                machines.disk(host, name).mkdir(mode=0o755)
                machines.disk(host, name).chmod(0o777)
        ganesha.configure(machines, "nfs01")
        yield scene
    finally:
        machines.lab("down")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def checked(fresh: Scene) -> tuple[Played, bool]:
    """A run in check mode on fresh hosts, and whether it left them alone."""
    before = fresh.machines.written("nfs01", "etc", "usr", "var")
    played = fresh.export(ALL, "--check", "--diff")
    return played, fresh.machines.written("nfs01", "etc", "usr", "var") == before


@pytest.fixture(scope="module")
def exported(fresh: Scene, checked: object) -> Scene:
    fresh.export(ALL)
    return fresh


@pytest.fixture
def mount(exported: Scene) -> Iterator[Callable[..., Mount]]:
    mounts: list[Mount] = []

    def made(path: str, version: int = 4) -> Mount:
        mounts.append(Mount(exported.machines, "172.16.1.31", path, version))
        return mounts[-1]

    yield made
    for one in mounts:
        one.end()


def test_check_mode_announces_the_server_on_a_fresh_host_and_installs_nothing(checked: tuple[Played, bool]) -> None:
    played, untouched = checked
    assert played.changed["nfs01"] > 0
    assert "nfs-ganesha-vfs would be installed" in played.said()
    assert untouched


def test_a_second_run_changes_nothing_nor_does_check_mode_see_a_change(exported: Scene) -> None:
    before = exported.written()
    assert exported.export(ALL).changed == {"nfs01": 0}
    assert exported.export(ALL, "--check", "--diff").changed == {"nfs01": 0}
    assert exported.written() == before


@pytest.mark.parametrize("version", [3, 4])
def test_a_client_writes_into_a_path_with_blanks_and_quotes(
    exported: Scene, mount: Callable[..., Mount], version: int
) -> None:
    client = mount(ODD, version)
    client.put(f"/of version {version}", b"written")
    assert (exported.machines.disk("nfs01", ODD) / f"of version {version}").read_bytes() == b"written"


@pytest.mark.parametrize("version", [3, 4])
def test_a_client_that_is_not_listed_cannot_mount(mount: Callable[..., Mount], version: int) -> None:
    with pytest.raises((OSError, AssertionError), match=r"(?i)acce|perm|noent|client of version"):
        mount("/srv/closed", version)
    assert mount("/srv/readable", version).version == version


def test_a_client_that_may_only_read_cannot_write(exported: Scene, mount: Callable[..., Mount]) -> None:
    client = mount("/srv/readable")
    with pytest.raises(OSError, match=rf"Errno ({errno.EROFS}|{errno.EACCES})\b"):
        client.put("/file", b"x")
    assert not list(exported.machines.disk("nfs01", "/srv/readable").iterdir())


def test_users_of_a_squashed_client_are_the_user_that_is_named(exported: Scene, mount: Callable[..., Mount]) -> None:
    mount("/srv/squashed").put("/file", b"x")
    found = (exported.machines.disk("nfs01", "/srv/squashed") / "file").stat()
    assert (found.st_uid, found.st_gid) == (33, 34)


def test_a_change_is_taken_up_by_the_server_that_runs_and_check_mode_foretells_it(
    exported: Scene, mount: Callable[..., Mount]
) -> None:
    process, client = exported.process(), mount(ODD)
    handle = client.put("/open meanwhile", b"1")
    changed = [WRITABLE, SQUASHED, ganesha.exports("readable", "/srv/readable")]
    foretold = exported.export(changed, "--check", "--diff")
    assert '-  Path = "/srv/closed";' in foretold.output.splitlines()
    assert mount("/srv/readable").version == 4
    assert exported.export(changed).changes == foretold.changes != set()
    assert exported.process() == process
    client.write(handle, 1, b"2")
    assert (exported.machines.disk("nfs01", ODD) / "open meanwhile").read_bytes() == b"12"
    mount("/srv/readable").put("/file", b"now it may be written")
    with pytest.raises((OSError, AssertionError)):
        mount("/srv/closed")
    exported.export(ALL)


def test_a_reload_that_an_interrupted_run_has_missed_is_made_up(exported: Scene, mount: Callable[..., Mount]) -> None:
    more = ganesha.exports("more", "/srv/more")
    exported.machines.disk("nfs01", "/srv/more").mkdir()
    exported.export([*ALL, more], nfs_export_state="present")
    # the server is as it was before that run, and the files are as it left them
    file = "/etc/ganesha/lockstep-exports.conf"
    text = exported.machines.run("nfs01", f"cat {file}")
    exported.export(ALL)
    assert "more" not in exported.machines.run("nfs01", f"cat {file}")
    (exported.machines.disk("nfs01", "/srv/kept")).write_text(text)
    exported.machines.run("nfs01", f"cat /srv/kept >{file}; rm /srv/kept")
    assert exported.export([*ALL, more]).changed == {"nfs01": 1}
    mount("/srv/more").put("/file", b"x")
    exported.export(ALL)


MISTAKES = {
    "a directory that is not there": (ganesha.exports("x", "/srv/none"), '/srv/none" does not exist on nfs01'),
    "a file": (ganesha.exports("x", "/etc/passwd"), "is not a directory"),
    "a relative path": (ganesha.exports("x", "srv"), "must be absolute"),
    "a path with a line break": (ganesha.exports("x", "/srv/a\nb"), "control character"),
    "a client that is two": (ganesha.exports("x", "/srv", host="a; } CLIENT { Clients = *"), "without blanks"),
    "root for everybody": (ganesha.exports("x", "/srv", host="*"), "the root of every host"),
    "a name that leads elsewhere": (ganesha.exports("../x", "/srv"), "must be of letters"),
    "words of the other server": (ganesha.exports("x", "/srv", options=["insecure"]), "Ganesha does not know"),
    "a wrong type": ({"name": "x", "path": "/srv", "clients": "everybody"}, "dictionary requested"),
    "no clients": ({"name": "x", "path": "/srv"}, "missing required arguments: clients"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_and_nothing_written(exported: Scene, mistake: str) -> None:
    wrong, says = MISTAKES[mistake]
    before = exported.written()
    said = exported.export([*ALL, wrong], succeeds=False).said()
    assert says in said.replace('\\"', '"')
    assert exported.written() == before


def test_taking_it_back_leaves_what_others_export_and_ends_a_server_that_has_nothing(exported: Scene) -> None:
    own = "EXPORT {\n  Export_Id = 1; Path = /srv/theirs; Pseudo = /srv/theirs; FSAL { Name = VFS; }\n}\n"
    machines, config = exported.machines, "/etc/ganesha/ganesha.conf"
    machines.run("nfs01", f"mkdir /srv/theirs; printf %s '{own}' >>{config}; systemctl reload nfs-ganesha")
    gone = ("-e", "nfs_export_state=absent")
    foretold = exported.export(ALL, "--check", *gone)
    assert exported.export(ALL, *gone).changes == foretold.changes != set()
    assert machines.run("nfs01", "systemctl is-active nfs-ganesha").strip() == "active"
    assert machines.run("nfs01", f"cat {config}") == ganesha.CONFIG + own
    exported.export(ALL)
    machines.run("nfs01", ganesha.CONFIGURE)
    exported.export(ALL)
    exported.export(ALL, *gone)
    assert machines.run("nfs01", "systemctl is-active nfs-ganesha", check=False).strip() in ("inactive", "failed")
    assert machines.run("nfs01", f"cat {config}") == ganesha.CONFIG
    assert not machines.run("nfs01", "find /etc -name '*lockstep*'")
    assert exported.export(ALL, *gone).changed == {"nfs01": 0}


@pytest.fixture(scope="module")
def kernel(fresh: Scene) -> Callable[..., Played]:
    """Runs the role for the kernel's server, whose service this kernel cannot have in a host of the lab."""
    fresh.machines.run("kernel01", "mkdir -p /srv/odd; mkdir \"$(printf '/srv/odd/new\\nline')\"")
    playbook = fresh.machines.folder / "kernel.yml"
    playbook.write_text(KERNEL)

    def run(exports: list[dict[str, object]], *options: str, succeeds: bool = True, **more: object) -> Played:
        values = {"nfs_exports": exports, "nfs_export_server": "kernel", "nfs_export_manage_service": False, **more}
        return fresh.player.play(str(playbook), "-e", json.dumps(values), *options, succeeds=succeeds)

    return run


OTHERS = ganesha.exports("lines", "/srv/odd/new\nline", host="*.example.org", access="ro", squash="root")


def test_the_kernels_tools_read_the_files_as_they_are_meant(fresh: Scene, kernel: Callable[..., Played]) -> None:
    machines = fresh.machines
    assert kernel([WRITABLE, OTHERS], "--check", "--diff").changed["kernel01"] > 0
    assert not machines.run("kernel01", "ls -d /etc/exports.d", check=False)
    kernel([WRITABLE, OTHERS])
    lines = machines.run("kernel01", "exportfs -ra && cat /var/lib/nfs/etab").splitlines()
    found = {line.partition("\t")[0]: line.partition("\t")[2] for line in lines}
    odd = r"/srv/two\040words,\040a\040\042quote\042,\040a\040\134\040and\040" + "\u00e9"
    assert set(found) == {odd, r"/srv/odd/new\012line"}
    assert found[odd].startswith("172.16.1.0/24(rw,sync,")
    assert {"no_root_squash", "no_subtree_check"} <= set(found[odd].rstrip(")").split(","))
    assert found[r"/srv/odd/new\012line"].startswith("*.example.org(ro,sync,")
    assert "root_squash" in found[r"/srv/odd/new\012line"].split(",")
    assert kernel([WRITABLE, OTHERS]).changed == {"kernel01": 0}


def test_what_is_listed_no_more_is_gone_and_what_is_anothers_stays(fresh: Scene, kernel: Callable[..., Played]) -> None:
    kernel([WRITABLE, OTHERS])
    fresh.machines.run("kernel01", "echo '/srv/closed *(ro,no_subtree_check)' >/etc/exports.d/theirs.exports")
    said = kernel([ganesha.exports("theirs", "/srv/closed")], succeeds=False).said()
    assert "theirs.exports was not written by this role" in said
    kernel([OTHERS])
    assert fresh.machines.run("kernel01", "ls /etc/exports.d").split() == ["lines.exports", "theirs.exports"]
    kernel([OTHERS], nfs_export_state="absent")
    assert fresh.machines.run("kernel01", "ls /etc/exports.d").split() == ["theirs.exports"]
    assert kernel([OTHERS], nfs_export_state="absent").changed == {"kernel01": 0}


def test_a_server_that_the_kernel_cannot_start_is_named(kernel: Callable[..., Played]) -> None:
    said = kernel([WRITABLE], nfs_export_manage_service=True, succeeds=False).said()
    assert "nfs-server" in said
