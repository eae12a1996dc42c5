"""Can this host do what the configuration says? Asked before anything starts, and by `lockstep check`.

Each answer is a list of lines that begin with the configuration's key; an empty list means yes. Synchronous and simple:
it runs before the event loop, or without one.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import subprocess
import tempfile
import uuid
from collections.abc import Iterator

from lockstep import config_overlap, rules, ssh_check
from lockstep.config import Config, ConfigError, Mirror, Target, load
from lockstep.notify import delivery, parcel
from lockstep.source import identity, limits
from lockstep.status import access
from lockstep.transfer import command, outcome, tunnel

OLDEST_RSYNC = (3, 2, 0)
PROBE_TIMEOUT = 30.0  # seconds
# What a trial deletes.  In a directory: some releases delete at the top of a list and nowhere below it.
_GONE = "kept/gone"


def load_config(path: str) -> Config:
    """What may be run.  Raises ConfigError, also where a mirror would write into a source when links are followed."""
    config = load(path)
    problems = _overlaps(config)
    if problems:
        raise ConfigError(problems)
    return config


def local_problems(config: Config) -> list[str]:
    """What is wrong on this host; nothing is changed and no other host is asked."""
    problems = list(_rsync(config))
    for n, mirror in enumerate(config.mirrors):
        problems += [f"mirrors[{n}].source: mirror {mirror.name}: {text}" for text in _source(mirror)]
        for m, target in enumerate(mirror.targets):
            key = f"mirrors[{n}].targets[{m}]"
            if target.password_file is not None:
                problems += [f"{key}.password_file: {text}" for text in _password_file(target.password_file)]
            if target.ssh is not None:
                found = ssh_check.problems(target, target.ssh, _version(shutil.which(config.rsync)))
                problems += [f"{key}.{name}: {text}" for name, text in found]
            if target.scheme == "file" and not os.path.isdir(target.path):
                problems.append(f"{key}.url: {target.path} is not a directory; create it, or mount what it lies on")
    problems += _overlaps(config)
    problems += _watches(config)
    problems += [f"state_dir: {text}" for text in _state_dir(config.state_dir)]
    problems += _telling(config)
    return problems


def login_problems(config: Config) -> list[str]:
    """Log in to each target and ask, in a dry run, for what the work will need. Seconds for a target that is away."""
    problems = []
    for n, mirror in enumerate(config.mirrors):
        for m, target in enumerate(mirror.targets):
            reason = _login(config.rsync, mirror, target)
            if reason is not None:
                problems.append(f"mirrors[{n}].targets[{m}].url: mirror {mirror.name}, target {target.name}: {reason}")
    return problems


def _telling(config: Config) -> Iterator[str]:
    if config.status.token_file is not None:
        try:
            access.read_token(config.status.token_file)
        except access.TokenError as error:
            yield f"status.{error}"
    for n, channel in enumerate(config.notify.to):
        wrong = delivery.problem(channel)
        if wrong is not None:
            yield f"notify.to[{n}]: {wrong}"
    for n, mirror in enumerate(config.mirrors):
        for m, hook in enumerate(mirror.hooks):
            wrong = parcel.problem(hook.to)
            if wrong is not None:
                yield f"mirrors[{n}].hooks[{m}]: {wrong}"


def _source(mirror: Mirror) -> Iterator[str]:
    path = os.fsdecode(mirror.source)
    if os.path.islink(path):
        yield f"{path} is a symbolic link, which could lead elsewhere at any time; name {os.path.realpath(path)} itself"
        return
    try:
        mount = identity.mount_of(mirror.source)
        if identity.is_network(mount.fstype):
            # Before anything is read from it: a server that is away would keep us waiting.
            kind = "an NFS" if mount.fstype.startswith("nfs") else f"a {mount.fstype}"
            yield (
                f"{path} is {kind} client mount ({os.fsdecode(mount.source)}), which reports no changes made by other "
                "clients; run the watcher on the server"
            )
            return
        identity.read(mirror.source)
        with os.scandir(mirror.source) as entries:
            next(entries, None)
    except FileNotFoundError:
        yield f"{path} does not exist; create it, or mount what it lies on"
    except NotADirectoryError:
        yield f"{path} is not a directory"
    except PermissionError as error:
        missing = os.fsdecode(error.filename) if error.filename else path
        yield f"{missing} cannot be read by uid {os.geteuid()}; the watcher needs CAP_DAC_READ_SEARCH or permission"
    except OSError as error:
        yield f"{path}: {error.strerror or error}"


def _watches(config: Config) -> list[str]:
    watched = [mirror for mirror in config.mirrors if mirror.watch]
    wanted = sum(limits.needed(mirror.source, rules.of(mirror).excluded) for mirror in watched)
    allowed = limits.allowed()
    return [f"mirrors: {limits.shortage(wanted, allowed)}"] if wanted > allowed else []


def _password_file(path: str) -> Iterator[str]:
    try:
        link = os.lstat(path)
        found = os.stat(path)
    except OSError as error:
        yield f"{path}: {error.strerror or error}"
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        yield f"{path} is not a regular file"
    elif mode & 0o027:
        who = "others" if mode & 0o007 else "its group (for writing)"
        yield f"{path} is open to {who} (mode {mode:04o}); chmod 0640 or 0600"
    elif os.geteuid() == 0 and found.st_uid != 0:
        yield f"{path} must belong to root, as rsync run by root wants it; chown root"
    elif not ssh_check.readable(path):
        yield f"{path} cannot be read by uid {os.geteuid()}"
    elif found.st_size == 0:
        yield f"{path} is empty; write the password into it"
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (0, os.geteuid()):
        yield f"{path} is a symbolic link that neither root nor uid {os.geteuid()} owns, which rsync refuses"


def _state_dir(path: str) -> Iterator[str]:
    """It can be used, or made: by the nearest directory above it that is there."""
    there = path
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        yield f"{there} is not a directory"
    elif not os.access(there, os.W_OK | os.X_OK):
        yield f"{there} cannot be written to by uid {os.geteuid()}"


def _overlaps(config: Config) -> list[str]:
    """The rules of config_overlap once more, for where the paths really lead."""
    sources = [(f"mirrors[{n}].source", os.path.realpath(mirror.source)) for n, mirror in enumerate(config.mirrors)]
    folders = [
        (f"mirrors[{n}].targets[{m}].url", os.path.realpath(os.fsencode(target.path)))
        for n, mirror in enumerate(config.mirrors)
        for m, target in enumerate(mirror.targets)
        if target.scheme == "file"
    ]
    found = config_overlap.paths(sources, folders, os.path.realpath(os.fsencode(config.state_dir)))
    seen: dict[tuple[int, int], str] = {}
    for key, source in sources:
        try:
            first = seen.setdefault(identity.quick(source), key)
        except OSError:
            continue
        if first != key:
            found.append((key, f"{os.fsdecode(source)} is the same directory as {first}; give that one more targets"))
    return [f"{key}: {text}" for key, text in found]


def _rsync(config: Config) -> Iterator[str]:
    program = shutil.which(config.rsync)
    if program is None:
        yield f"rsync: {config.rsync} is not a program that can be run; install rsync 3.2.0 or later, or name it"
        return
    numbers = _version(program)
    if numbers is None:
        yield f"rsync: {program} does not tell its version, as rsync does"
        return
    if numbers < OLDEST_RSYNC:
        yield f"rsync: {program} is version {'.'.join(map(str, numbers))}; 3.2.0 or later is needed"
        return
    if any(mirror.delete for mirror in config.mirrors):
        reason = _deletion_defect(program)
        if reason is not None:
            yield f"rsync: {program} {reason}"


def _version(program: str | None) -> tuple[int, ...] | None:
    done = _call([program, "--version"], b"") if program is not None else None
    version = re.match(rb"rsync\s+version v?(\d+)\.(\d+)\.(\d+)", done.stdout) if done is not None else None
    if done is None or done.returncode != 0 or version is None:
        return None
    return tuple(int(part) for part in version.groups())


def _deletion_defect(program: str) -> str | None:
    """rsync 3.4.3, and some backports of its fixes, cannot delete what is listed and missing (rsync issue 910)."""
    with tempfile.TemporaryDirectory(prefix="lockstep-check-") as folder:
        source, there = os.path.join(folder, "source"), os.path.join(folder, "target")
        os.makedirs(os.path.join(source, "kept"))
        os.makedirs(os.path.join(there, _GONE))
        target = Target(f"file://{there}", "file", None, "", 0, "", there, None, ())
        names = command.names(os.fsencode(source), [os.fsencode(_GONE)])
        done = _call(command.batch(program, target, command.Lane.REMOVE_TREES), names)
        if done.returncode == 0 and not os.path.lexists(os.path.join(there, _GONE)):
            return None
        if b"invalid file mode" in done.stderr:
            return "has the --delete-missing-args defect of 3.4.3 (rsync issue 910); upgrade it to 3.4.4 or later"
        return f"failed to delete in a trial: {outcome.reason(done.returncode, done.stderr)}"


def _login(rsync: str, mirror: Mirror, target: Target) -> str | None:
    if mirror.delete:
        # Something that is nowhere, to be deleted in a dry run: a daemon that refuses deletions, or has the defect,
        # says so now and not when the first file is removed.
        with tempfile.TemporaryDirectory(prefix="lockstep-check-") as folder:
            os.mkdir(os.path.join(folder, "kept"))
            names = command.names(os.fsencode(folder), [os.fsencode(_GONE) + uuid.uuid4().hex.encode("ascii")])
            done = _call(command.batch(rsync, target, command.Lane.COUNT), names)
    else:
        argv = command.batch(rsync, target, command.Lane.REST)
        done = _call([argv[0], "-n", *argv[1:]], b"")
    if done.returncode == 0:
        return None
    why = outcome.reason(done.returncode, done.stderr)
    return f"{found} ({why})" if (found := tunnel.reason(target)) else why


def _call(argv: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a program in the C locale, away from the terminal: rsync would ask it for a password."""
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    try:
        return subprocess.run(
            argv, input=given, capture_output=True, check=False, env=environment, cwd="/",
            timeout=PROBE_TIMEOUT, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(argv, 30, b"", f"no end within {error.timeout:g} s".encode("ascii"))
    except OSError as error:
        said = os.strerror(error.errno or errno.EIO).encode("utf-8")
        return subprocess.CompletedProcess(argv, 127, b"", said)
