"""What a hook has not been told yet, in a file: so that neither a restart nor a crash of the watcher loses it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence

from lockstep.config_hooks import Hook
from lockstep.notify.parcel import Told

SLICE = 500  # lines written in one go, so that the event loop gets its turn


def path(state_dir: str, mirror: str, hook: Hook) -> str:
    """Beside the memories of mirrors, none of whose names begins with a dot."""
    return os.path.join(state_dir, f".hook-{mirror}-{hashlib.sha256(repr(hook).encode()).hexdigest()[:12]}")


def clear(state_dir: str, mirror: str, hooks: Sequence[Hook]) -> None:
    """Remove what is for hooks that this mirror has no more."""
    wanted = {os.path.basename(path(state_dir, mirror, hook)) for hook in hooks}
    old = re.compile(rf"\.hook-{re.escape(mirror)}-[0-9a-f]{{12}}(\.new)?")
    with contextlib.suppress(OSError):
        for found in os.listdir(state_dir):
            if old.fullmatch(found) and found not in wanted:
                os.unlink(os.path.join(state_dir, found))


def load(file: str) -> Iterator[tuple[str, Told]]:
    """Target and what to tell of it; nothing where there is none.  A line that cannot be read is passed over."""
    try:
        with open(file, encoding="ascii") as lines:
            for line in lines:
                with contextlib.suppress(ValueError, TypeError):
                    target, name, kind = json.loads(line)
                    yield str(target), Told(os.fsencode(name), str(kind))
    except (FileNotFoundError, UnicodeDecodeError):
        return


def save(file: str, waiting: Iterable[tuple[str, Told]], patient: bool = True) -> None:
    """Replace the file; an empty one is removed.  `patient`: with pauses, in a thread.  Raises OSError."""
    written = 0
    with open(file + ".new", "w", encoding="ascii") as out:
        for target, told in waiting:
            out.write(json.dumps([target, os.fsdecode(told.path), told.kind]) + "\n")
            written += 1
            if patient and written % SLICE == 0:
                time.sleep(0.001)
    if written:
        os.replace(file + ".new", file)
        return
    for left in (file + ".new", file):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(left)
