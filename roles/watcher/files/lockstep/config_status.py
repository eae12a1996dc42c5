"""Where the watcher tells how it is: the part `status` of the configuration."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from lockstep import config_paths, config_url

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping

# Host and port, or the path of a unix socket.
Listen = Union["tuple[str, int]", str]

YEAR = 366 * 86400.0
UNIX = "unix:"


@dataclass(frozen=True)
class Status:
    """`listen` is None for no HTTP; `token_file` has what clients must show; `max_lag` (seconds) is healthz's limit.

    `file`: where the status is written too, every `interval` seconds.
    """

    listen: Listen | None
    socket: str
    max_lag: float
    token_file: str | None
    file: str | None
    interval: float


def status(node: Mapping) -> Status:
    node.allow("listen", "socket", "max_lag", "token_file", "file", "interval")
    socket = node.get("socket")
    token_file = config_paths.optional(node.get("token_file"))
    return Status(
        listen=_listen(node, token_file),
        socket=config_paths.socket_path(socket, config_paths.absolute(socket, "/run/lockstep/status.sock")),
        max_lag=node.get("max_lag").number(60.0, 0.1, YEAR),
        token_file=token_file,
        file=config_paths.optional(node.get("file")),
        interval=node.get("interval").number(10.0, 1.0, 86400.0),
    )


def is_loopback(host: str) -> bool:
    """Can nobody but this host's own users come in there?  What a name stands for is not looked up: it can change."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(node: Mapping, token_file: str | None) -> Listen | None:
    value = node.get("listen")
    if value.is_null() or value.is_empty_text():
        return None
    text = value.text("127.0.0.1:8008")
    if text.startswith(UNIX):
        return config_paths.socket_path(value, config_paths.normal(value, text[len(UNIX) :]))
    listen = config_url.listen(value, text)
    if listen is not None and not value.failed and token_file is None and not is_loopback(listen[0]):
        value.problem(
            f"{text} can be reached from other hosts, so status.token_file is required; give one, or listen at "
            "127.0.0.1:8008, or at a unix socket, as in unix:/run/lockstep/http.sock"
        )
    return listen
