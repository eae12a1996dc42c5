"""From sersync's confxml.xml: every element of it becomes a setting, or a note that says why there is none."""

from __future__ import annotations

import contextlib
import os
import re

from . import patterns, rsync_words, ssh_words, xml_tree
from .confxml_hooks import plugins
from .confxml_rest import events, unused
from .model import Converted, ConvertError, Mirror, Target, daemon_url, name_for
from .ssh_words import Way
from .xml_tree import Element

_SERSYNC = "filter inotify localpath rsync failLog crontab plugin".split()


def from_confxml(data: bytes) -> Converted:
    """Raises ConvertError."""
    root = xml_tree.read(data)
    if root.name != "head":
        raise ConvertError([f"line {root.line}: <{root.name}> is no confxml.xml of sersync, which begins with <head>"])
    return _Head(root).read()


class _Head:
    """Reads one file, and gathers what is wrong with it."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.found = Converted("sersync")
        self.problems: list[str] = []
        self._way = Way()

    def read(self) -> Converted:
        sersync = self.root.first("sersync")
        if sersync is None:
            raise ConvertError([f"line {self.root.line}: has no <sersync>, which names what is mirrored"])
        local = sersync.first("localpath")
        if local is None or not local.attributes.get("watch"):
            raise ConvertError([f"line {sersync.line}: has no <localpath watch=…>, which names what is mirrored"])
        mirror = self._mirror(local, sersync)
        unused(self.root, self.found)
        for extra in sersync.all("localpath")[1:]:
            self.found.note(extra.line, "localpath", "sersync takes the first one only, and so does this; add a mirror")
        self._patterns(mirror)
        events(self._above("inotify"), mirror)
        self._schedule(sersync.first("crontab"), mirror)
        if (fail_log := sersync.first("failLog")) is not None:
            mirror.note(fail_log.line, "failLog", "there is none: what failed is kept and sent again after 1 to 60 s")
        self.problems += plugins(self.root, sersync, mirror)
        if self.problems:
            raise ConvertError(self.problems)
        self.found.mirrors.append(mirror)
        return self.found

    def _above(self, name: str) -> Element | None:
        """filter and inotify stand in <head>; copies that have them in <sersync> are about."""
        sersync = self.root.first("sersync")
        return self.root.first(name) or (sersync.first(name) if sersync is not None else None)

    def _mirror(self, local: Element, sersync: Element) -> Mirror:
        source = local.attributes["watch"]
        if not source.startswith("/"):
            self.problems.append(f"line {local.line}: localpath watch: must be an absolute path, not {source!r}")
        remotes = local.all("remote")
        if not remotes:
            self.problems.append(f"line {local.line}: localpath: has no <remote ip=… name=…>, to which it goes")
        mirror = Mirror(name="data", source=os.path.normpath(source))
        rsync = sersync.first("rsync") or Element("rsync", sersync.line)
        over_ssh = self._on(rsync, "ssh")
        self._read_way(rsync)
        for remote in remotes:
            target = self._target(remote, rsync, over_ssh, mirror)
            if target is not None:
                mirror.targets.append(target)
        names = [target.module for target in mirror.targets]
        mirror.name = name_for(names[0] if names else "data", [])
        self._parameters(rsync, mirror)
        if over_ssh:
            ssh_words.leave_out(mirror, rsync.line)
        return mirror

    def _target(self, remote: Element, rsync: Element, over_ssh: bool, mirror: Mirror) -> Target | None:
        host, name = remote.attributes.get("ip", ""), remote.attributes.get("name", "")
        if not host or not name:
            self.problems.append(f"line {remote.line}: remote: needs both ip and name")
            return None
        if over_ssh:
            target, wrong = ssh_words.target(*self._whereabouts(host, name), self._way)
            if target is None:
                self.problems.append(f"line {remote.line}: remote name: {wrong}")
            else:
                mirror.note(remote.line, "ssh start=true", ssh_words.way_of(target))
            return target
        user, password_file = self._login(rsync)
        module, _slash, path = name.strip("/").partition("/")
        url = daemon_url(host, user, self._port(rsync), module, path)
        return Target(url, host, module, None, password_file)

    def _read_way(self, rsync: Element) -> None:
        """Port, user and key, where its rsync is given a command of ssh."""

        def note(option: str, why: str) -> None:
            if option.startswith("--rsh="):
                self._way.command(option[len("--rsh=") :], lambda *said: None)

        common = rsync.first("commonParams")
        if common is not None:
            with contextlib.suppress(rsync_words.Refused):  # told with the others
                rsync_words.from_text(common.attributes.get("params", ""), note)

    def _whereabouts(self, host: str, name: str) -> tuple[str, str]:
        """Some write user and host into the name as well, as rsync takes them."""
        where, colon, path = name.rpartition(":")
        return (f"{where.rpartition('@')[0]}@{host}" if "@" in where else host), path if colon else name

    def _login(self, rsync: Element) -> tuple[str | None, str | None]:
        auth = rsync.first("auth")
        if auth is None or not self._on(rsync, "auth"):
            return None, None
        return auth.attributes.get("users") or None, auth.attributes.get("passwordfile") or None

    def _port(self, rsync: Element) -> int:
        given = rsync.first("userDefinedPort")
        if given is None or not self._on(rsync, "userDefinedPort"):
            return 873
        return self._number(given, "port", 874, 65535)

    def _parameters(self, rsync: Element, mirror: Mirror) -> None:
        common = rsync.first("commonParams")
        if common is not None:
            text = common.attributes.get("params", "")
            try:
                options = rsync_words.from_text(
                    text, lambda option, why: mirror.note(common.line, f"commonParams {option}", why)
                )
                rsync_words.give(options, mirror)
            except rsync_words.Refused as error:
                self.problems.append(f"line {common.line}: commonParams: {error}")
        timeout = rsync.first("timeout")
        if timeout is not None and self._on(rsync, "timeout"):
            seconds = self._number(timeout, "time", 100, 999_999)
            mirror.rsync_options = [word for word in mirror.rsync_options if not word.startswith("--timeout=")]
            mirror.rsync_options.append(f"--timeout={seconds}")

    def _patterns(self, mirror: Mirror) -> None:
        given = self._above("filter")
        if given is None:
            return
        if given.attributes.get("start", "false") != "true":
            if given.children:
                mirror.note(given.line, "filter start=false", "its expressions were not in use, and are left out")
            return
        for exclude in given.all("exclude"):
            expression = exclude.attributes.get("expression", "")
            try:
                found = patterns.from_regex(expression)
            except patterns.NotAPattern as error:
                if self._kept_as_it_is(expression, exclude.line, mirror):
                    continue
                self.problems.append(
                    f"line {exclude.line}: exclude {expression!r}: {error}, so no pattern of rsync says the same; "
                    "write it as one or several that can be translated, or take it out and add to exclude by hand"
                )
                continue
            mirror.exclude += [pattern for pattern in found if pattern not in mirror.exclude]
            point = ", and ? is any character but a slash" if any("?" in pattern for pattern in found) else ""
            mirror.note(
                exclude.line,
                f"exclude {expression}",
                f"is {' and '.join(found)} here{point}; a directory that matches goes with all that is in it",
            )

    def _kept_as_it_is(self, expression: str, line: int, mirror: Mirror) -> bool:
        try:
            kept = patterns.as_expression(expression)
        except patterns.NotAPattern:
            return False
        if re.fullmatch(kept, "") is not None:
            return False
        mirror.exclude_regex += [kept] if kept not in mirror.exclude_regex else []
        mirror.note(
            line, f"exclude {expression}", "stays an expression; a directory that matches goes with all that is in it"
        )
        return True

    def _schedule(self, crontab: Element | None, mirror: Mirror) -> None:
        if crontab is None or crontab.attributes.get("start", "false") != "true":
            line = crontab.line if crontab is not None else self.root.line
            mirror.note(
                line, "crontab start=false", "here everything is compared once a day; reconcile_every: 0 for never"
            )
            return
        mirror.reconcile_every = 60 * self._number(crontab, "schedule", 600, 500_000)
        mirror.note(crontab.line, "crontab", "compares everything and sends what differs, while changes go on flowing")
        for given in crontab.all("crontabfilter"):
            if given.attributes.get("start", "false") == "true":
                for exclude in given.all("exclude"):
                    self._left_out_on_schedule(exclude, mirror)

    def _left_out_on_schedule(self, exclude: Element, mirror: Mirror) -> None:
        expression = exclude.attributes.get("expression", "")
        try:
            found = patterns.from_regex(expression)
        except patterns.NotAPattern as error:
            mirror.note(
                exclude.line,
                f"crontabfilter {expression}",
                f"not taken over: {error}; write it into reconcile_exclude as a pattern, else it is compared too",
            )
            return
        mirror.reconcile_exclude += [pattern for pattern in found if pattern not in mirror.reconcile_exclude]
        mirror.note(
            exclude.line,
            f"crontabfilter {expression}",
            f"is {' and '.join(found)} here, for comparisons on schedule; the others compare everything",
        )

    def _on(self, parent: Element, name: str) -> bool:
        child = parent.first(name)
        return child is not None and child.attributes.get("start", "false") == "true"

    def _number(self, element: Element, attribute: str, default: int, most: int) -> int:
        text = element.attributes.get(attribute, str(default)).strip()
        if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= most):
            self.problems.append(
                f"line {element.line}: {element.name} {attribute}: must be a number from 1 to {most}, not {text!r}"
            )
            return default
        return int(text)
