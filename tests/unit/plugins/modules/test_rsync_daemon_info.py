# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync_daemon_info against a real rsync daemon, and against what is none."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading
import time

import pytest

USER, PASSWORD = "rsync_backup", "correct horse battery"  # the daemon's


@pytest.fixture
def info(module):
    def run(daemon, **options):
        return module("rsync_daemon_info", port=daemon.port, **options)

    return run


@pytest.fixture
def login():
    return {"module": "data", "user": USER, "password": PASSWORD}


def test_a_daemon_that_lets_in_and_takes(info, daemons, login):
    daemon = daemons(comment="the backup")
    answer = info(daemon, **login)
    assert not answer.failed, answer.output
    data = answer.data
    assert (data["reachable"], data["ok"], data["reason"]) == (True, True, None)
    assert data["protocol"] >= 31
    assert data["login"] == {"required": True, "ok": True, "digest": data["login"]["digest"], "refused": None}
    assert data["digests"] is None or data["login"]["digest"] in data["digests"]
    assert (data["exists"], data["listed"], data["writable"], data["refused"]) == (True, True, True, None)
    assert data["modules"] == [{"name": "data", "comment": "the backup"}]
    assert data["free_bytes"] is None
    assert "sync_verify" in data["unknown"]["free_bytes"]
    assert PASSWORD not in answer.output


def test_nothing_is_written_and_nothing_is_wrong_in_the_daemons_log(info, daemons, login):
    daemon = daemons()
    for _time in range(5):
        assert info(daemon, **login).data["writable"] is True
    deadline = time.monotonic() + 10
    while daemon.log.count("total size") < 5:
        assert time.monotonic() < deadline, daemon.log
        time.sleep(0.01)
    assert "error" not in daemon.log
    assert list(daemon.data.iterdir()) == []


def test_password_comes_from_a_file_too(info, daemons):
    daemon = daemons()
    answer = info(daemon, module="data", user=USER, password_file=str(daemon.password_file))
    assert answer.data["login"]["ok"] is True


def test_a_wrong_password_is_told(info, daemons, login):
    answer = info(daemons(), **{**login, "password": "not the one"})
    assert not answer.failed
    assert (answer.data["ok"], answer.data["login"]["ok"], answer.data["writable"]) == (False, False, None)
    assert answer.data["reason"] == "module data: auth failed on module data"


def test_no_password_where_one_is_wanted(info, daemons):
    answer = info(daemons(), module="data")
    assert answer.data["login"]["required"] is True
    assert answer.data["exists"] is True
    assert answer.data["reason"] == "module data: it wants a user and a password, and none were given"


def test_a_module_that_is_read_only(info, daemons, login):
    answer = info(daemons(read_only="yes", auth_users=f"{USER}:ro"), **login)
    assert (answer.data["ok"], answer.data["login"]["ok"], answer.data["writable"]) == (False, True, False)
    assert answer.data["refused"] == "ERROR: module is read only"


def test_a_module_that_is_not_there_or_not_listed(info, daemons, login):
    daemon = daemons(list="no")
    answer = info(daemon, **{**login, "module": "dta"})
    assert (answer.data["exists"], answer.data["listed"]) == (False, False)
    assert "Unknown module 'dta'" in answer.data["reason"]
    hidden = info(daemon, **login)
    assert (hidden.data["ok"], hidden.data["listed"], hidden.data["modules"]) == (True, False, [])


def test_a_module_whose_folder_is_gone(info, daemons, login):
    daemon = daemons()
    os.rmdir(daemon.data)
    answer = info(daemon, **login)
    assert answer.data["ok"] is False
    assert "chdir failed" in answer.data["reason"]


@pytest.mark.parametrize("digest", ["md5", "sha1", "sha256"])
def test_the_digest_that_the_daemon_has_is_used(module, digest):
    """A daemon that has but one; what it expects is reckoned here, from rsync's authenticate.c."""
    server = socket.create_server(("127.0.0.1", 0))
    answers = []

    def serve():
        for _connection in range(2):
            connection, _address = server.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(f"@RSYNCD: 32.0 md4 {digest}\n".encode())
                lines.readline()
                if lines.readline() == b"#list\n":
                    connection.sendall(b"@RSYNCD: EXIT\n")
                    continue
                connection.sendall(b"welcome\n@RSYNCD: AUTHREQD c+/A\n")
                answers.append(lines.readline())
                connection.sendall(b"@ERROR: auth failed on module data\n")

    thread = threading.Thread(target=serve)
    thread.start()
    answer = module("rsync_daemon_info", port=server.getsockname()[1], module="data", user="u", password="p w")
    thread.join()
    server.close()
    expected = base64.b64encode(hashlib.new(digest, b"p wc+/A").digest()).rstrip(b"=")
    assert answers == [b"u " + expected + b"\n"]
    assert answer.data["login"]["digest"] == digest
    assert answer.data["digests"] == ["md4", digest]


def test_the_daemon_alone(info, daemons):
    answer = info(daemons())
    assert answer.data["ok"] is True
    assert (answer.data["listed"], answer.data["login"], answer.data["exists"]) == (None, None, None)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_nobody_there_is_an_error_or_a_fact(module):
    port = free_port()
    answer = module("rsync_daemon_info", port=port)
    assert answer.failed
    assert answer.msg == f"127.0.0.1 port {port}: Connection refused"
    answer = module("rsync_daemon_info", port=port, unreachable_ok=True)
    assert not answer.failed
    assert (answer.data["reachable"], answer.data["ok"]) == (False, False)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b"220 mail.example ESMTP\r\n", "no rsync daemon: it begins with '220 mail.example ESMTP'"),
        (b"", "no answer within 0.5 s"),
        (None, "the daemon closed the connection"),
        pytest.param(b"x" * 200_000, "a line has no end", id="endless"),
        (b"@RSYNCD: 29.0\n@RSYNCD: EXIT\n", "protocol 29 is older than 30"),
    ],
)
def test_somebody_else_who_answers(module, said, complaint):
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            connection, _address = server.accept()
            with connection:
                if said is not None:
                    connection.sendall(said)
                    connection.settimeout(5)
                    while connection.recv(4096):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    answer = module(
        "rsync_daemon_info", port=server.getsockname()[1], timeout=0.5 if said == b"" else 20, module="data"
    )
    thread.join()
    server.close()
    assert complaint in (answer.data.get("reason") or answer.msg)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"timeout": 0}, "timeout: 0 is not greater than 0"),
        ({"module": "a\nb"}, "module: 'a\\nb' cannot be one"),
        ({"password_file": "/nowhere"}, "password_file /nowhere: No such file or directory"),
        ({"password_file": "/dev/null"}, "is empty; its first line is the password"),
    ],
)
def test_options_that_cannot_be_used_are_named(module, options, complaint):
    answer = module("rsync_daemon_info", **options)
    assert answer.failed
    assert complaint in answer.msg
