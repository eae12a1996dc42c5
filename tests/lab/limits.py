"""fs.inotify.* belongs to the kernel, so all labs of this machine share it: what their hosts change is put back when
the last of them goes down."""

import contextlib
import fcntl
import time

from settings import CACHE, DIR, INOTIFY, NAME
from system import alive

BOOTS = 600  # seconds in which a lab that is going up has no host yet


def keep(cache=CACHE, name=NAME, folder=DIR, limits=INOTIFY):
    """To be called before the hosts of a lab boot."""
    with _alone(cache):
        known = (cache / "labs" / name).exists() and (cache / "inotify").exists()
        if not known and not _others(cache, name):
            (cache / "inotify").write_text("".join(f"{f.name} {f.read_text()}" for f in sorted(limits.iterdir())))
        (cache / "labs" / name).write_text(f"{folder}\n")


def give_back(cache=CACHE, name=NAME, limits=INOTIFY):
    """To be called when all hosts of a lab are gone."""
    with _alone(cache):
        (cache / "labs" / name).unlink(missing_ok=True)
        if (cache / "inotify").exists() and not _others(cache, name):
            for line in (cache / "inotify").read_text().splitlines():
                limit, value = line.split()
                if (limits / limit).read_text().strip() != value:
                    (limits / limit).write_text(value)
            (cache / "inotify").unlink()


def _others(cache, name):
    """Is another lab up?  One that was killed is not, and its mark goes."""
    up = False
    for mark in (cache / "labs").iterdir():
        folder = type(cache)(mark.read_text().strip())
        if mark.name == name:
            continue
        if any(map(alive, folder.glob("hosts/*/pid"))) or time.time() - mark.stat().st_mtime < BOOTS:
            up = True
        else:
            mark.unlink()
    return up


@contextlib.contextmanager
def _alone(cache):
    (cache / "labs").mkdir(parents=True, exist_ok=True)
    with open(cache / "labs.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
