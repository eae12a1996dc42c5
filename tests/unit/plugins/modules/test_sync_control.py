# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sync_control against a socket that speaks the watcher's protocol and behaves as one with a single mirror."""

from __future__ import annotations

import json
import socketserver
import threading
import time

import pytest


class Watcher:
    """One mirror on two targets. C(steps) is what happens before each status that is asked for."""

    def __init__(self, path):
        self.path = path
        self.orders = []
        self.targets = [self._target("one"), self._target("two")]
        self.refuses = None
        self.steps = []

        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    self.wfile.write(json.dumps(outer.obey(json.loads(line))).encode() + b"\n")

        self.server = socketserver.ThreadingUnixStreamServer(path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    @staticmethod
    def _target(name):
        reconcile = {"state": "done", "started": 1.0, "known": 0, "done": 0, "bytes_known": 0}
        return {
            "name": name,
            "state": "live",
            "reason": None,
            "lag": 0.0,
            "pending": 0,
            "in_flight": 0,
            "held": None,
            "reconcile": reconcile,
        }

    def obey(self, request):
        if request["command"] == "status":
            if self.steps:
                self.steps.pop(0)()
            states = [target["state"] for target in self.targets]
            state = next((state for state in states if state != "live"), "live")
            mirror = {"name": "data", "source": "/data", "state": state, "targets": self.targets}
            return {"ok": True, "status": {"now": time.time(), "mirrors": [mirror]}}
        self.orders.append(request)
        if self.refuses:
            return {"ok": False, "error": self.refuses}
        return {"ok": True, "message": f"mirror data: {request['command']}", "changed": self.change(request["command"])}

    def change(self, command):
        wanted = {"pause": "paused", "resume": "live", "release": "live"}.get(command)
        changed = command == "resync" or any(target["state"] != wanted for target in self.targets)
        if wanted is not None:
            for target in self.targets:
                target["state"] = wanted
        return changed

    def reconcile(self, **values):
        """A step in which the reconcile of both targets becomes this."""

        def step():
            for target in self.targets:
                target["reconcile"].update(values)

        return step

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def watcher(tmp_path):
    watcher = Watcher(str(tmp_path / "status.sock"))
    yield watcher
    watcher.stop()


@pytest.fixture
def control(module, watcher):
    def run(command, check_mode=False, **options):
        return module("sync_control", check_mode, command=command, **{"mirror": "data", **options}, socket=watcher.path)

    return run


def nothing():
    """A status is asked for, and nothing happens."""


def test_pausing_twice_changes_once(control, watcher):
    first = control("pause", wait=True)
    assert not first.failed, first.output
    assert first.data["changed"] is True
    assert first.data["message"] == "mirror data: pause"
    assert first.data["diff"] == {"before": "one: live\ntwo: live\n", "after": "one: paused\ntwo: paused\n"}
    assert first.data["in_step"] is False
    assert control("pause").data["changed"] is False
    assert control("resume", wait=True).data["changed"] is True
    again = control("resume", wait=True)
    assert (again.data["changed"], again.data["in_step"]) == (False, True)


def test_pause_waits_until_nothing_is_under_way(control, watcher):
    watcher.targets[1]["in_flight"] = 3
    answer = control("pause", wait=True, timeout=0.2)
    assert answer.failed
    assert answer.msg == "after 0.2 s: mirror data on two has 3 changes under way"
    watcher.steps = [nothing, nothing, nothing, lambda: watcher.targets[1].update(in_flight=0)]
    assert not control("pause", wait=True).failed


def test_resync_waits_for_a_comparison_that_began_later_and_for_all_it_found(control, watcher):
    later = time.time() + 60
    watcher.steps = [
        nothing,
        nothing,
        watcher.reconcile(state="comparing", started=later),
        watcher.reconcile(state="sending", known=7, done=2, bytes_known=4096),
        watcher.reconcile(state="done", done=3),
        watcher.reconcile(done=7),
    ]
    answer = control("resync", wait=True)
    assert not answer.failed, answer.output
    assert not watcher.steps
    assert answer.data["changed"] is True
    assert [(target["differences"], target["bytes"]) for target in answer.data["targets"]] == [(7, 4096)] * 2
    assert answer.data["waited"] > 0


def test_resync_that_finds_nothing_has_changed_nothing(control, watcher):
    watcher.steps = [nothing, watcher.reconcile(state="done", started=time.time() + 60)]
    assert control("resync", wait=True, path="a/b").data["changed"] is False
    assert watcher.orders == [{"command": "resync", "mirror": "data", "path": "a/b"}]
    assert control("resync").data["changed"] is True


def test_resync_that_does_not_end_says_how_far_it_is(control, watcher):
    watcher.steps = [nothing, watcher.reconcile(state="sending", started=time.time() + 60, known=9, done=4)]
    answer = control("resync", wait=True, timeout=0.3)
    assert answer.failed
    assert "mirror data on one is sending, 4 of 9 differences sent, and is live" in answer.msg


def test_resync_of_a_paused_mirror_is_not_waited_for(control, watcher):
    control("pause")
    answer = control("resync", wait=True)
    assert answer.failed
    assert answer.msg == "mirror data on one, two is paused and compares nothing; resume it first"
    assert [order["command"] for order in watcher.orders] == ["pause"]


def test_a_target_that_stays_held_ends_the_waiting(control, watcher):
    watcher.change = lambda command: True
    watcher.targets[0].update(state="held", reason="the source is not the one it was")
    began = time.monotonic()
    answer = control("resume", wait=True, timeout=60)
    assert 3 <= time.monotonic() - began < 40
    assert answer.failed
    assert "mirror data on one is held (the source is not the one it was); mend that, or accept" in answer.msg


def test_release_of_what_is_not_held_changes_nothing(control, watcher):
    assert control("release", wait=True).data["changed"] is False
    watcher.targets[0]["state"] = "held"
    assert control("release", check_mode=True).data["changed"] is True
    assert control("release", wait=True).data["changed"] is True


def test_check_mode_tells_the_watcher_nothing(control, watcher):
    for command, changed in (("pause", True), ("resume", False), ("release", False), ("resync", True)):
        answer = control(command, check_mode=True, wait=True)
        assert (answer.data["changed"], answer.data["message"]) == (changed, None), command
    assert watcher.orders == []


def test_what_the_watcher_refuses_is_an_error_with_its_words(control, watcher):
    watcher.refuses = "mirror data: path '../x': give it relative to the source, without .."
    answer = control("resync", path="../x")
    assert answer.failed
    assert "path '../x': give it relative to the source" in answer.msg


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"command": "resync", "mirror": "dta"}, "mirror dta: the watcher has no such mirror; did you mean data?"),
        ({"command": "pause", "path": "a"}, "path: pause is for a whole mirror; only resync takes a path"),
        ({"command": "pause", "timeout": -1}, "timeout: -1 is less than 0"),
    ],
)
def test_options_that_cannot_be_used_are_named(control, options, complaint):
    answer = control(**options)
    assert answer.failed
    assert complaint in answer.msg


def test_a_watcher_that_does_not_run_is_an_error(module, tmp_path):
    answer = module("sync_control", command="pause", mirror="data", socket=str(tmp_path / "none"))
    assert answer.failed
    assert "no such socket; the watcher does not run here" in answer.msg
