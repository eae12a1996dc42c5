"""The status document is plain data, whatever the names are, and says why it is not healthy."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace
from typing import Any, Optional

import pytest

from lockstep.audits import Audit
from lockstep.changes import CONTENT, GONE, Change
from lockstep.progress import Progress
from lockstep.record import STEPS, Record
from lockstep.schedule import Schedule
from lockstep.source import limits
from lockstep.standing import Standing
from lockstep.status.condition import Condition
from lockstep.status.snapshot import HELD_SHOWN, PROBLEMS_SHOWN, details, document

ODD = b'a\xff\n"\\\xe2\x82'


class Tree:
    def __init__(self) -> None:
        self.problems: dict[bytes, str] = {}
        self.unwatched = 0

    def __len__(self) -> int:
        return 7


def a_target(name: str = "h/m", **more: Any) -> Any:
    standing, record = Standing(), Record()
    return SimpleNamespace(**{
        "config": SimpleNamespace(name=name, url=f"rsync://u@{name}", tls=None), "standing": standing,
        "record": record,
        "reconcile": SimpleNamespace(
            state="sending", started=1.0, finished=None,
            progress=lambda now: Progress(10, 7, 2000, 500, 3.26, 99.96, 7.04, 60.01, 100),
        ),
        "pending": 3, "in_flight": 4, "oldest": lambda: None,
        "state": Condition("live", "", 5.0), **more,
    })  # fmt: skip


def a_service(*targets: Any, tree: Any = None, **more: Any) -> Any:
    mirror = SimpleNamespace(
        config=SimpleNamespace(name="data", source=b"/srv/" + ODD, watch=True), targets=list(targets), tree=tree,
        overflows=1, events=2, hooks=None, schedule=Schedule(0.0), custody=SimpleNamespace(held=""),
        condition=lambda target: target.state,
    )  # fmt: skip
    return SimpleNamespace(**{
        "mirrors": {"data": mirror}, "started": 1.0, "loaded": 2.0, "config_error": None,
        "notifier": SimpleNamespace(state=list), "audits": SimpleNamespace(get=lambda mirror, target: None),
        "config": SimpleNamespace(path="/etc/x.yml", sha256="ab", status=SimpleNamespace(max_lag=60.0)), **more,
    })  # fmt: skip


def through_json(service: Any) -> dict[str, Any]:
    return json.loads(json.dumps(document(service), allow_nan=False))


def test_in_step_it_is_healthy_and_complete() -> None:
    found = through_json(a_service(a_target(), tree=Tree()))
    assert set(found) == {
        "version", "host", "pid", "started", "now", "config", "state", "healthy", "unhealthy", "watches", "notify",
        "mirrors",
    }  # fmt: skip
    assert (found["state"], found["healthy"], found["unhealthy"], found["pid"]) == ("live", True, [], os.getpid())
    assert found["config"] == {"path": "/etc/x.yml", "sha256": "ab", "loaded": 2.0, "error": None, "max_lag": 60.0}
    (mirror,) = found["mirrors"]
    assert (mirror["watches"], mirror["overflows"], mirror["events"], mirror["reason"]) == (7, 1, 2, None)
    (target,) = mirror["targets"]
    assert set(target) == {
        "name", "url", "state", "reason", "since", "next_try", "lag", "pending", "in_flight", "batches", "names",
        "failures", "last_confirmed", "reconcile", "held", "problems", "bytes", "rate", "counts", "refused", "errors",
        "audit",
        "certificate_expires",
    }  # fmt: skip
    assert (target["lag"], target["pending"], target["in_flight"], target["held"]) == (0.0, 3, 4, None)
    assert target["reconcile"] == {
        "state": "sending", "started": 1.0, "finished": None, "known": 10, "done": 7, "bytes_known": 2000,
        "bytes_done": 500, "rate": 3.3, "byte_rate": 100.0, "remaining": 7.0, "elapsed": 60.0, "entries": 100,
        "arrived": None, "took": None,
    }  # fmt: skip


def test_a_drift_that_an_audit_found_is_not_healthy_and_says_how_it_is_mended() -> None:
    found = through_json(a_service(a_target(), audits=SimpleNamespace(get=lambda *place: Audit(9.0, False, 0, 2, 1))))
    assert found["mirrors"][0]["targets"][0]["audit"] == {
        "at": 9.0, "checksum": False, "missing": 0, "different": 2, "extra": 1, "drift": 3,
    }  # fmt: skip
    assert (found["state"], found["healthy"]) == ("live", False)
    (said,) = found["unhealthy"]
    for words in ("mirror data on h/m has drifted", "0 missing, 2 different, 1 extra", "lockstep_audit_repair=true"):
        assert words in said


def test_what_is_not_known_of_a_reconcile_is_null() -> None:
    target = a_target()
    target.reconcile.progress = lambda now: Progress()
    found = through_json(a_service(target))["mirrors"][0]["targets"][0]["reconcile"]
    assert [name for name, value in found.items() if value is None] == [
        "finished", "arrived", "took", "rate", "byte_rate", "remaining", "elapsed", "entries",
    ]  # fmt: skip


def test_names_that_are_no_text_come_back_as_their_bytes() -> None:
    target, tree = a_target(), Tree()
    target.standing.refuse(ODD, "no", Change(CONTENT, 1.0), time.monotonic())
    target.state = Condition("behind", os.fsdecode(ODD), 5.0)
    tree.problems[ODD] = "no"
    service = a_service(target, tree=tree)
    text = json.dumps(document(service))
    assert text.isascii()
    (mirror,) = json.loads(text)["mirrors"]
    assert os.fsencode(mirror["source"]) == b"/srv/" + ODD
    assert os.fsencode(mirror["watch_problems"][0]["path"]) == ODD
    assert os.fsencode(mirror["targets"][0]["problems"][0]["path"]) == ODD
    assert os.fsencode(mirror["reason"]) == ODD


def test_times_are_told_by_the_wall_clock() -> None:
    target = a_target(oldest=lambda: time.monotonic() - 30.0)
    now = time.monotonic()
    target.standing.confirmed([b"a"], {}, now - 20.0, now - 21.0)
    target.standing.refuse(b"p", "no", Change(CONTENT, 1.0), now - 10.0)
    target.standing.fail("x", now)
    found = through_json(a_service(target))["mirrors"][0]["targets"][0]
    assert found["lag"] == pytest.approx(30.0, abs=2.0)
    assert found["last_confirmed"] == pytest.approx(time.time() - 20.0, abs=2.0)
    assert found["problems"][0]["since"] == pytest.approx(time.time() - 10.0, abs=2.0)
    assert found["problems"][0]["attempts"] == 1
    assert found["problems"][0]["next_try"] == pytest.approx(found["problems"][0]["since"] + 1.0, abs=0.25)
    assert time.time() - 2.0 < found["next_try"] < time.time() + 3.0
    assert (found["batches"], found["names"], found["failures"]) == (1, 1, 2)


def test_held_deletions_come_with_the_command_that_lets_them_go() -> None:
    target = a_target()
    target.standing.park({b"a": Change(GONE, 1.0)}, 40, 1.0, {b"a": 30})
    found = through_json(a_service(target))["mirrors"][0]["targets"][0]
    assert found["held"] == {
        "deletions": 30, "of": 40, "command": "lockstep release data", "paths": ["a"], "more": 0,
    }  # fmt: skip


def test_of_very_many_held_deletions_the_first_are_shown() -> None:
    target = a_target()
    target.standing.park({b"%d" % number: Change(GONE, 1.0) for number in range(50)}, 60, 1.0)
    held = through_json(a_service(target))["mirrors"][0]["targets"][0]["held"]
    assert (held["paths"], held["more"]) == ([str(number) for number in range(HELD_SHOWN)], 50 - HELD_SHOWN)


def test_a_source_that_is_held_comes_with_its_reason_and_the_command() -> None:
    service = a_service(a_target())
    service.mirrors["data"].custody.held = "not mounted"
    assert through_json(service)["mirrors"][0]["held"] == {"reason": "not mounted", "command": "lockstep release data"}


def test_what_was_recorded_of_a_target_is_in_it() -> None:
    target, now = a_target(), time.monotonic()
    target.record.confirmed("content", [now - 0.2, now - 0.004], 2, 3000, now)
    target.record.failed("nothing listens at the target's port", now - 60.0)
    target.record.failed("nothing listens at the target's port", now - 30.0)
    target.record.tick(now, 0.0, 0)
    found = json.loads(json.dumps(details(a_service(target)), allow_nan=False))["mirrors"][0]["targets"][0]
    assert (found["bytes"], found["counts"]["batches"]) == (3000, {"content": 1})
    assert found["counts"]["failures"] == {"unreachable": 2}
    (error,) = found["errors"]
    assert (error["times"], error["last"] - error["first"]) == (2, pytest.approx(30.0))
    assert error["last"] == pytest.approx(time.time() - 30.0, abs=2.0)
    assert sum(found["lag_histogram"]["counts"]) == 2
    assert found["lag_histogram"]["sum"] == pytest.approx(0.204)
    assert len(found["history"]["lag"]) == len(found["history"]["state"]) == STEPS
    assert (found["history"]["lag"][-1], found["history"]["state"][-1]) == (0.2, 0)


def test_how_many_watches_are_in_use_and_allowed_is_told() -> None:
    found = through_json(a_service(a_target(), tree=Tree()))["watches"]
    assert found == {"used": 7, "allowed": limits.allowed()}


@pytest.mark.parametrize(
    ("state", "lag", "says"),
    [
        ("held", 0.0, "is held: because"),
        ("down", 0.0, "is down: because"),
        ("behind", 0.0, "is behind: because"),
        ("behind", 61.0, "61 s behind, the limit is 60 s"),
        ("reconciling", 61.0, "61 s behind, the limit is 60 s"),
        ("live", 61.0, "61 s behind, the limit is 60 s"),
        ("paused", 61.0, None),
        ("paused", 0.0, None),
        ("live", 59.0, None),
        ("reconciling", 59.0, None),
        ("starting", 0.0, None),
    ],
)
def test_it_says_which_target_is_not_healthy_and_why(state: str, lag: float, says: str | None) -> None:
    oldest = (lambda: time.monotonic() - lag) if lag else (lambda: None)
    found = through_json(a_service(a_target(), a_target("b/m", state=Condition(state, "because"), oldest=oldest)))
    assert found["healthy"] == (says is None)
    if says is not None:
        (reason,) = found["unhealthy"]
        assert reason.startswith("mirror data on b/m ")
        assert says in reason


def test_a_mistake_in_the_file_on_disk_is_not_healthy_though_all_runs() -> None:
    found = through_json(a_service(a_target(), config_error="mirrors: missing"))
    assert (found["state"], found["healthy"]) == ("live", False)
    assert "mirrors: missing" in found["unhealthy"][0]


def test_the_worst_target_speaks_for_its_mirror_and_the_worst_mirror_for_all() -> None:
    worse = a_target("b/m", state=Condition("down", "unplugged", 9.0))
    found = through_json(a_service(a_target(), worse))
    mirror = found["mirrors"][0]
    assert (found["state"], mirror["state"], mirror["reason"], mirror["since"]) == ("down", "down", "unplugged", 9.0)


def test_without_mirrors_or_watches_it_is_still_a_document() -> None:
    assert through_json(a_service(mirrors={}))["state"] == "live"
    assert through_json(a_service(a_target()))["mirrors"][0]["watches"] == 0


def test_of_very_many_problems_the_first_are_shown() -> None:
    target, tree = a_target(), Tree()
    for number in range(PROBLEMS_SHOWN + 50):
        target.standing.refuse(b"%d" % number, "no", Change(CONTENT, 1.0), 1.0)
        tree.problems[b"%d" % number] = "no"
    mirror = through_json(a_service(target, tree=tree))["mirrors"][0]
    assert len(mirror["watch_problems"]) == PROBLEMS_SHOWN
    assert [problem["path"] for problem in mirror["targets"][0]["problems"]] == [str(n) for n in range(PROBLEMS_SHOWN)]


@pytest.mark.parametrize(("days", "said"), [(8, None), (6.5, "ends in 6 days"), (-1, "has ended")])
def test_a_certificate_that_ends_within_a_week_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, days: float, said: Optional[str]
) -> None:
    ends = time.time() + days * 86400
    monkeypatch.setattr("lockstep.transfer.certificate.expires", {"/t/host.pem": ends}.get)
    target = a_target()
    target.config.tls = SimpleNamespace(certificate="/t/host.pem")
    found = through_json(a_service(target, tree=Tree()))
    assert found["mirrors"][0]["targets"][0]["certificate_expires"] == ends
    assert [said in reason for reason in found["unhealthy"]] == ([True] if said else [])
