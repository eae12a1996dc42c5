"""The page: everything that matters is on it without a script, and no name can play tricks."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from documents import EVIL, document, target

from lockstep.status import page


class Reader(HTMLParser):
    """What a person reads, and the elements that there are."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._hidden = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def shown(status: dict[str, Any]) -> str:
    return Reader(page.html(status)).text


def test_a_live_mirror_is_a_calm_page_with_its_facts() -> None:
    text = shown(document())
    for words in (
        "lockstep on nfs01", "1 mirror, 1 target", "All is in step.", "highest lag now 0 s", "12,345 of 100,000 (12 %)",
        "/data", "backup01/data", "live for 1 min", "half within 10 ms, 99 of 100 within 1 s", "10 s ago",
        "12/s, 40 KB/s", "all equal 11 min ago, took 12 s", "4,000 changes in 3 batches", "up 1 h 1 min",
        "highest 4 ms",
    ):  # fmt: skip
        assert words in text, words
    assert "failures" not in text
    assert "last errors" not in text


def test_what_is_wrong_is_told_with_its_mend() -> None:
    troubled = document(
        "behind",
        reason="f0: Permission denied, and 11 more",
        lag=75.0,
        pending=10,
        in_flight=2,
        next_try=4668.0,
        failures=3,
        refused=150,
        reconcile={"state": "sending", "known": 100, "done": 40, "arrived": None, "took": None},
        problems=[{"path": f"f{n}", "reason": "Permission denied", "next_try": 4668.0} for n in range(100)],
        errors=[{"reason": "the target's disk is full", "first": 4000.0, "last": 4600.0, "times": 7}],
    )
    troubled["notify"] = [{"to": "POST to pager", "told": 1, "waiting": 2, "failures": 3, "error": "HTTP 500"}]
    troubled["config"]["error"] = "mirrors: is missing"
    text = shown(troubled)
    for words in (
        "data on backup01/data is behind.", "f0: Permission denied, and 11 more", "1 min 15 s lag, 12 changes waiting",
        "in 8 s", "sending, 40 of 100", "refused (150)", "f9 : Permission denied, next try in 8 s", "and 140 more",
        "1 min ago, 7 times since 11 min ago: the target's disk is full",
        "Nobody is notified by POST to pager: HTTP 500",
        "mirrors: is missing",
    ):  # fmt: skip
        assert words in text, words
    assert "f10 " not in text
    assert ("progress", {"max": "100", "value": "40", "aria-label": "reconcile"}) in Reader(page.html(troubled)).found


def test_held_deletions_come_with_what_would_be_deleted_and_the_command() -> None:
    held = {"deletions": 1500, "of": 2000, "command": "lockstep release data", "paths": ["a/b", ""], "more": 1480}
    text = shown(document("held", held=held, reason="1500 of 2000"))
    for words in ("1,500 of 2,000 entries would be deleted", "lockstep release data", "a/b", "and 1,480 more"):
        assert words in text, words


def test_a_source_that_is_another_one_comes_with_its_reason_and_the_command() -> None:
    status = document("held", reason="not mounted")
    status["mirrors"][0]["held"] = {"reason": "/data is not mounted", "command": "lockstep release data"}
    text = shown(status)
    assert "The source is not the one that it was. /data is not mounted." in text
    assert "lockstep release data" in text


HOOKS = [
    {"to": "command /x", "error": "it left with 1", "waiting": 7, "dropped": 0},
    {"to": "POST to cdn", "error": None, "waiting": 0, "dropped": 2},
    {"to": "socket", "error": None, "waiting": 3, "dropped": 0},
]


def test_a_hook_that_cannot_be_told_is_named_with_its_reason() -> None:
    troubled = document()
    troubled["mirrors"][0]["hooks"] = HOOKS
    text = shown(troubled)
    assert "data: the hook command /x could not be told, 7 paths waiting: it left with 1" in text
    assert "data: the hook POST to cdn was never told of 2 paths, as too many waited" in text
    assert "socket" not in text


def test_a_drift_that_an_audit_found_is_the_headline_and_comes_with_the_command() -> None:
    told = {"at": 4000.0, "checksum": True, "missing": 1200, "different": 0, "extra": 2, "drift": 1202}
    text = shown(document(audit=told, healthy=False))
    for words in (
        "An audit found drift: data on backup01/data.", "1,200 missing, 2 extra, by content, 11 min ago",
        "ansible-playbook lockstep.realtime.audit -e lockstep_audit_repair=true -e lockstep_audit_checksum=true",
    ):  # fmt: skip
        assert words in text, words
    text = shown(document(audit={**told, "missing": 0, "extra": 0, "drift": 0, "checksum": False}))
    assert "All is in step." in text
    assert "all equal, by size and time, 11 min ago" in text
    assert "lockstep_audit_repair" not in text


def test_of_many_targets_those_that_are_not_in_step_are_named_first() -> None:
    status = document("down", target(), target("down", name="b2/x"), target("paused", name="b3/x"))
    text = shown(status)
    assert text.index("data on b2/x is down, and 1 more target not in step.") < text.index("data on b3/x : paused")
    assert text.index("data on b3/x : paused") < text.index("highest lag now")


def test_no_name_reaches_a_browser_as_it_is() -> None:
    evil = document(problems=[{"path": EVIL, "reason": EVIL}], refused=1, name=EVIL, state=EVIL, reason=EVIL,
                    errors=[{"reason": EVIL, "first": 1.0, "last": 1.0, "times": 1}],
                    held={"deletions": 1, "of": 2, "command": EVIL, "paths": [EVIL], "more": 0})  # fmt: skip
    evil["mirrors"][0]["hooks"] = [{"to": EVIL, "error": EVIL, "waiting": 1, "dropped": 1}]
    evil["mirrors"][0].update(name=EVIL, source=EVIL, watch_problems=[{"path": EVIL, "reason": EVIL}], state=EVIL)
    evil["config"].update(path=EVIL, error=EVIL)
    evil.update(host=EVIL, notify=[{"to": EVIL, "error": EVIL}])
    text = page.html(evil)
    assert text.count("<script") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text
    text.encode("utf-8")
    assert "\\x1b[2J\\n\\xff\\u202e&'\"" in Reader(text).text


def test_nothing_on_it_leads_outside_and_only_its_own_script_and_style_may_run() -> None:
    text = page.html(document())
    assert "//" not in re.sub(r"xmlns%3D%22http%3A//www.w3.org", "", text.replace("<!DOCTYPE", ""))
    for name in ("script", "style"):
        (inside,) = re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in page.POLICY
    assert "default-src 'none'" in page.POLICY
    assert not [
        attrs for _tag, attrs in Reader(text).found if "style" in attrs or any(k.startswith("on") for k in attrs)
    ]


def test_it_renews_itself_without_a_script_and_fits_a_phone() -> None:
    text = page.html(document())
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in text
    assert 'name="viewport"' in text
    assert "prefers-color-scheme:dark" in text


def test_the_tab_tells_the_state() -> None:
    live, down = page.html(document()), page.html(document("down"))
    assert "<title>live: lockstep on nfs01</title>" in live
    icons = [re.findall('rel="icon" href="([^"]*)"', text)[0] for text in (live, down)]
    assert icons[0] != icons[1]


def test_a_document_with_nothing_in_it_can_be_shown() -> None:
    assert "There is no mirror." in shown({})


@pytest.mark.parametrize(
    ("reconcile", "said"),
    [
        ({"state": "comparing"}, "comparing"),
        (
            {"state": "comparing", "known": 0, "done": 0, "elapsed": 65.0, "entries": 220_220, "remaining": 3.0},
            "comparing, about 220,220 entries, for 1 min 5 s, about 3 s left",
        ),
        (
            {"state": "sending", "known": 5000, "done": 40, "bytes_known": 12_500_000, "bytes_done": 900,
             "rate": 1234.5, "byte_rate": 51_200.0, "elapsed": 2.0, "remaining": 4020.0},
            "sending, 40 of 5,000, 900 B of 12.5 MB, 1,234 a second (51.2 KB), for 2 s, about 1 h 7 min left",
        ),
        ({"state": "sending", "known": 5, "done": 0, "rate": 0.0, "remaining": None}, "sending, 0 of 5"),
        ({"state": "failed", "known": 0, "done": 0, "elapsed": None}, "failed, 0 of 0"),
        ({"state": "done", "arrived": None}, "none yet"),
    ],
)  # fmt: skip
def test_how_far_a_reconcile_is_is_told_as_far_as_it_is_known(reconcile: dict[str, Any], said: str) -> None:
    assert f"<dt>reconcile</dt><dd>{said}</dd>" in page.html(document("reconciling", reconcile=reconcile))
