"""How a target is reached through TLS: a key `tls` beside its url."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from lockstep import config_paths, config_url

if TYPE_CHECKING:
    from lockstep.config_yaml import Mapping

KEYS = ("connect", "ca", "certificate", "key", "server_name")


@dataclass(frozen=True)
class Tls:
    """`host` and `port` are where this end of the tunnel listens, to which rsync connects; the url has the other end.

    The files and `server_name` are those of the tunnel. Nothing is sent with them: they are for finding out why the
    other end cannot be reached, which this end tells nobody.
    """

    host: str
    port: int
    ca: str
    certificate: str
    key: str
    server_name: str


def read(node: Mapping, target: config_url.Target) -> Optional[Tls]:
    """The tunnel of a target, None where it has none; what is wrong is noted."""
    given = node.get("tls")
    if given.is_absent() or given.is_null():
        return None
    if target.scheme != "rsync":
        given.problem("is for the url of a daemon, rsync://USER@HOST:PORT/MODULE")
        return None
    tls = given.as_mapping()
    tls.allow(*KEYS)
    host, port = config_url.listen(tls.get("connect", required=True), "") or ("", 0)
    ca, certificate, key = (config_paths.absolute(tls.get(name, required=True), "") for name in KEYS[1:4])
    return Tls(host, port, ca, certificate, key, tls.get("server_name").text(target.host))
