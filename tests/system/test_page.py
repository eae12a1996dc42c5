"""The status page in a real browser, in every state that a target can be in: what a person reads, and how it looks.

With SCREENSHOTS=FOLDER in the environment each page is also written there, as a desktop and a phone show it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import DESKTOP, PHONE, Browser, browser
from conftest import Rig
from rig import wait_for

from lockstep.status.http import StatusHttp


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def _shown(window: Browser, url: str, name: str) -> str:
    """What the page says without its script; it fits every screen, by day and night, and breaks no rule of its own."""
    window.open("about:blank")  # what was left open looks again every ten seconds, at a watcher that has ended
    window.complaints()
    for size, dark in ((DESKTOP, False), (PHONE, True), (PHONE, False)):
        window.look(size, dark, script=False)
        window.open(url)
        assert window.wider_than_screen() <= 0, (name, size)
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            window.picture(Path(folder) / f"{name}-{'phone' if size == PHONE else 'desktop'}{'-dark' * dark}.png")
    assert window.complaints() == []
    return window.text()


def _page(rig: Rig, window: Browser, name: str) -> str:
    return _shown(window, f"http://127.0.0.1:{rig.watcher.http}/", name)


def _files(rig: Rig, count: int, size: int = 1000) -> None:
    for number in range(count):
        (rig.source / f"f{number:03}").write_bytes(os.urandom(size))


def test_live_is_said_with_all_that_an_operator_wants_to_know(rig: Rig, window: Browser) -> None:
    rig.start()
    _files(rig, 20)
    rig.equal()
    text = _page(rig, window, "live")
    for words in ("All is in step.", "1 mirror, 1 target", str(rig.source), "127.0.0.1/backup", "live", "typical lag",
                  "lag, highest", "inotify watches", "all equal"):  # fmt: skip
        assert words in text, words
    assert "held" not in text
    assert window.run("return document.querySelectorAll('svg.plot path.line').length") == 1


def test_held_shows_what_would_be_deleted_and_how_to_let_it_go(rig: Rig, window: Browser) -> None:
    _files(rig, 40)
    (rig.source / "<b>&bold\x1b").write_text("x")
    rig.start(max_delete={"percent": 5, "at_least": 2})
    rig.equal()
    for path in rig.source.iterdir():
        path.unlink()
    rig.watcher.wait_state("held")
    wait_for(lambda: rig.watcher.target()["held"]["deletions"] == len(list(rig.target.iterdir())), 30, rig.log)
    text = _page(rig, window, "held")
    held = rig.watcher.target()["held"]
    for words in ("data on 127.0.0.1/backup is held.", "Deletions are held.", "lockstep release data",
                  f"{held['deletions']} of {held['of']} entries would be deleted", "f0"):  # fmt: skip
        assert words in text, words
    assert len(window.run("return [...document.querySelectorAll('.held li')].map(one => one.innerText)")) == 21
    assert window.run("return document.querySelectorAll('b').length") == 0


def test_a_lost_source_is_held_with_its_reason(rig: Rig, window: Browser) -> None:
    rig.start()
    rig.source.rename(rig.source.with_name("elsewhere"))
    rig.watcher.wait_state("held")
    text = _page(rig, window, "source-held")
    assert "The source is not the one that it was." in text
    assert "lockstep release data" in text
    assert "unknown lag" in " ".join(text.split())


def test_down_shows_why_since_when_and_what_waits(rig: Rig, window: Browser) -> None:
    rig.start()
    rig.daemon.kill()
    _files(rig, 7)
    rig.watcher.wait_state("down")
    wait_for(lambda: "nothing listens" in rig.watcher.target()["reason"], 30, rig.log)

    def told() -> str:  # while it is tried there is no next try
        text = _page(rig, window, "down")
        return text if "next try" in text else ""

    text = wait_for(told, 60, rig.log)
    for words in ("data on 127.0.0.1/backup is down.", "nothing listens at the target's port", "next try", "waiting",
                  "last errors"):  # fmt: skip
        assert words in text, words


def test_behind_shows_how_far(rig: Rig, window: Browser) -> None:
    rig.start(quiet=0.05, max_wait=0.05)
    rig.daemon.freeze()
    try:
        _files(rig, 3)
        rig.watcher.wait_state("behind")
        text = _page(rig, window, "behind")
    finally:
        rig.daemon.freeze(False)
    assert "data on 127.0.0.1/backup is behind." in text
    assert "the oldest change waits for" in text


def test_reconciling_shows_how_far_it_is(rig: Rig, window: Browser) -> None:
    _files(rig, 100, 20_000)
    rig.watcher.mirrors[0]["targets"][0]["rsync_options"] = ["--bwlimit=50"]
    rig.watcher.write()
    rig.watcher.start(wait=False)
    rig.watcher.wait_answers()
    wait_for(lambda: rig.watcher.target()["reconcile"]["known"] >= 100, 30, rig.log)
    text = _page(rig, window, "reconciling")
    assert "data on 127.0.0.1/backup is reconciling." in text
    assert "sending, " in text
    assert window.run("return document.querySelector('article progress').max") >= 100


def test_drift_that_an_audit_found_is_the_headline_with_the_command_that_mends_it(rig: Rig, window: Browser) -> None:
    rig.start()
    _files(rig, 3)
    rig.equal()
    found = {"checksum": True, "missing": 1, "different": 1, "extra": 1}
    assert rig.watcher.ask(command="audited", mirror="data", target="127.0.0.1/backup", **found)["ok"]
    text = _page(rig, window, "drift")
    for words in ("An audit found drift: data on 127.0.0.1/backup.", "1 missing, 1 different, 1 extra, by content",
                  "lockstep_audit_repair=true"):  # fmt: skip
        assert words in text, words


def test_paused_says_how_to_go_on(rig: Rig, window: Browser) -> None:
    rig.start()
    rig.watcher.ask(command="pause", mirror="data")
    rig.watcher.wait_state("paused")
    assert "go on with: lockstep resume data" in _page(rig, window, "paused")


def test_starting_is_shown_before_the_watches_stand(rig: Rig, window: Browser) -> None:
    """As the watcher tells it, which is over too soon for a browser to come in between."""
    rig.start()
    with urllib.request.urlopen(f"http://127.0.0.1:{rig.watcher.http}/status.json", timeout=10) as answer:
        status: dict[str, Any] = json.loads(answer.read())
    for part in (status, status["mirrors"][0], status["mirrors"][0]["targets"][0]):
        part.update(state="starting", reason="setting watches")
    status["mirrors"][0]["targets"][0].update(last_confirmed=None, reconcile={"state": "none"}, rate=None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = StatusHttp(("127.0.0.1", 0), loop, lambda detailed: status)
    served.start()
    try:
        text = _shown(window, f"http://127.0.0.1:{served.port}/", "starting")
    finally:
        served.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert "data on 127.0.0.1/backup is starting." in text
    assert "setting watches" in text


def test_an_open_page_follows_by_itself_and_says_when_nobody_answers_any_more(rig: Rig, window: Browser) -> None:
    """Nothing that looks well may be old; and what somebody has opened stays open."""
    rig.start()
    rig.daemon.kill()
    _files(rig, 3)
    rig.watcher.wait_state("down")
    window.open("about:blank")
    window.complaints()
    window.look(DESKTOP)
    window.open(f"http://127.0.0.1:{rig.watcher.http}/")
    window.run("document.querySelector('details').open = true")
    rig.daemon.start()
    rig.watcher.wait_state("live", seconds=90)
    wait_for(lambda: "All is in step." in window.text(), 30, window.text)
    assert window.run("return document.title").startswith("live: lockstep on ")
    assert window.run("return document.querySelector('details').open")
    assert window.complaints() == []
    rig.watcher.stop(signal.SIGKILL)
    wait_for(lambda: "No answer since" in window.text(), 30, window.text)
    assert window.run("return document.title") == "lockstep: no answer"
    rig.watcher.start()
    wait_for(lambda: "No answer since" not in window.text(), 30, window.text)


def test_with_a_token_a_browser_that_shows_it_gets_the_page_and_its_updates(rig: Rig, window: Browser) -> None:
    token = rig.watcher.folder / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o640)
    rig.watcher.status_part["token_file"] = str(token)
    rig.start()
    window.look(DESKTOP)
    window.open(f"http://127.0.0.1:{rig.watcher.http}/")
    assert "All is in step." not in window.text()
    window.open(f"http://any:0123456789abcdef@127.0.0.1:{rig.watcher.http}/")
    assert "All is in step." in window.text()
    rig.watcher.ask(command="pause", mirror="data")
    wait_for(lambda: "is paused." in window.text(), 30, window.text)
