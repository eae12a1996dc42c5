"""The watcher is reloaded and stopped under load (C15, C18)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from fault import Fault
from polling import wait_for
from scene import DATA, DATA_02, HOSTS, SMALL, SOURCE_HOST, Copy, Scene
from trees import differences

CONFIG = "/etc/lockstep/lockstep.yml"
EXTRA = Copy("extra", "/srv/extra", "backup01", "/srv/backup/extra")
Document = dict[str, Any]


def _reload(scene: Scene, text: str) -> None:
    """Write the configuration, as an administrator does, and have it taken up."""
    scene.machines.disk(SOURCE_HOST, "/srv/lockstep.yml").write_text(text)
    scene.run(SOURCE_HOST, f"cat /srv/lockstep.yml > {CONFIG}; rm /srv/lockstep.yml; systemctl reload lockstep")


def _changed(text: str, change: Callable[[Document], None]) -> str:
    document = yaml.safe_load(text)
    change(document)
    return yaml.safe_dump(document)


def _mirror(document: Document, name: str) -> Document:
    return dict(next(mirror for mirror in document["mirrors"] if mirror["name"] == name))


@pytest.fixture
def config(scene: Scene) -> Iterator[str]:
    """The configuration as it is deployed, and a module for one mirror more; as it was at the end."""
    text = scene.run(SOURCE_HOST, f"cat {CONFIG}")
    like_small = f"chown --reference={SMALL.path} {EXTRA.path}; chmod --reference={SMALL.path} {EXTRA.path}"
    scene.run("backup01", f"cp -p /etc/rsyncd.conf /srv/rsyncd.conf; mkdir {EXTRA.path}; {like_small}")
    module = f"\\n[{EXTRA.mirror}]\\npath = {EXTRA.path}\\nsecrets file = /etc/rsyncd.secrets.d/small\\n"
    scene.run("backup01", f"printf '{module}' >> /etc/rsyncd.conf")
    scene.run(SOURCE_HOST, f"mkdir {EXTRA.source}")
    try:
        yield text
    finally:
        _reload(scene, text)
        wait_for(lambda: scene.status() and not scene.target(EXTRA), 60, scene.status)
        scene.run("backup01", f"mv /srv/rsyncd.conf /etc/rsyncd.conf; rm -r {EXTRA.path}")
        scene.run(SOURCE_HOST, f"rm -r {EXTRA.source}; rm -f /var/lib/lockstep/{EXTRA.mirror}.json")
        scene.wait_in_step()


def _untouched(scene: Scene) -> list[tuple[object, ...]]:
    """What of `data` would change if it were started anew, or connected anew."""
    targets = [scene.target(copy) for copy in (DATA, DATA_02)]
    return [(target["reconcile"]["started"], target["failures"]) for target in targets]


@pytest.mark.short
def test_mirrors_come_change_and_go_under_load(scene: Scene, config: str, fault: Fault) -> None:
    """`data` runs on untouched, whatever becomes of the others; of those nothing is lost either."""
    fault.about(
        "the configuration changes",
        "reloaded with a mirror added, one changed, one removed and back, and with mistakes",
        "C15",
        SMALL,
    )
    fault.load()
    before = _untouched(scene)

    def added(document: Document) -> None:
        small = _mirror(document, "small")
        url = small["targets"][0]["url"].replace("/small", "/extra")
        extra = {**small, "name": "extra", "source": EXTRA.source, "targets": [{**small["targets"][0], "url": url}]}
        document["mirrors"].append(extra)

    (scene.tree(SOURCE_HOST, EXTRA.source) / "here before").write_text("x\n")
    _reload(scene, _changed(config, added))
    wait_for(lambda: scene.target(EXTRA).get("state") == "live", 30, fault.said)
    source, copy = scene.tree(SOURCE_HOST, EXTRA.source), scene.tree(EXTRA.host, EXTRA.path)
    wait_for(lambda: not differences(source, copy, owners=True, fake_super=True), 60, fault.said)

    def changed_and_removed(document: Document) -> None:
        next(mirror for mirror in document["mirrors"] if mirror["name"] == "home")["exclude"] = ["*.nothing"]
        document["mirrors"] = [mirror for mirror in document["mirrors"] if mirror["name"] != "small"]

    _reload(scene, _changed(config, changed_and_removed))
    wait_for(lambda: not scene.target(SMALL) and not scene.target(EXTRA), 30, fault.said)
    fault.others_go_on()
    for text, mistake in (
        (_changed(config, lambda document: document["mirrors"][0].update(excude=[])), "exclude"),
        (config.replace("mirrors:", "mirrors: ["), "line"),
    ):
        _reload(scene, text)
        wait_for(lambda: mistake in (scene.status()["config"]["error"] or ""), 30, fault.said)  # noqa: B023
        assert any("mistake" in reason for reason in scene.status()["unhealthy"])
        fault.others_go_on()
    assert "not reloaded, what runs goes on" in fault.said()
    assert not scene.target(SMALL), "a configuration with a mistake was taken up"

    def as_it_was() -> None:
        _reload(scene, config)
        wait_for(lambda: scene.target(SMALL) and not scene.status()["config"]["error"], 30, fault.said)
        assert _untouched(scene) == before, "a mirror that did not change has blinked"

    fault.cured(as_it_was, told=False, most_lines=40)
    assert _untouched(scene) == before, "a mirror that did not change has blinked"


def test_watcher_is_stopped_with_a_large_file_under_way(fault: Fault) -> None:
    """It ends within its time, with every rsync on both hosts; the next start makes up for it."""
    fault.about("the service is stopped", "SIGTERM while a large file crosses a link of 20 Mbit/s", "C12, C18")
    scene = fault.scene
    fault.at_the_end.callback(scene.lab, "heal", DATA.host)
    fault.at_the_end.callback(scene.run, SOURCE_HOST, "systemctl start lockstep")
    fault.load("home", "small")
    scene.lab("rate", DATA.host, "20mbit")
    with (scene.source("data") / "large").open("wb") as file:
        for _ in range(100):
            file.write(os.urandom(1 << 20))
    folder = scene.tree(DATA.host, DATA.path)
    wait_for(lambda: any(path.stat().st_size for path in folder.glob(".large.*")), 60, fault.said)
    began = time.monotonic()
    scene.run(SOURCE_HOST, "systemctl stop lockstep")
    took = time.monotonic() - began
    limit = float(scene.run(SOURCE_HOST, "systemctl show --value -p TimeoutStopUSec lockstep").strip().rstrip("s"))
    assert scene.run(SOURCE_HOST, "systemctl show --value -p Result lockstep").strip() == "success"
    assert took < limit + 5, f"{took:.1f} s"
    fault.record.notes.append(f"stopped within {took:.1f} s of {limit:.0f} s")
    for host in HOSTS:
        ask = (
            "ps -C rsync -o pid=,etimes=,args= | "
            "awk -v daemon=$(systemctl show --value -p MainPID rsync) '$1 != daemon'"
        )
        wait_for(lambda: not scene.run(host, ask), 15, lambda: f"on {host}: {scene.run(host, ask)}")  # noqa: B023
    assert not (folder / "large").exists()

    def start() -> None:
        scene.lab("heal", DATA.host)
        scene.run(SOURCE_HOST, "systemctl start lockstep")

    fault.cured(start, same_watcher=False, told=False, most_lines=40)
