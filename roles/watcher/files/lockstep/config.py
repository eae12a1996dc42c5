"""The configuration file: text in, frozen objects out, every mistake named with its key and line.

Nothing here looks at the disk: whether a source exists or a password is right is for preflight.py to find out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Optional

from lockstep import (
    config_bandwidth,
    config_deletion,
    config_filters,
    config_hooks,
    config_notify,
    config_options,
    config_overlap,
    config_paths,
    config_schedule,
    config_ssh,
    config_status,
    config_tls,
    config_url,
)
from lockstep.calendar_event import CalendarEvent
from lockstep.config_bandwidth import Bandwidth
from lockstep.config_deletion import Deletes
from lockstep.config_errors import ConfigError, Problems
from lockstep.config_hooks import Hook
from lockstep.config_notify import Notify
from lockstep.config_status import Status
from lockstep.config_url import Target
from lockstep.logs_elsewhere import FACILITIES
from lockstep.rules import Expressions, Rule

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

__all__ = ["Config", "ConfigError", "MaxDelete", "Mirror", "Notify", "Status", "Target", "load", "parse"]

# A fleet of a thousand mirrors with a hundred patterns each stays below this; a file beyond it is not ours.
MAX_BYTES = 1024 * 1024
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
NAME_DESCRIBED = "letters, digits, _ . and -, at most 64, the first a letter or digit"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class MaxDelete:
    """How much may be deleted without asking: more than `at_least` names and more than `percent` of them is held.

    `window`: seconds over which live deletions are added up.
    """

    percent: float = 25.0
    at_least: int = 1000
    window: float = 60.0


@dataclass(frozen=True)
class Mirror:
    """One source and where it goes. `quiet`, `max_wait` and `reconcile_every` (0: never) are seconds.

    `source` is absolute and normalised, without a slash at its end. `pace` is a share of one core, 0: no pacing.
    `exclude` has rsync's patterns; where some names are included, all are in `rules` (rules.py) in its place.
    `reconcile_exclude`: patterns of what is left out of comparisons on schedule, and of nothing else.
    `watch`: false where it is compared on schedule alone.  `one_file_system`: without what is mounted below the source.
    """

    name: str
    source: bytes
    exclude: tuple[bytes, ...]
    delete: Deletes
    quiet: float
    max_wait: float
    reconcile_every: float
    max_delete: MaxDelete
    pace: float
    targets: tuple[Target, ...]
    rules: tuple[Rule, ...] = ()
    expressions: Expressions = field(default_factory=Expressions)
    hooks: tuple[Hook, ...] = ()
    reconcile_at: tuple[CalendarEvent, ...] = ()
    watch: bool = True
    backup_dir: Optional[str] = None
    temp_dir: Optional[str] = None
    bandwidth: Bandwidth = field(default_factory=Bandwidth)
    one_file_system: bool = False
    reconcile_exclude: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Config:
    """A whole configuration file. `sha256` is of its bytes, so that others can tell which one is running."""

    path: str
    sha256: str
    state_dir: str
    log_level: str
    log_format: str
    log_file: Optional[str]
    syslog: Optional[str]
    rsync: str
    status: Status
    notify: Notify
    mirrors: tuple[Mirror, ...]


def load(path: str) -> Config:
    """Read and parse the file at `path`. Raises ConfigError, also when it cannot be read."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"cannot be read: {error.strerror or error}"]) from error
    return parse(text, path)


def parse(text: bytes, path: str) -> Config:
    """Make a Config of a file's bytes. Raises ConfigError with every mistake in it."""
    # Here and not above: YAML costs a megabyte that a client command has no use for.
    from lockstep import config_yaml  # noqa: PLC0415

    if len(text) > MAX_BYTES:
        raise ConfigError([f"is larger than {MAX_BYTES // 1024 // 1024} MiB, which no configuration of lockstep is"])
    problems = Problems()
    root = config_yaml.read(text, problems)
    config = _config(root, text, path)
    problems.raise_any()
    config_overlap.check(config, problems)
    problems.raise_any()
    return config


def _config(root: Mapping, text: bytes, path: str) -> Config:
    root.allow("state_dir", "log_level", "log_format", "log_file", "syslog", "rsync", "status", "notify", "mirrors")
    mirrors = root.items("mirrors", required=True, of="mirrors: a list with one mapping for each")
    return Config(
        path=path,
        sha256=hashlib.sha256(text).hexdigest(),
        state_dir=config_paths.absolute(root.get("state_dir"), "/var/lib/lockstep"),
        log_level=root.get("log_level").choice(LOG_LEVELS, "info"),
        log_format=root.get("log_format").choice(LOG_FORMATS, "text"),
        log_file=config_paths.optional(root.get("log_file")),
        syslog=_syslog(root),
        rsync=_program(root.get("rsync")),
        status=config_status.status(root.mapping("status")),
        notify=config_notify.notify(root.mapping("notify")),
        mirrors=tuple(_mirror(item.as_mapping()) for item in mirrors),
    )


def _syslog(root: Mapping) -> str | None:
    value = root.get("syslog")
    if value.is_absent() or value.is_null():
        return None
    facility = value.choice(tuple(FACILITIES), "daemon")
    if not root.get("log_file").is_absent():
        value.problem("and log_file exclude each other; the log goes to one place")
    return facility


def _mirror(node: Mapping) -> Mirror:
    node.allow(
        *config_filters.KEYS, "name", "source", "delete", "quiet", "max_wait",
        "reconcile_every", "max_delete", "pace", "targets", "hooks", "reconcile_at", "watch", "backup_dir",
        "temp_dir", "bwlimit", "one_file_system", "reconcile_exclude",
    )  # fmt: skip
    quiet = node.get("quiet").number(1.0, 0.0, 3600.0)
    # Whoever lengthens `quiet` alone means the wait to follow, not a mistake to be told of.
    max_wait = node.get("max_wait").number(max(10.0, quiet), 0.0, 86400.0)
    if max_wait < quiet:
        node.get("max_wait").problem(f"is {max_wait:g}, less than quiet ({quiet:g}); it must be the same or more")
    backup_dir, temp_dir = config_deletion.folders(node)
    exclude, rules = config_filters.read(node)
    every, at = config_schedule.every(node), config_schedule.at(node)
    return Mirror(
        name=node.get("name", required=True).matching(NAME, NAME_DESCRIBED),
        source=_source(node.get("source", required=True)),
        exclude=exclude,
        delete=config_deletion.delete(node),
        quiet=quiet,
        max_wait=max_wait,
        reconcile_every=every,
        max_delete=_max_delete(node.mapping("max_delete")),
        pace=node.get("pace").number(0.25, 0.0, 1.0),
        targets=tuple(
            _target(item.as_mapping())
            for item in node.items("targets", required=True, of="targets: a list with a url for each")
        ),
        rules=rules,
        expressions=config_filters.expressions(node),
        hooks=config_hooks.hooks(node.items("hooks")),
        reconcile_at=at,
        watch=config_schedule.watch(node, every),
        backup_dir=backup_dir,
        temp_dir=temp_dir,
        bandwidth=config_bandwidth.bandwidth(node),
        reconcile_exclude=config_filters.on_schedule(node),
        one_file_system=node.get("one_file_system").boolean(False),
    )


def _max_delete(node: Mapping) -> MaxDelete:
    node.allow("percent", "at_least", "window")
    default = MaxDelete()
    return MaxDelete(
        percent=node.get("percent").number(default.percent, 0.0, 100.0),
        at_least=node.get("at_least").integer(default.at_least, 0, 10**12),
        window=node.get("window").number(default.window, 0.0, 86400.0),
    )


def _target(node: Mapping) -> Target:
    node.allow("url", "password_file", "rsync_options", "tls", *config_ssh.KEYS)
    url = node.get("url", required=True)
    options = []
    for item in node.items("rsync_options"):
        option = item.text()
        if option and (wrong := config_options.problems(option)):
            item.problem("; ".join(wrong))
        options.append(option)
    password = node.get("password_file")
    password_file = config_paths.optional(password)
    target = config_url.target(url, password_file, tuple(options))
    if target.scheme == "file" and password_file is not None:
        password.problem("a folder of this host needs no password; leave it out")
    if target.scheme == "rsync" and target.user is not None and password_file is None:
        url.problem(f"names the user {target.user}, so password_file is required")
    if target.scheme == "rsync" and target.user is None and password_file is not None:
        url.problem("names no user for the password_file; write rsync://USER@HOST/MODULE")
    return replace(target, tls=config_tls.read(node, target), ssh=config_ssh.read(node, target))


def _source(value: Value) -> bytes:
    path = config_paths.absolute(value, "")
    if path == "/":
        value.problem("must not be /: /proc and the watcher's own files would be mirrored; name directories below it")
    return path.encode("utf-8", "surrogateescape")


def _program(value: Value) -> str:
    program = value.text("rsync")
    if not value.failed and ("/" in program and not program.startswith("/")):
        value.problem(f"must be an absolute path or a bare name to look for in PATH, not {program!r}")
    return program
