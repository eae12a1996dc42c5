# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sync_info against a socket and an HTTP server that speak the watcher's protocol."""

from __future__ import annotations

import copy
import http.server
import json
import socketserver
import threading
import time

import pytest

DIGEST = "ab" * 32
TARGET = {
    "name": "backup01/data",
    "url": "rsync://u@backup01/data",
    "state": "live",
    "reason": None,
    "lag": 0.0,
    "pending": 0,
    "next_try": None,
    "problems": [],
}
STATUS = {
    "version": "0.1.0",
    "config": {"path": "/etc/lockstep/lockstep.yml", "sha256": DIGEST, "error": None},
    "state": "live",
    "healthy": True,
    "mirrors": [
        {"name": "data", "source": "/data", "state": "live", "reason": None, "targets": [TARGET]},
        {"name": "home", "source": "/home", "state": "live", "reason": None, "targets": [TARGET]},
    ],
}


class Watcher:
    """Answers with one status after another; the last one stays."""

    def __init__(self, path):
        self.path = path
        self.statuses = []
        self.answer = None

        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    assert json.loads(line) == {"command": "status"}
                    self.wfile.write(outer.take() + b"\n")

        self.server = socketserver.ThreadingUnixStreamServer(path, Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def take(self):
        if self.answer is not None:
            return self.answer
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return json.dumps({"ok": True, "status": status}).encode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def watcher(tmp_path):
    watcher = Watcher(str(tmp_path / "status.sock"))
    yield watcher
    watcher.stop()


@pytest.fixture
def status():
    return json.loads(json.dumps(STATUS))


def behind(status):
    other = copy.deepcopy(status)
    other["mirrors"][0]["state"] = "down"
    other["mirrors"][0]["targets"][0].update(state="down", reason="connection refused", lag=12.5)
    return other


def test_the_status_is_returned_as_data(module, watcher, status):
    watcher.statuses = [behind(status)]
    answer = module("sync_info", socket=watcher.path)
    assert not answer.failed, answer.output
    assert answer.data["running"] is True
    assert answer.data["status"] == watcher.statuses[0]
    assert answer.data["in_step"] is False
    assert [mirror["in_step"] for mirror in answer.data["mirrors"]] == [False, True]
    assert answer.data["mirrors"][0]["targets"][0]["lag"] == 12.5
    assert answer.data["mirrors"][0]["targets"][0]["problems"] == 0


def test_a_filter_looks_at_the_mirrors_named(module, watcher, status):
    watcher.statuses = [behind(status)]
    answer = module("sync_info", socket=watcher.path, mirror=["home"], wait_for="live", timeout=0)
    assert answer.data["in_step"] is True
    assert [mirror["name"] for mirror in answer.data["mirrors"]] == ["home"]
    assert len(answer.data["status"]["mirrors"]) == 2


def test_it_waits_until_all_is_live(module, watcher, status):
    watcher.statuses = [behind(status), behind(status), status]
    answer = module("sync_info", socket=watcher.path, wait_for="live", timeout=20)
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True


def test_it_names_mirror_target_state_and_reason_when_the_time_is_over(module, watcher, status):
    watcher.statuses = [behind(status)]
    answer = module("sync_info", socket=watcher.path, wait_for="live", timeout=0.2)
    assert answer.msg == "after 0.2 s: mirror data on backup01/data is down (connection refused)"
    assert answer.data["in_step"] is False


def held(status, reason):
    other = copy.deepcopy(status)
    other["mirrors"][0]["state"] = "held"
    other["mirrors"][0]["targets"][0].update(state="held", reason=reason)
    return other


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("the source is not the one it was", "; mend that, or accept it with: lockstep release data"),
        ("9 of 9 entries would be deleted; let them go with: lockstep release data", ""),
    ],
)
def test_a_target_that_stays_held_is_not_waited_for_until_the_timeout(module, watcher, status, reason, end):
    watcher.statuses = [held(status, reason)]
    began = time.monotonic()
    answer = module("sync_info", socket=watcher.path, wait_for="live", timeout=60)
    assert 3 <= time.monotonic() - began < 20
    assert answer.failed
    assert answer.msg == f"mirror data on backup01/data is held ({reason}){end}"
    assert answer.data["in_step"] is False


def test_a_target_that_is_held_for_a_moment_is_waited_for(module, watcher, status):
    watcher.statuses = [held(status, "not looked at yet"), behind(status), held(status, "again"), status]
    assert not module("sync_info", socket=watcher.path, wait_for="live", timeout=20).failed


def test_a_mirror_that_is_not_looked_at_may_be_held(module, watcher, status):
    other = held(status, "the source is not the one it was")
    other["mirrors"][1]["targets"][0]["state"] = "behind"
    watcher.statuses = [other]
    answer = module("sync_info", socket=watcher.path, mirror=["home"], wait_for="live", timeout=4)
    assert answer.msg == "after 4 s: mirror home on backup01/data is behind"


def test_it_waits_until_the_new_configuration_runs(module, watcher, status):
    old = copy.deepcopy(status)
    old["config"]["sha256"] = "cd" * 32
    watcher.statuses = [old, old, status]
    assert not module("sync_info", socket=watcher.path, config_sha256=DIGEST.upper(), timeout=20).failed
    old["config"]["error"] = "mirrors[0].soruce: unknown key"
    watcher.statuses = [old]
    answer = module("sync_info", socket=watcher.path, config_sha256=DIGEST, timeout=0.1)
    assert f"not {DIGEST}: mirrors[0].soruce: unknown key" in answer.msg


def test_a_mirror_that_the_watcher_has_not(module, watcher, status):
    watcher.statuses = [status]
    answer = module("sync_info", socket=watcher.path, mirror="dta")
    assert answer.msg == "mirror dta: the watcher has no such mirror; did you mean data? It has: data, home"


def test_no_mirror_at_all_is_not_in_step(module, watcher, status):
    status["mirrors"] = []
    watcher.statuses = [status]
    assert module("sync_info", socket=watcher.path).data["in_step"] is False
    assert "no mirror to wait for" in module("sync_info", socket=watcher.path, wait_for="live", timeout=0).msg


def test_a_watcher_that_does_not_run_is_an_error_or_a_fact(module, tmp_path):
    path = str(tmp_path / "none.sock")
    answer = module("sync_info", socket=path)
    assert answer.msg == f"{path}: no such socket; the watcher does not run here, or uses another one"
    answer = module("sync_info", socket=path, stopped_ok=True)
    assert not answer.failed
    assert answer.data["running"] is False


def test_a_socket_that_nobody_listens_at(module, watcher, status):
    watcher.server.socket.close()
    answer = module("sync_info", socket=watcher.path)
    assert "the watcher has ended without removing its socket" in answer.msg


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"hello", "is not JSON"),
        (b"[]", "is no status"),
        (b'{"ok": true, "status": {}}', "names no mirrors"),
        (b'{"ok": false, "error": "not now"}', "the watcher answers: not now"),
    ],
)
def test_somebody_else_who_answers(module, watcher, line, complaint):
    watcher.answer = line
    assert complaint in module("sync_info", socket=watcher.path).msg


def test_names_that_are_not_utf8_are_shown_escaped(module, watcher, status):
    status["mirrors"][0]["targets"][0]["problems"] = [{"path": "a\udcff", "reason": "permission denied"}]
    watcher.statuses = [status]
    answer = module("sync_info", socket=watcher.path)
    assert answer.data["status"]["mirrors"][0]["targets"][0]["problems"][0]["path"] == "a\\xff"


@pytest.fixture
def web(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/status.json"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(json.dumps(status).encode() if found else b"")

        def log_message(self, *arguments):
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_status_over_http(module, web):
    answer = module("sync_info", url=f"{web}/status.json")
    assert not answer.failed, answer.output
    assert answer.data["in_step"] is True
    assert "HTTP 404" in module("sync_info", url=f"{web}/other").msg


def test_http_where_nobody_listens(module):
    answer = module("sync_info", url="http://127.0.0.1:1/status.json")
    assert "Connection refused" in answer.msg
    assert module("sync_info", url="http://127.0.0.1:1/status.json", stopped_ok=True).data["running"] is False
