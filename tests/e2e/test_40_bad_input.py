"""A mistake in the inventory is named, with its mend, before anything changes on any host."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import DATA, HOME, HOSTS, MODULES, Scene

# What the variables are, and what the error says; the mirrors of the lab are the first two of the list.
MIRRORS: dict[str, tuple[object, list[str]]] = {
    "a list that is none": ("/srv/data", ["lockstep_mirrors", "must be a list of mirrors", "a string"]),
    "mistakes in several entries, each named": (
        [
            {**DATA, "exclud": ["*.o"]},
            {**HOME, "targets": ["backup1"]},
            {"name": "third", "source": "srv", "path": "/srv/backup/third", "quiet": -1},
            {"name": "fourth", "source": "/srv/fourth", "path": "/srv/backup/fourth", "delete": "no thanks"},
        ],
        [
            "[0] (data): 'exclud' is not a key of lockstep_mirrors; did you mean exclude?",
            "[1] (home): targets: 'backup1' is not in group backup (backup01, backup02); did you mean backup01?",
            "[2] (third): source: must be an absolute path, not 'srv'",
            "quiet: must be within 0 and 3600, not -1",
            "[3] (fourth): delete: must be true, false, startup or running, not 'no thanks'",
        ],
    ),
    "a source that is listed twice": (
        [DATA, {**DATA, "name": "again", "path": "/srv/backup/again"}],
        ["again and data both mirror /srv/data of nfs01"],
    ),
    "a path inside of another's": (
        [DATA, {**HOME, "path": "/srv/backup/data/home"}],
        ["data (/srv/backup/data)", "lie one in the other on backup01"],
    ),
    "a source that does not exist": (
        [{**DATA, "source": "/srv/nowhere"}, HOME],
        ["mirror data: /srv/nowhere does not exist on nfs01; create or mount it, or correct source"],
    ),
    "a source that is a file": (
        [{**DATA, "source": "/srv/data/old/deep/file"}, HOME],
        ["mirror data: /srv/data/old/deep/file is not a directory"],
    ),
}
OTHERS: dict[str, tuple[dict[str, object], list[str]]] = {
    "a password that is too short": ({"lockstep_password": "elevenchars"}, ["lockstep_password", "12 characters"]),
    "a port that another program has": ({"rsync_daemon_port": 22}, ["22", "sshd", "rsync_daemon_port"]),
    "an rsync on the NFS host that is too old": (
        {"watcher_rsync": "/srv/old-rsync"},
        ["/srv/old-rsync on nfs01", "3.1.3", "3.2.0"],
    ),
    "an rsync on the backup host that cannot delete by a list": (
        {"rsync_daemon_binary": "/srv/defective-rsync"},
        ["/srv/defective-rsync", "--delete-missing-args defect", "upgrade it"],
    ),
    "a password that the backup hosts do not have": (
        {"watcher_passwords": dict.fromkeys((f"{module}@{host}" for module, host in MODULES), "not the one they know")},
        ["rsync://rsync_backup@172.16.1.41:873/data does not let nfs01 in", "auth failed", "lockstep_password"],
    ),
    "an address that would be a second line of the configuration": (
        {"rsync_daemon_hosts_allow": ["10.0.0.1\nlist = yes"]},
        ["rsync_daemon_hosts_allow must be a list of addresses, networks and names"],
    ),
    "a folder of the system in the place of a file of the daemon's": (
        {"rsync_daemon_pid_file": "/run"},
        ["rsync_daemon_pid_file", "this is a folder that others use too"],
    ),
    "a user that would be a second line of the unit": (
        {"watcher_user": "lockstep\nExecStartPre=+/bin/touch /etc/opened"},
        ["watcher_user is", "must be a name of letters, digits"],
    ),
    "a folder that others use too": ({"watcher_state_dir": "/etc/ssh"}, ["/etc/ssh cannot be a place of the watcher"]),
    "a secret above the folder of the secrets": (
        {"watcher_notify_secrets": {"../x": "a"}},
        ["../x", "no name of a file"],
    ),
    "an rsync on the backup host that is too old": (
        {"rsync_daemon_binary": "/srv/old-rsync"},
        ["/srv/old-rsync", "3.1.3", "3.2.0"],
    ),
}


def untouched(scene: Scene) -> list[object]:
    """Everything that a playbook could change, and what runs."""
    files = {host: scene.machines.written(host, "etc", "usr", "opt", "home") for host in HOSTS}
    disks = {host: sorted(map(str, scene.machines.disk(host, "/srv").rglob("*"))) for host in HOSTS}
    return [files, disks, scene.machines.services(), scene.machines.kernel_limits()]


def refused(scene: Scene, variables: dict[str, object], says: list[str], *options: str) -> None:
    """The playbook fails with these words, and leaves everything as it was."""
    before = untouched(scene)
    file = scene.machines.folder / "variables.json"
    file.write_text(json.dumps(variables))
    played = scene.player.play("site.yml", "-e", f"@{file}", *options, succeeds=False)
    for words in says:
        assert words in played.said()
    assert not any(played.changed.values())
    assert untouched(scene) == before


@pytest.mark.parametrize("mistake", MIRRORS)
def test_mirrors_with_a_mistake_are_refused(deployed: Scene, mistake: str) -> None:
    mirrors, says = MIRRORS[mistake]
    refused(deployed, {"lockstep_mirrors": mirrors}, says)


@pytest.mark.parametrize("mistake", OTHERS)
def test_other_mistakes_are_refused(deployed: Scene, mistake: str, programs: None) -> None:
    refused(deployed, *OTHERS[mistake])


def test_a_module_that_the_daemon_does_not_have_is_refused(deployed: Scene) -> None:
    """As where the backup hosts are left out of a run."""
    more = {"name": "more", "source": "/srv/data/old", "path": "/srv/backup/more", "hosts": ["nfs01"]}
    says = [
        "/more does not let nfs01 in: @ERROR: Unknown module 'more'",
        "Compare its lockstep_password, and the module",
    ]
    refused(deployed, {"lockstep_mirrors": [HOME, more]}, says, "--limit", "nfs")


def test_a_host_that_its_daemons_would_not_let_in_is_refused(deployed: Scene) -> None:
    """It comes from another address than the inventory says."""
    folder = deployed.machines.folder / "host_vars"
    folder.mkdir()
    (folder / "nfs01.yml").write_text("lockstep_address: 10.9.9.9\n")
    says = [
        "nfs01 reaches backup01 from 172.16.1.31",
        "would let in only 10.9.9.9, 172.16.1.32",
        "Set lockstep_clients",
    ]
    try:
        refused(deployed, {}, says)
    finally:
        shutil.rmtree(folder)


def test_password_that_is_missing_is_refused(deployed: Scene) -> None:
    deployed.player.remove("password")
    try:
        refused(deployed, {}, ["lockstep_password", "missing"])
    finally:
        deployed.player.write("password", {"lockstep_password": deployed.player.password})


OLD = "#!/bin/sh\necho 'rsync  version 3.1.3  protocol version 31'\n"
# it deletes at the top of a list, and nowhere below
DEFECTIVE = """#!/bin/sh
[ "$1" = --version ] && exec rsync --version
echo "invalid file mode 00 for kept/gone [receiver]" >&2
exit 2
"""


@pytest.fixture(scope="module")
def programs(deployed: Scene) -> None:
    """On all hosts, what takes itself for an rsync of 2018, and for one that has a defect."""
    for host in HOSTS:
        for path, text in (("/srv/old-rsync", OLD), ("/srv/defective-rsync", DEFECTIVE)):
            program = deployed.machines.disk(host, path)
            program.write_text(text)
            program.chmod(0o755)
