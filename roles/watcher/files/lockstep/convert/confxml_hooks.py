"""The plugin that confxml.xml has in use becomes a hook; what cannot becomes a note."""

from __future__ import annotations

import shlex
from typing import Any

from . import patterns
from .model import Mirror
from .xml_tree import Element

_XARGS = "/usr/bin/xargs"
_CDN = (
    "is not taken over: its host, user and password are of one provider's interface. Write a hook with purge and "
    "headers_file; sendurl base with {path} is the address, regexurl match is match"
)


def plugins(root: Element, sersync: Element, mirror: Mirror) -> list[str]:
    """Adds the hook to the mirror; what is wrong.  Plugins that no <plugin start=true> names were not in use."""
    switch = sersync.first("plugin")
    wanted = (
        switch.attributes.get("name", "") if switch is not None and switch.attributes.get("start") == "true" else ""
    )
    problems: list[str] = []
    for element in root.all("plugin"):
        name = element.attributes.get("name", "?")
        if name == "http":
            mirror.note(element.line, "plugin http", "was compiled out of sersync in version 2.2, and never ran")
        elif name != wanted:
            mirror.note(element.line, f"plugin {name}", "was not in use (plugin start=true did not name it)")
        elif name == "command":
            _command(element, mirror, problems)
        elif name == "socket":
            _socket(element, mirror, problems)
        elif name == "refreshCDN":
            mirror.note(element.line, "plugin refreshCDN", _CDN)
        else:
            mirror.note(element.line, f"plugin {name}", "is no plugin of sersync that is known here, and left out")
    known = [element.attributes.get("name") for element in root.all("plugin")]
    if switch is not None and wanted and wanted not in known:
        mirror.note(switch.line, f"plugin {wanted}", "is defined nowhere, and left out")
    return problems


def _command(element: Element, mirror: Mirror, problems: list[str]) -> None:
    param = element.first("param") or element
    try:
        before, after = (shlex.split(param.attributes.get(word, "")) for word in ("prefix", "suffix"))
    except ValueError as error:
        problems.append(f"line {param.line}: plugin command: prefix and suffix are not words of a command: {error}")
        return
    if not before:
        problems.append(f"line {param.line}: plugin command: has no prefix, which is the program to run")
        return
    hook: dict[str, Any] = {"command": [_XARGS, "-0", "-I", "{}", *before, f"{mirror.source}/{{}}", *after]}
    if param.attributes.get("ignoreError", "false") == "true":
        hook["on_failure"] = "ignore"
    include = _include(element.first("filter"), problems)
    if include:
        hook["include"] = include
    mirror.hooks.append(hook)
    mirror.note(
        element.line,
        "plugin command",
        "is a hook: xargs runs the same command for each path, after the transfer and beside it, as the user lockstep "
        "and without a shell",
    )


def _include(given: Element | None, problems: list[str]) -> list[str]:
    found: list[str] = []
    if given is None or given.attributes.get("start", "false") != "true":
        return found
    for include in given.all("include"):
        expression = include.attributes.get("expression", "")
        try:
            found += [pattern for pattern in patterns.from_regex(expression) if pattern not in found]
        except patterns.NotAPattern as error:
            problems.append(
                f"line {include.line}: include {expression!r}: {error}, so no pattern of rsync says the same; take it "
                "out and add to the hook's include by hand"
            )
    return found


def _socket(element: Element, mirror: Mirror, problems: list[str]) -> None:
    local = element.first("localpath") or element
    host = local.first("deshost")
    where, port = (host.attributes.get(word, "") for word in ("ip", "port")) if host is not None else ("", "")
    if not where or not (port.isascii() and port.isdigit() and len(port) < 6 and 1 <= int(port) <= 65535):
        problems.append(f"line {element.line}: plugin socket: needs <deshost ip=… port=…>")
        return
    mirror.hooks.append({"socket": f"[{where}]:{port}" if ":" in where else f"{where}:{port}"})
    mirror.note(
        element.line,
        "plugin socket",
        "is a hook: a line for each path, relative to the source; whoever listens reads to the end and closes",
    )
