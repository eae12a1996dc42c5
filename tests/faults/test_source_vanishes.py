"""Directories vanish while they are watched, listed and compared (C16): no error stays, nothing else waits for it."""

from __future__ import annotations

from fault import Fault
from scene import SOURCE_HOST

ROUNDS = 60  # of six entries: fewer than a mass deletion
COME_AND_GO = f"""
for n in $(seq {ROUNDS}); do
  mkdir -p /srv/data/vanishing/$n/a/b /srv/data/vanishing/$n/c
  echo $n > /srv/data/vanishing/$n/a/b/file
  echo $n > /srv/data/vanishing/$n/c/file
  sleep 0.0$((n % 10))
  rm -r /srv/data/vanishing/$n
  sleep 0.0$((n % 7))
done
"""


def test_directories_vanish_while_they_are_compared(fault: Fault) -> None:
    fault.about(
        "directories vanish while they are listed",
        f"{ROUNDS} trees made and removed within milliseconds, and one reconcile after the other meanwhile",
        "C3, C16",
    )
    scene = fault.scene
    fault.load(rate=10)
    unit = "systemd-run --quiet --collect --unit=vanishing"
    fault.at_the_end.callback(scene.run, SOURCE_HOST, "systemctl stop vanishing", check=False)
    (scene.source("data") / "vanishing").mkdir(exist_ok=True)
    scene.machines.disk(SOURCE_HOST, "/srv/vanishing.sh").write_text(COME_AND_GO)
    scene.run(SOURCE_HOST, f"{unit} sh /srv/vanishing.sh")
    comparisons = 0
    while scene.run(SOURCE_HOST, "systemctl is-active vanishing", check=False).strip() == "active":
        scene.run(SOURCE_HOST, "lockstep resync data")
        comparisons += 1
    assert comparisons > 1
    fault.record.notes.append(f"{comparisons} reconciles asked for meanwhile")
    fault.cured(lambda: scene.run(SOURCE_HOST, "rm /srv/vanishing.sh"), told=False, most_lines=8 * (comparisons + 2))
    target = scene.target(fault.copy)
    assert target["problems"] == []
