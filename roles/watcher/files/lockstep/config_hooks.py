"""Who is told which paths a target has confirmed: `hooks` of a mirror."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Union

from lockstep import config_filters, config_notify, config_paths, config_url
from lockstep.config_notify import Command, Post

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

RECEIVERS = ("command", "url", "url_file", "socket", "purge")
CHANGED, DELETED = "changed", "deleted"
METHODS = ("PURGE", "GET", "HEAD", "POST", "DELETE", "BAN")
UNIX = "unix:"
_PLACES = re.compile(r"\{([^{}]*)\}")
_PLACE = re.compile(r"path|[1-9]")


@dataclass(frozen=True)
class Stream:
    """A TCP address, or, where `path` is given, a unix socket: a line for each path."""

    host: str
    port: int
    path: Optional[str]
    timeout: float


@dataclass(frozen=True)
class Purge:
    """A request for each path.  In `template` stand {path}, and {1} to {9} for the groups of `match`."""

    template: str
    method: str
    match: Optional[str]
    token_file: Optional[str]
    headers_file: Optional[str]
    timeout: float


Receiver = Union[Command, Post, Stream, Purge]


@dataclass(frozen=True)
class Hook:
    """`include`: rsync's patterns of what is told, all when empty.  `kinds`: of `changed` and `deleted`.

    `end` is behind each name; `interval`: seconds between two deliveries; `retry`: until it was told, else once.
    """

    to: Receiver
    end: bytes
    include: tuple[bytes, ...]
    kinds: tuple[str, ...]
    retry: bool
    interval: float


def hooks(items: list[Value]) -> tuple[Hook, ...]:
    return tuple(_hook(item.as_mapping()) for item in items)


def _hook(node: Mapping) -> Hook:
    node.allow(
        *RECEIVERS, "method", "match", "token_file", "headers_file", "names", "include", "tell", "on_failure",
        "interval", "timeout",
    )  # fmt: skip
    to = _receiver(node)
    names = node.get("names")
    if not names.is_absent() and not isinstance(to, Command):
        names.problem("is for a command; lines go to a socket, JSON to an url")
    kinds = tuple(dict.fromkeys(item.choice((CHANGED, DELETED), CHANGED) for item in node.items("tell")))
    return Hook(
        to=to,
        end=b"\n" if isinstance(to, Stream) or names.choice(("nul", "lines"), "nul") == "lines" else b"\0",
        include=tuple(config_filters.pattern(item) for item in node.items("include")),
        kinds=kinds or (CHANGED, DELETED),
        retry=node.get("on_failure").choice(("retry", "ignore"), "retry") == "retry",
        interval=node.get("interval").number(1.0, 0.0, 86400.0),
    )


def _receiver(node: Mapping) -> Receiver:
    given = [name for name in RECEIVERS if not node.get(name).is_absent()]
    if len(given) != 1 and not node.failed:
        node.problem(f"needs one of {', '.join(RECEIVERS)}")
    kind = given[0] if given else "command"
    timeout = node.get("timeout").number(10.0, 0.1, 600.0)
    _only(node, kind, ("method", "match"), ("purge",))
    _only(node, kind, ("token_file", "headers_file"), ("url", "url_file", "purge"))
    if kind == "command":
        return Command(config_notify.argv(node.get("command")), timeout)
    if kind == "socket":
        return _stream(node.get("socket"), timeout)
    token, headers = (config_paths.optional(node.get(name)) for name in ("token_file", "headers_file"))
    if kind == "purge":
        return _purge(node, token, headers, timeout)
    url = None if kind == "url_file" else config_notify.url(node.get("url"))
    return Post(url, config_paths.optional(node.get("url_file")), token, timeout, headers)


def _only(node: Mapping, kind: str, names: tuple[str, ...], kinds: tuple[str, ...]) -> None:
    for name in names:
        if kind not in kinds and not node.get(name).is_absent():
            node.get(name).problem(f"is for {' and '.join(kinds)}, not for {kind}")


def _stream(value: Value, timeout: float) -> Stream:
    text = value.text()
    if text.startswith(UNIX):
        path = config_paths.socket_path(value, config_paths.normal(value, text[len(UNIX) :]))
        return Stream("", 0, path, timeout)
    address = config_url.listen(value, text) or ("", 0)
    return Stream(*address, None, timeout)


def _purge(node: Mapping, token: Optional[str], headers: Optional[str], timeout: float) -> Purge:
    value, match = node.get("purge"), node.get("match")
    template, expression = value.text(), None if match.is_absent() else match.text()
    groups = 0
    if expression is not None and not match.failed:
        try:
            groups = re.compile(expression.encode("utf-8", "surrogateescape")).groups
        except re.error as error:
            match.problem(f"is no regular expression: {error}")
    places = _PLACES.findall(template)
    if not value.failed:
        wrong = config_notify.url_problem(_PLACES.sub("x", template))
        unknown = [place for place in places if not _PLACE.fullmatch(place)]
        if wrong:
            value.problem(wrong)
        elif not places or unknown or "{" in _PLACES.sub("", template) or "}" in _PLACES.sub("", template):
            value.problem("must have {path}, or {1} to {9} for the groups of match, and no other braces")
        elif any(place != "path" and int(place) > groups for place in places) and not match.failed:
            value.problem(f"has a group that match does not have; it has {groups}")
        elif "{" in template.split("/", 3)[2]:
            value.problem("must not take its host from a name; write the host itself")
    return Purge(template, node.get("method").choice(METHODS, METHODS[0]), expression, token, headers, timeout)
