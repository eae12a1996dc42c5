"""The status for people: everything that matters is there, and no name can play tricks."""

from __future__ import annotations

from typing import Any

import pytest

from lockstep.status import render

EVIL = "<script>\x1b[2J\n\udcff\u202e&'\""


def document(state: str = "live", **target: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "pid": 7,
        "started": 1000.0,
        "now": 4660.0,
        "state": state,
        "healthy": state == "live",
        "unhealthy": [] if state == "live" else [f"data: {state}"],
        "config": {"path": "/etc/lockstep/lockstep.yml", "sha256": "0", "loaded": 1000.0, "error": None},
        "mirrors": [
            {
                "name": "data",
                "source": "/data",
                "state": state,
                "reason": None,
                "since": 1000.0,
                "watches": 12345,
                "watch_problems": [],
                "overflows": 0,
                "events": 5,
                "targets": [
                    {
                        "name": "backup01/data",
                        "state": state,
                        "reason": None,
                        "since": 4600.0,
                        "next_try": None,
                        "lag": 0.0,
                        "pending": 0,
                        "in_flight": 0,
                        "batches": 3,
                        "names": 4000,
                        "failures": 0,
                        "last_confirmed": 4650.0,
                        "reconcile": {"state": "done", "started": 1.0, "finished": 2.0, "known": 5, "done": 5},
                        "held": None,
                        "problems": [],
                        **target,
                    }
                ],
            }
        ],
    }


def test_a_live_mirror_is_a_few_calm_lines() -> None:
    assert render.text(document()) == (
        "lockstep 0.1.0: live\n"
        "  up: 1 h 1 min, process 7\n"
        "  configuration: /etc/lockstep/lockstep.yml\n"
        "data: live\n"
        "  source: /data\n"
        "  watches: 12,345, events 5\n"
        "  backup01/data: live\n"
        "    lag: 0 s\n"
        "    last confirmed: 10 s ago\n"
        "    sent: 4,000 names in 3 batches\n"
    )


def test_what_is_wrong_is_told_with_its_mend() -> None:
    troubled = document(
        "held",
        reason="too many deletions",
        lag=75.0,
        pending=10,
        in_flight=2,
        next_try=4668.0,
        failures=3,
        reconcile={"state": "sending", "known": 100, "done": 40},
        held={"deletions": 1500, "of": 2000, "command": "lockstep release data"},
        problems=[{"path": f"f{n}", "reason": "Permission denied", "next_try": 4668.0} for n in range(12)],
    )
    for shown in (render.text(troubled), render.html(troubled)):
        for words in (
            "too many deletions (for 1 min)",
            "1 min 15 s, 12 changes outstanding",
            "in 8 s",
            "sending, 40 of 100",
            "1,500 deletions of 2,000 names wait; if they are meant: lockstep release data",
            "f9: Permission denied, next try in 8 s",
            "and 2 more, in the JSON",
            "data: held",
        ):
            assert words in shown, words
        assert "f10" not in shown


def test_no_name_reaches_a_browser_or_terminal_as_it_is() -> None:
    evil = document(problems=[{"path": EVIL, "reason": EVIL}], name=EVIL, state=EVIL, reason=EVIL)
    evil["mirrors"][0].update(name=EVIL, source=EVIL, watch_problems=[{"path": EVIL, "reason": EVIL}], state=EVIL)
    evil["config"].update(path=EVIL, error=EVIL)
    page, lines = render.html(evil), render.text(evil)
    assert "<script" not in page
    assert "\x1b" not in page + lines
    assert "\u202e" not in page + lines
    page.encode("utf-8")
    lines.encode("utf-8")
    assert "\\x1b[2J\\n\\xff\\u202e" in lines


def test_colour_is_only_where_it_is_wanted() -> None:
    assert "\x1b" not in render.text(document())
    assert "\x1b[32mlive\x1b[0m" in render.text(document(), colour=True)
    assert "\x1b[31mdown\x1b[0m" in render.text(document("down"), colour=True)


def test_the_page_renews_itself_and_fits_a_phone() -> None:
    page = render.html(document())
    assert '<meta http-equiv="refresh" content="5">' in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme:dark" in page
    assert "src=" not in page
    assert "http://" not in page


def test_a_document_with_nothing_in_it_can_be_shown() -> None:
    assert render.text({}).startswith("lockstep None: unknown")
    assert "unknown" in render.html({})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "unknown"),
        (-1.0, "0 s"),
        (0.0045, "4 ms"),
        (3.0, "3 s"),
        (3.25, "3.2 s"),
        (60.0, "1 min"),
        (245.9, "4 min 5 s"),
        (7380.0, "2 h 3 min"),
        (439200.0, "5 d 2 h"),
    ],
)
def test_times_are_for_people(seconds: float | None, shown: str) -> None:
    assert render.duration(seconds) == shown


@pytest.mark.parametrize(
    ("reconcile", "shown"),
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
    ],
)  # fmt: skip
def test_how_far_a_reconcile_is_is_told_as_far_as_it_is_known(reconcile: dict[str, Any], shown: str) -> None:
    assert f"    reconcile: {shown}\n" in render.text(document("reconciling", reconcile=reconcile))
    assert f"<dt>reconcile</dt><dd>{shown}</dd>" in render.html(document("reconciling", reconcile=reconcile))


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (3_400, "3.4 KB"), (120_000_000, "120 MB"), (999_999, "1 MB"),
     (1.5e12, "1.5 TB"), (2.5e15, "2,500 TB")],
)  # fmt: skip
def test_sizes_are_for_people(count: float, shown: str) -> None:
    assert render.size(count) == shown
