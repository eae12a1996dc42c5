"""Who is told of changes of state, and when: the part `notify` of the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union
from urllib.parse import urlsplit

from lockstep import config_paths

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping, Value

DAY = 86400.0


@dataclass(frozen=True)
class Command:
    """A program and its arguments; it gets the message on stdin and no shell ever sees it."""

    argv: tuple[str, ...]
    timeout: float


@dataclass(frozen=True)
class Post:
    """An HTTP POST.  `url`, or a file that holds it where it is a secret itself; `token_file`: a bearer token's.

    `headers_file`: more headers, one a line.
    """

    url: str | None
    url_file: str | None
    token_file: str | None
    timeout: float
    headers_file: str | None = None


Channel = Union[Command, Post]


@dataclass(frozen=True)
class Notify:
    """`behind` and `down`: seconds for which a target must have been so; `interval`: between messages of a channel."""

    behind: float
    down: float
    interval: float
    to: tuple[Channel, ...]


def notify(node: Mapping) -> Notify:
    node.allow("behind", "down", "interval", "to")
    return Notify(
        behind=node.get("behind").number(60.0, 0.0, 30 * DAY),
        down=node.get("down").number(10.0, 0.0, 30 * DAY),
        interval=node.get("interval").number(30.0, 0.0, DAY),
        to=tuple(_channel(item.as_mapping()) for item in node.items("to")),
    )


def _channel(node: Mapping) -> Channel:
    node.allow("command", "url", "url_file", "token_file", "timeout")
    timeout = node.get("timeout").number(10.0, 0.1, 600.0)
    command, address, url_file = node.get("command"), node.get("url"), node.get("url_file")
    given = [value for value in (command, address, url_file) if not value.is_absent()]
    if len(given) != 1 and not node.failed:
        node.problem("needs one of command (a list: the program and its arguments), url or url_file")
    if not command.is_absent():
        if not node.get("token_file").is_absent():
            node.get("token_file").problem("is for url and url_file; a command can read a file itself")
        return Command(argv(command), timeout)
    return Post(
        None if address.is_absent() else url(address),
        config_paths.optional(url_file),
        config_paths.optional(node.get("token_file")),
        timeout,
    )


def argv(value: Value) -> tuple[str, ...]:
    """A program's absolute path and its arguments."""
    words = value.as_items()
    found = tuple(word.text() for word in words)
    if not found and not value.failed:
        value.problem("must name a program and its arguments, as a list")
    if found and not words[0].failed and not found[0].startswith("/"):
        words[0].problem(f"must be the absolute path of a program, not {found[0]!r}")
    return found


def url(value: Value) -> str:
    """An address to POST to."""
    text = value.text()
    if not value.failed:
        wrong = url_problem(text)
        if wrong:
            value.problem(wrong)
    return text


def url_problem(text: str) -> str:
    """What is wrong with an address to POST to; empty when nothing is."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return f"is no URL: {error}"
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or port == 0
        or re.search(r"[\x00-\x20\x7f-\uffff]", text)
    ):
        return "must be http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH"
    if parts.username is not None or parts.password is not None:
        return "must not contain a user or password; name a token_file, or put the whole address into a url_file"
    return ""
