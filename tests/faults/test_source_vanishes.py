"""Directories vanish while they are watched, listed and compared (C16): no error stays, nothing else waits for it."""

from __future__ import annotations

from fault import Fault
from scene import SOURCE_HOST

ROUNDS = 60  # the second half after two comparisons; of six entries: fewer than a mass deletion
COME_AND_GO = f"""
for n in $(seq {ROUNDS}); do
  until [ $n -lt {ROUNDS // 2} ] || [ -e /srv/halfway ]; do sleep 0.02; done
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
        if comparisons == 2:  # however slow the hosts are
            scene.machines.disk(SOURCE_HOST, "/srv/halfway").touch()
    assert comparisons > 1
    fault.record.notes.append(f"{comparisons} reconciles asked for meanwhile")
    end = "rm /srv/vanishing.sh /srv/halfway"
    fault.cured(lambda: scene.run(SOURCE_HOST, end), told=False, most_lines=8 * (comparisons + 2))
    target = scene.target(fault.copy)
    assert target["problems"] == []
