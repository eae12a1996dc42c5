"""A new password for every daemon and every watcher, while the sources change, and no connection is refused."""

from __future__ import annotations

import secrets

import pytest
from conftest import MODULES, Scene
from fleet import BACKUP, HOSTS, NFS
from loading import Load
from module_passwords import password_of
from playing import Played

pytestmark = pytest.mark.long

ROTATE = "playbooks/rotate_passwords.yml"
OLD = "lockstep_previous_password"


def log_in(scene: Scene, module: str, backup: str, password: str) -> str:
    """What a daemon says to somebody with this password, on its own host, which it lets in to every module.

    The password is in a file: commands are in the host's journal.
    """
    file = scene.machines.disk(backup, "/srv/candidate")
    file.touch(0o600)
    file.write_text(f"{password}\n")
    ask = "rsync --list-only --dirs '--exclude=*' --password-file=/srv/candidate"
    try:
        return scene.machines.run(backup, f"{ask} rsync://rsync_backup@127.0.0.1/{module}/ 2>&1", check=False)
    finally:
        file.unlink()


def marks(scene: Scene) -> dict[str, str]:
    """Where the journal of each watcher ends now."""
    said = scene.machines.on_each(NFS, "journalctl -u lockstep -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p'")
    return {host: cursor.strip() for host, cursor in said.items()}


def test_a_wrong_old_password_is_refused_and_nothing_is_changed(deployed: Scene) -> None:
    before = deployed.machines.services()
    player, now = deployed.player, deployed.player.password
    player.set_password(secrets.token_hex(12), **{OLD: "never the password"})
    try:
        played = player.play(ROTATE, succeeds=False)
    finally:
        player.set_password(now)
    assert "correct lockstep_previous_password, or run site first" in played.said()
    assert not any(played.changed.values())
    assert deployed.machines.services() == before


def test_hosts_that_are_left_out_are_named(deployed: Scene) -> None:
    said = deployed.player.play(ROTATE, "--limit", "backup:nfs01", succeeds=False).said()
    assert "nfs02 would be left with the old password; run this without --limit" in said


@pytest.fixture(scope="module")
def rotated(deployed: Scene) -> tuple[Played, dict[str, str]]:
    """The passwords have been rotated under load; the run, and what the watchers' journals said of it."""
    machines, player, before = deployed.machines, deployed.player, deployed.player.password
    for host in NFS:
        machines.wait_live(host)
    ends, services = marks(deployed), machines.services()
    player.set_password(secrets.token_hex(12), **{OLD: before})
    with Load(deployed.sources("load")) as load:
        played = player.play(ROTATE, "-vvvv", "--diff")
    print(f"{load.written} times a file was written in each source meanwhile")
    assert load.written > 50
    player.set_password(player.password)
    assert machines.services() == services
    told = {host: machines.run(host, f"journalctl -u lockstep -o cat --after-cursor '{ends[host]}'") for host in NFS}
    return played, told


def test_no_connection_is_refused_and_no_target_falls_behind(
    deployed: Scene, rotated: tuple[Played, dict[str, str]]
) -> None:
    for host, lines in rotated[1].items():
        for word in ("wrong user or password", "auth failed", " down", "password_file"):
            assert word not in lines, f"{host}: {lines}"
    deployed.become_equal()


def test_only_the_new_password_is_right_afterwards(deployed: Scene, rotated: tuple[Played, dict[str, str]]) -> None:
    assert set(rotated[0].changed) == set(HOSTS)
    new = deployed.player.password
    old = next(secret for secret in reversed(deployed.player.secrets) if secret != new)
    for module, backup in MODULES:
        for wrong in (old, new, password_of(module, backup, old)):
            assert "auth failed" in log_in(deployed, module, backup, wrong)
        assert "auth failed" not in log_in(deployed, module, backup, password_of(module, backup, new))
    for backup in BACKUP:
        assert not deployed.machines.run(backup, "getent passwd rsync_backup; getent group rsync_backup", check=False)
    for secret in (old, new, *(password_of(*end, old) for end in MODULES)):
        assert not [host for host in HOSTS if deployed.machines.holders(host, secret)]


@pytest.mark.parametrize("nfs", NFS)
def test_what_is_on_an_nfs_host_opens_its_own_modules_and_no_others(deployed: Scene, nfs: str) -> None:
    """Not even on the backup host, which its daemon lets in to all of them."""
    mine = {f"{module}@{backup}": (module, backup) for (module, backup), host in MODULES.items() if host == nfs}
    folder = deployed.machines.run(nfs, "ls -A /etc/lockstep/secrets").split()
    assert sorted(folder) == sorted(mine)
    for file, own in mine.items():
        password = deployed.machines.run(nfs, f"cat /etc/lockstep/secrets/{file}").strip()
        for end in MODULES:
            refused = "auth failed" in log_in(deployed, *end, password)
            assert refused == (end != own), f"{file} of {nfs} at {end}"
