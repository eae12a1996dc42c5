"""From lsyncd.conf.lua: settings and each sync of default.rsync, default.rsyncssh and default.direct."""

from __future__ import annotations

import os
import re
from typing import Callable, Optional

from . import lua, rsync_words, ssh_words
from .lsyncd_rsync import Options
from .model import Converted, ConvertError, Mirror, Target, daemon_url, name_for
from .ssh_words import Way

Read = Callable[[str], bytes]
_LAYERS = ("default.rsync", "default.rsyncssh", "default.direct")
_SETTINGS = {
    "logfile": "with systemd the journal has the log; log_file is for a file",
    "logfacility": "with systemd the journal has the log; syslog names a facility",
    "logident": "with systemd the journal has the log, under lockstep",
    "log": "log_level says how much is told",
    "pidfile": "systemd needs none; else: lockstep run --pid-file FILE",
    "statusFile": "lockstep status, or http://127.0.0.1:8008/status.json; status.file is for a file",
    "statusfile": "lockstep status, or http://127.0.0.1:8008/status.json; status.file is for a file",
    "statusInterval": "the status is that of the moment at which it is asked for",
    "statusIntervall": "the status is that of the moment at which it is asked for",
    "nodaemon": "lockstep run stays in the foreground unless --daemon is given",
    "onepass": "lockstep run --once compares everything, sends what differs, and ends",
    "insist": "a target that cannot be reached is always tried again, at the start too",
    "inotifyMode": "closed files are sent at once, others when they were quiet for a second (quiet, max_wait)",
    "maxProcesses": "how many rsync processes run is chosen by the watcher; pace limits what they cost",
    "maxDelays": "changes do not wait for a number of them",
}
# Of a sync: what is not taken over, whatever its value.
_LEFT = {
    "delay": "a change is sent at once; under load batches are spaced by what they cost (pace)",
    "maxDelays": _SETTINGS["maxDelays"],
    "maxProcesses": _SETTINGS["maxProcesses"],
    "batchSizeLimit": "files of 8 MiB and more go alone, so that they delay nobody",
    "exitcodes": "each exit status of rsync has its meaning; nothing ends the watcher, and every target is tried again",
    "crontab": "it says when everything was sent; write it into reconcile_at, as systemd has it (03:00)",
    "full": "a comparison sends what differs, by itself",
    "rsyncOpts": "written before version 2.1; use rsync{}",
    "xargs": "deletions go through rsync, by lists of names",
    "onMove": "renames are made on the target from what it has, without sending the data again",
}
_HANDLED = frozenset(
    "source target host targetdir delete exclude excludeFrom filter filterFrom init rsync ssh tunnel".split()
)
_HOOKS = frozenset("action onAttrib onCreate onModify onDelete onStartup onFull prepare collect rsyncOps".split())


def from_lsyncd(data: bytes, read: Optional[Read] = None) -> Converted:
    """`read` fetches the files of excludeFrom and filterFrom, where they are at hand.  Raises ConvertError."""
    found = Converted("lsyncd")
    problems: list[str] = []
    for call in lua.read(data):
        try:
            if call.name == "settings":
                _settings(call, found)
            else:
                _Sync(call, found, read).add()
        except ConvertError as error:
            problems += error.problems
    if not found.mirrors and not problems:
        problems.append("has no sync{…}, which names what is mirrored")
    if problems:
        raise ConvertError(problems)
    return found


def _settings(call: lua.Call, found: Converted) -> None:
    for name, value in call.table.named.items():
        found.note(value.line, f"settings {name}", _SETTINGS.get(name, "is no setting of lsyncd that is known here"))


class _Sync:
    """One sync{…}, which becomes a mirror, or another target of one with the same source."""

    def __init__(self, call: lua.Call, found: Converted, read: Optional[Read]) -> None:
        self._call = call
        self._named = call.table.named
        self._found = found
        self._read = read
        self._problems: list[str] = []

    def add(self) -> None:
        layer = self._layer()
        source = self._text("source", required=True)
        if source and not source.startswith("/"):
            self._wrong("source", f"must be an absolute path, not {source!r}")
        if self._problems:
            raise ConvertError(self._problems)
        mirror = Mirror(name="", source=os.path.normpath(source))
        options = Options(self._named.get("rsync"), mirror, layer == "default.direct")
        target = self._target(layer, mirror, options)
        rsync_words.give(options.rsync_options, mirror)
        if target.over_ssh:
            ssh_words.leave_out(mirror, self._call.line)
        self._problems += options.problems
        self._choices(mirror)
        self._names(mirror)
        if self._problems:
            raise ConvertError(self._problems)
        if options.binary:
            self._found.rsync = options.binary
        mirror.targets.append(target)
        self._join(mirror)

    def _layer(self) -> str:
        if not self._call.table.listed:
            raise ConvertError([f"line {self._call.line}: sync: has no layer; {', '.join(_LAYERS)} are converted"])
        first = self._call.table.listed[0]
        name = first.value.name if isinstance(first.value, lua.Reference) else ""
        if name not in _LAYERS:
            shown = name or "a layer of one's own"
            raise ConvertError([f"line {first.line}: sync: {shown} is not converted; {', '.join(_LAYERS)} are"])
        return name

    def _wrong(self, name: str, text: str) -> None:
        value = self._named.get(name)
        self._problems.append(f"line {value.line if value else self._call.line}: sync {name}: {text}")

    def _text(self, name: str, required: bool = False) -> str:
        value = self._named.get(name)
        if value is None:
            if required:
                self._wrong(name, "is missing")
            return ""
        if not isinstance(value.value, str) or not value.value or not value.value.isprintable():
            self._wrong(name, "must be a text of one line")
            return ""
        return value.value

    # ------------------------------------------------------------------ where it goes

    def _target(self, layer: str, mirror: Mirror, options: Options) -> Target:
        if layer == "default.rsyncssh":
            where, path = self._text("host", required=True), self._text("targetdir", required=True)
            return self._by_ssh(where, path, mirror, options.way, "targetdir")
        text = self._text("target", required=True)
        match = re.fullmatch(r"rsync://(?:([^@/]+)@)?(\[[^]]+\]|[^:/\[\]]+)(?::([0-9]{1,5}))?/([^/]+)/?(.*)", text)
        if match:
            return self._by_daemon(match[1], match[2], int(match[3] or 873), match[4], match[5], options.password_file)
        match = re.fullmatch(r"(?:([^@/:]+)@)?([^:/]+)::([^/]+)/?(.*)", text)
        if match:
            return self._by_daemon(match[1], match[2], 873, match[3], match[4], options.password_file)
        if text.startswith("/"):
            path = os.path.normpath(text)
            return Target(f"file://{path}", "", os.path.basename(path), path)
        if ":" in text.partition("/")[0] and layer == "default.rsync":
            host, _colon, path = text.partition(":")
            return self._by_ssh(host, path, mirror, options.way, "target")
        if text:
            self._wrong("target", f"{text!r} is neither a path, nor host:path, host::module or rsync://host/module")
        return Target("", "", "")

    def _by_daemon(
        self, user: Optional[str], host: str, port: int, module: str, path: str, password_file: Optional[str]
    ) -> Target:
        host = host.strip("[]")
        return Target(daemon_url(host, user, port, module, path.strip("/")), host, module, None, password_file)

    def _by_ssh(self, where: str, path: str, mirror: Mirror, way: Way, key: str) -> Target:
        line = self._call.line
        if (given := self._named.get("ssh")) is not None:
            way.table(given, lambda option, why: mirror.note(given.line, f"sync {option}", why))
        if not where or not path:
            return Target("", "", "")
        target, wrong = ssh_words.target(where, path, way)
        if target is None:
            self._wrong(key, wrong)
            return Target("", "", "")
        mirror.note(line, f"sync to {where}:{path}", ssh_words.way_of(target))
        return target

    # ------------------------------------------------------------------ how it goes

    def _choices(self, mirror: Mirror) -> None:
        self._delete(mirror)
        for name, value in self._named.items():
            if name in _LEFT:
                mirror.note(value.line, f"sync {name}", _LEFT[name])
            elif name in _HOOKS:
                self._wrong(name, "is an action of one's own, which is not converted")
            elif name not in _HANDLED:
                mirror.note(value.line, f"sync {name}", "is no key of lsyncd that is known here, and left out")
        init, tunnel = self._named.get("init"), self._named.get("tunnel")
        if init is not None and init.value is False:
            mirror.note(
                init.line, "sync init=false", "everything is compared at the start: only so nothing stays behind"
            )
        if tunnel is not None:
            self._wrong("tunnel", "is a command of one's own; make the tunnel a service, and give its end as target")

    def _delete(self, mirror: Mirror) -> None:
        given = self._named.get("delete")
        if given is None or given.value is True:
            return
        mirror.delete = False
        if given.value in ("startup", "running"):
            mirror.delete = str(given.value)
        elif given.value is not False:
            self._wrong("delete", "must be true, false, 'startup' or 'running'")

    def _names(self, mirror: Mirror) -> None:
        rules = [*self._list("filter"), *self._file("filterFrom", mirror)]
        includes = any(re.match(r"\+|include", rule) for rule in rules)
        for pattern in self._list("exclude"):
            self._exclude(pattern, mirror)
        for rule in rules:
            self._rule(rule, "filter", mirror, includes)
        for line in self._file("excludeFrom", mirror):
            self._exclude(line[2:] if line.startswith("- ") else line, mirror)

    def _exclude(self, pattern: str, mirror: Mirror) -> None:
        if not pattern.strip("/") or "\0" in pattern:
            self._wrong("exclude", f"{pattern!r} matches nothing")
        elif pattern not in mirror.exclude:
            mirror.exclude.append(pattern)

    def _rule(self, rule: str, name: str, mirror: Mirror, in_order: bool) -> None:
        match = re.fullmatch(r"([+-]|include|exclude),?[ _](.+)", rule)
        if match is None or not match[2].strip("/") or "\0" in match[2]:
            self._wrong(name, f"{rule!r} is no rule that includes or excludes a pattern")
        elif in_order:
            mirror.filter.append(f"{'+' if match[1] in ('+', 'include') else '-'} {match[2]}")
        else:
            self._exclude(match[2], mirror)

    def _list(self, name: str) -> list[str]:
        given = self._named.get(name)
        if given is None:
            return []
        values = given.value.listed if isinstance(given.value, lua.Table) else [given]
        texts = [value.value for value in values if isinstance(value.value, str)]
        if len(texts) != len(values):
            self._wrong(name, "must be a list of texts")
        return texts

    def _file(self, name: str, mirror: Mirror) -> list[str]:
        path = self._text(name) if name in self._named else ""
        if not path:
            return []
        line = self._named[name].line
        if self._read is None:
            self._wrong(name, f"{path} is not at hand here: write what it says into exclude")
            return []
        try:
            text = self._read(path).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._wrong(name, f"{path} cannot be read: {error}")
            return []
        mirror.note(line, f"sync {name}", f"the patterns of {path} were taken over as they are now")
        return [row for row in (row.rstrip("\r") for row in text.split("\n")) if row and row[0] not in "#;"]

    def _join(self, mirror: Mirror) -> None:
        """lsyncd has a sync for each target; a mirror has several."""
        target = mirror.targets[0]
        for other in self._found.mirrors:
            if other.source != mirror.source:
                continue
            if (other.filter, other.exclude, other.delete, other.one_file_system, other.rsync_options) != (
                mirror.filter,
                mirror.exclude,
                mirror.delete,
                mirror.one_file_system,
                mirror.rsync_options,
            ):
                raise ConvertError(
                    [
                        f"line {self._call.line}: sync: its source {mirror.source} is mirrored already with other "
                        "exclude, delete or rsync options; a source has one set of them for all its targets here"
                    ]
                )
            other.targets.append(target)
            other.notes += mirror.notes
            return
        mirror.name = name_for(target.module or os.path.basename(mirror.source), [m.name for m in self._found.mirrors])
        self._found.mirrors.append(mirror)
