# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's certificate: when another one is due, what is made and by whom, as whole tasks by way of ansible."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.lockstep.realtime.plugins.action.tls_certificate import alternatives
from ansible_collections.lockstep.realtime.plugins.plugin_utils._authority import Authority, AuthorityError

pytestmark = pytest.mark.slow


class Host:
    """This machine, with a folder for a host's files and one for an authority's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files, self.authority = folder, folder / "host", folder / "authority"
        self.files.mkdir()

    def play(self, *words: str, **options: object) -> dict[str, object]:
        given = {"directory": str(self.files), "authority": str(self.authority), "names": ["nfs01", "172.16.1.31"]}
        task = {"lockstep.realtime.tls_certificate": {**given, **options}, "register": "done", "ignore_errors": True}
        copy = {"content": "{{ done | to_json }}", "dest": str(self.folder / "done.json")}
        show = {"ansible.builtin.copy": copy, "check_mode": False}
        playbook = self.folder / "playbook.yml"
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task, show]}]))
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        done = subprocess.run(
            [program, "-i", "localhost,", "-c", "local", "-vvv", "--diff", str(playbook), *words],
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(Path(__file__).parents[4] / ".collections"),
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for key in (self.files / "host.key", self.authority / "ca.key"):
            if key.exists():
                assert key.read_text().splitlines()[1] not in done.stdout + done.stderr
        return json.loads((self.folder / "done.json").read_text())

    def texts(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in sorted(self.files.iterdir())}

    def openssl(self, *words: str) -> str:
        return subprocess.run(["openssl", *words], cwd=self.files, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_a_new_host_gets_a_key_and_a_certificate_and_keeps_them(host):
    announced = host.play("--check")
    assert (announced["changed"], announced["due"], host.texts()) == (True, "there is none yet", {})
    assert not host.authority.exists()
    done = host.play()
    assert (done["changed"], done["due"], done["days_left"]) == (True, "there is none yet", 396)
    assert "request" not in done
    made = host.texts()
    assert set(made) == {"ca.pem", "host.key", "host.pem"}
    assert stat.S_IMODE((host.files / "host.key").stat().st_mode) == 0o640
    assert stat.S_IMODE((host.authority / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(host.authority.stat().st_mode) == 0o700
    host.openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver", "host.pem")
    host.openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslclient", "host.pem")
    for words in ((), ("--check",)):
        again = host.play(*words)
        assert (again["changed"], again["due"]) == (False, "")
    assert host.texts() == made


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"days": 500, "renew_days": 400}, "it ends in 397 days"),
        ({"names": ["nfs01", "fd00::31"]}, "it is not for all names that this host has"),
        ({"authority": "another"}, "it is not by this authority"),
    ],
)
def test_a_certificate_that_is_due_is_replaced_and_the_key_stays(host, options, said):
    host.play()
    before = host.texts()
    if "authority" in options:
        options = {"authority": str(host.folder / "another")}
    announced = host.play("--check", **options)
    assert host.texts() == before
    done = host.play(**options)
    after = host.texts()
    assert announced["changed"] is done["changed"] is True
    assert announced["due"] == done["due"]
    assert said in done["due"]
    assert after["host.pem"] != before["host.pem"]
    assert after["host.key"] == before["host.key"]
    assert host.play(**options)["changed"] is False
    host.openssl("verify", "-CAfile", "ca.pem", "host.pem")


def test_a_key_that_is_another_one_takes_another_certificate(host):
    host.play()
    host.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "host.key")
    done = host.play()
    assert done["due"] == "it is not of the key that is here"
    assert stat.S_IMODE((host.files / "host.key").stat().st_mode) == 0o640
    assert host.play()["changed"] is False


def test_a_certificate_without_its_authoritys_key_is_not_replaced_by_another_authority(host):
    host.play()
    (host.authority / "ca.key").unlink()
    made = host.texts()
    done = host.play()
    assert done["failed"]
    assert f"{host.authority}/ca.pem is there and {host.authority}/ca.key is not" in done["msg"]
    assert host.texts() == made


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"names": []}, "names: name the host"),
        ({"names": ["a\nb"]}, "a certificate cannot be for 'DNS:a\\nb'"),
        ({"names": ["x,URI:y"]}, "a certificate cannot be for"),
        ({"authority_days": "soon"}, "authority_days must be a number of days"),
        ({"authority": ""}, "authority is missing"),
        ({"directory": "/nowhere/at/all"}, "/nowhere/at/all is no folder; make it first"),
        ({"group": "nobody-has-it"}, "there is no group nobody-has-it"),
    ],
)
def test_what_cannot_be_is_refused(host, options, said):
    done = host.play(**options)
    assert done["failed"]
    assert said in done["msg"]


def test_hosts_that_come_at_once_have_one_authority(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Authority(str(tmp_path / "a")).make(10), range(8)))
    assert sorted(made) == [False] * 7 + [True]


def test_an_authority_that_cannot_be_read_or_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AuthorityError, match=f"{tmp_path}/file"):
        Authority(str(tmp_path / "file")).make(10)
    own = Authority(str(tmp_path / "own"))
    own.make(10)
    with pytest.raises(AuthorityError, match="openssl ca: "):
        own.sign("no request", ["DNS:x"], 10)


def test_a_name_that_is_an_address_is_both():
    assert alternatives(["nfs01", "172.16.1.31", "fd00::31"]) == [
        *("DNS:nfs01", "DNS:172.16.1.31", "IP:172.16.1.31", "IP:fd00::31"),
    ]
