"""A real browser without a screen, driven over the WebDriver protocol (https://www.w3.org/TR/webdriver2/)."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ports import free_port
from rig import wait_for

DESKTOP, PHONE = (1280, 900), (390, 844)
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--no-default-browser-check",
    "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """One window; `process` is the browser's own number."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, method: str, path: str, **body: Any) -> Any:
        request = urllib.request.Request(
            self._url + path,
            json.dumps(body).encode() if method == "POST" else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:500]}") from error

    def open(self, url: str) -> None:
        self.call("POST", "/url", url=url)

    def run(self, script: str) -> Any:
        """What a script returns that runs in the page."""
        return self.call("POST", "/execute/sync", script=script, args=[])

    def text(self) -> str:
        """What a person reads, as it is on the page."""
        return str(self.run("return document.body.innerText"))

    def devtools(self, command: str, **params: Any) -> Any:
        return self.call("POST", "/goog/cdp/execute", cmd=command, params=params)

    def look(self, size: tuple[int, int], dark: bool = False, script: bool = True) -> None:
        """As a screen of this size shows pages from now on, by day or night, with or without their scripts."""
        width, height = size
        phone = size == PHONE
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self.devtools("Emulation.setScriptExecutionDisabled", value=not script)

    def picture(self, file: Path, whole: bool = True) -> None:
        """A PNG of the page."""
        taken = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))

    def wider_than_screen(self) -> int:
        """Pixels that the page is too wide."""
        return int(self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    def complaints(self) -> list[str]:
        """What the browser's console says: whatever the policy forbade, or could not be fetched."""
        return [str(entry["message"]) for entry in self.call("POST", "/se/log", type="browser")]


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A fresh one with its profile in `folder`, ended afterwards with all of its processes."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    assert driver, "chromedriver is missing: tests/install-needs chromium-driver"
    assert chromium, "chromium is missing: tests/install-needs chromium"
    port = free_port()
    with (folder / "chromedriver.log").open("wb") as log:
        process = subprocess.Popen([driver, f"--port={port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(base), 30, "chromedriver does not answer")
        options = {"binary": chromium, "args": [*ARGUMENTS, f"--user-data-dir={folder}/profile"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        begun = Browser(base).call("POST", "/session", capabilities={"alwaysMatch": wanted})
        window = Browser(f"{base}/session/{begun['sessionId']}")
        try:
            yield window
        finally:
            window.call("DELETE", "")
    finally:
        process.terminate()
        process.wait(10)


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/status", timeout=5) as answer:
            return bool(json.loads(answer.read())["value"]["ready"])
    except OSError:
        return False
