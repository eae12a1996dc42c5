"""Can this rsync delete what a list names and the sender no longer has?  A mirror lives on it.

rsync 3.4.3 and some distributions' backports of its fixes cannot (rsync issue 910); a version number does not tell.
Also runs alone, with the program as its argument, before anything of the role is on the host: says right, or why not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

_SECONDS = 30


def check(rsync: str) -> list[str]:
    """Delete one file in a folder of our own. What failed, in words."""
    with tempfile.TemporaryDirectory(prefix="rsyncd_check.") as folder:
        here, there = os.path.join(folder, "here"), os.path.join(folder, "there")
        os.makedirs(os.path.join(here, "kept"))
        # below a directory: some of those releases delete at the top of a list all the same
        os.makedirs(os.path.join(there, "kept", "gone"))
        argv = [rsync, "-d", "--relative", "--no-implied-dirs", "--delete-missing-args", "--from0", "--files-from=-"]
        try:
            run = subprocess.run(
                [*argv, f"{here}/", f"{there}/"],
                check=False, input=b"./kept/gone\0", capture_output=True, cwd="/", timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return [f"{rsync} does not end a trial within {_SECONDS} s"]
        if run.returncode == 0 and not os.path.lexists(os.path.join(there, "kept", "gone")):
            return []
    said = run.stderr.decode("utf-8", "backslashreplace").strip().splitlines() or [f"its exit is {run.returncode}"]
    if "invalid file mode" in said[0]:
        return [
            f"{rsync} has the --delete-missing-args defect of 3.4.3 (rsync issue 910); upgrade it to 3.4.4 or later"
        ]
    return [f"{rsync} failed to delete in a trial: {said[0]}"]


if __name__ == "__main__":
    sys.stdout.write("; ".join(check(sys.argv[1])) or "right")
