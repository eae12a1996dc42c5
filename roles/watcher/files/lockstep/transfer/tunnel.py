"""Why the other end of a tunnel cannot be reached: rsync, at this end, only sees that the connection is closed.

Asked after a failure, by a connection of its own with the tunnel's files: what is found out is what the tunnel meets.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Callable

from lockstep.transfer import certificate

if TYPE_CHECKING:
    import ssl

    from lockstep.config import Target
    from lockstep.config_tls import Tls

PATIENCE = 5.0  # seconds, for each step
SERVICE = "lockstep-tls"
MEND = "run the playbook site again, which renews and replaces what it has to"


class Tunnel:
    """Of one target. `explained(why)` is what to say of a failure; `tell(why)` is called when more is known of it."""

    def __init__(self, target: Target, tell: Callable[[str], None]) -> None:
        self._target, self._tell = target, tell
        self._known = ""
        self._asking = False

    def explained(self, why: str) -> str:
        """With what was found out last, so that a reason that stays does not change its words; and it is asked anew."""
        if self._target.tls is None:
            return why
        if not self._asking:
            self._asking = True
            # of its own, for names are looked up; it ends with the process
            threading.Thread(target=self._ask, args=(asyncio.get_running_loop(), why), daemon=True).start()
        return _both(self._known, why)

    def _ask(self, loop: asyncio.AbstractEventLoop, why: str) -> None:
        found = reason(self._target)
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._found, found, why)

    def _found(self, found: str, why: str) -> None:
        self._asking = False
        if found != self._known:
            self._known = found
            self._tell(_both(found, why))


def _both(found: str, why: str) -> str:
    return f"{found} ({why})" if found else why


def reason(target: Target) -> str:
    """What is wrong with the tunnel, and its mend; "" where nothing is, or it has none. Takes seconds, if it must."""
    tls = target.tls
    if tls is None:
        return ""
    where = f"{target.host}:{target.port}"
    try:
        _connect(tls.host, tls.port).close()
    except OSError as error:
        said = f"{tls.host}:{tls.port}: {_words(error)}"
        return f"{SERVICE} on this host does not take connections to {where} ({said}): systemctl status {SERVICE}"
    try:
        context = _context(tls)
    except OSError as error:  # ssl's own errors among them
        return f"{tls.certificate}, {tls.key} or {tls.ca} cannot be used: {_words(error)}; {MEND}"
    try:
        plain = _connect(target.host, target.port)
    except OSError as error:
        return f"{where} cannot be reached ({_words(error)}): is {SERVICE} running there?"
    with plain:
        return _greeted(context, plain, tls, where)


def _greeted(context: ssl.SSLContext, plain: socket.socket, tls: Tls, where: str) -> str:
    import ssl  # noqa: PLC0415 (as below)

    try:
        secure = context.wrap_socket(plain, server_hostname=tls.server_name)
    except ssl.SSLCertVerificationError as error:
        return (
            f"the certificate that {where} shows is not that of {tls.server_name} by an authority in {tls.ca}: "
            f"{error.verify_message.rstrip('.')}; {MEND}"
        )
    except OSError as error:
        return f"{where} does not speak TLS with this host ({_words(error)}): is that the port of {SERVICE} there?"
    with secure:
        try:
            # with TLS 1.3 it is with the first bytes that the other end says what it thinks of our certificate
            greeting = secure.recv(1)
        except ssl.SSLError as error:
            return f"{where} refuses {tls.certificate} of this host ({_words(error)}){_ended(tls)}; {MEND}"
        except OSError as error:
            return f"{where} says nothing behind TLS ({_words(error)}): is the rsync daemon running there?"
    return "" if greeting else f"{where} closes the connection behind TLS: is the rsync daemon running there?"


def _ended(tls: Tls) -> str:
    import time  # noqa: PLC0415 (beside what else only a failure needs)

    at = certificate.expires(tls.certificate)
    return f", which ended on {time.strftime('%Y-%m-%d', time.gmtime(at))}" if at and at < time.time() else ""


def _context(tls: Tls) -> ssl.SSLContext:
    # Here and not above: the library costs megabytes that a watcher whose targets answer has no use for.
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def _connect(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=PATIENCE)


def _words(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error or type(error).__name__)
