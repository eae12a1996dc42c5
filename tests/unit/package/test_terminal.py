"""The table: a line for each target, what is wrong below it, nothing that a name could do to a terminal."""

from __future__ import annotations

from documents import EVIL, document, target

from lockstep.status import terminal


def test_all_in_step_is_a_sentence_and_a_table() -> None:
    assert terminal.table(document()) == (
        "All is in step.  1 mirror, 1 target, watches 12,345 of 100,000 (12 %)\n"
        "\n"
        "MIRROR  TARGET         STATE  FOR    LAG  WAITING  RATE           CONFIRMED\n"
        "data    backup01/data  live   1 min  0 s        0  12/s, 40 KB/s  10 s ago\n"
    )


def test_what_is_wrong_is_told_below_with_its_mend() -> None:
    held = {"deletions": 1500, "of": 2000, "command": "lockstep release data", "paths": ["a/b"], "more": 1499}
    status = document("down", target("held", held=held, reason="too many: lockstep release data"), target(
        "down", name="b2/x", next_try=4668.0, refused=12, reason="nothing listens",
        problems=[{"path": f"f{n}", "reason": "denied"} for n in range(12)],
        reconcile={"state": "sending", "known": 100, "done": 40},
    ))  # fmt: skip
    status["notify"] = [{"to": "command /x", "error": "it left with 1"}]
    status["config"]["error"] = "mirrors: is missing"
    status["mirrors"][0].update(overflows=3, watch_problems=[{"path": "d", "reason": "no watch left"}], unwatched=1)
    lines = terminal.table(status).splitlines()
    for line in (
        "data on backup01/data is held: too many: lockstep release data",
        "data on backup01/data: would be deleted: a/b",
        "data on backup01/data: would be deleted: and 1,499 more",
        "data on b2/x is down: nothing listens",
        "data on b2/x: next try in 8 s",
        "data on b2/x: reconcile: sending, 40 of 100",
        "data on b2/x: refused: f9: denied",
        "data on b2/x: refused: and 2 more, up to 100 of them with --json",
        "nobody is notified by command /x: it left with 1",
        "the configuration on disk has a mistake, the one before it runs: mirrors: is missing",
        "data: 3 overflows of the event queue",
        "data: not watched: d: no watch left",
    ):
        assert line in lines, line
    assert not [line for line in lines if "f10" in line]


def test_what_an_audit_found_and_what_a_hook_was_not_told_is_told_below() -> None:
    told = {"at": 4000.0, "checksum": False, "missing": 0, "different": 3, "extra": 0, "drift": 3}
    troubled = document(audit=told)
    hook = {"to": "command /x", "error": "it left with 1", "waiting": 0, "dropped": 0}
    troubled["mirrors"][0]["hooks"] = [hook]
    lines = terminal.table(troubled).splitlines()
    assert lines[0].startswith("An audit found drift: data on backup01/data.")
    assert "data on backup01/data: an audit found 3 different, by size and time, 11 min ago" in lines
    assert "data: the hook command /x could not be told: it left with 1" in lines


def test_colour_is_only_where_it_is_wanted_and_moves_no_column() -> None:
    plain, coloured = (terminal.table(document("down"), colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[1;31mdown" in coloured
    stripped = coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    assert stripped == plain


def test_no_name_reaches_a_terminal_as_it_is() -> None:
    evil = document(problems=[{"path": EVIL, "reason": EVIL}], refused=1, name=EVIL, state=EVIL, reason=EVIL)
    evil["mirrors"][0]["hooks"] = [{"to": EVIL, "error": EVIL, "waiting": 1, "dropped": 1}]
    evil["mirrors"][0].update(name=EVIL, source=EVIL, watch_problems=[{"path": EVIL, "reason": EVIL}], state=EVIL)
    evil["config"].update(path=EVIL, error=EVIL)
    found = terminal.table(evil)
    assert "\x1b" not in found
    assert "\u202e" not in found
    found.encode("utf-8")
    assert "\\x1b[2J\\n\\xff\\u202e" in found


def test_a_document_with_nothing_in_it_can_be_shown() -> None:
    assert terminal.table({}).startswith("There is no mirror.")
