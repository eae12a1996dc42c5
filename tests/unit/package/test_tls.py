"""A target behind TLS: how rsync reaches it, what is said when it does not, and when the certificate ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Optional

import documents
import pytest
from ansible_collections.lockstep.realtime.plugins.plugin_utils._authority import Authority

from lockstep.config import ConfigError, Target, parse
from lockstep.config_tls import Tls
from lockstep.status import page, terminal
from lockstep.transfer import certificate, command, tunnel

NEW_KEY = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
GREETING = b"@RSYNCD: 32.0 sha512\n"


def configured(tls: str, url: str = "rsync://rsync_backup@backup01.example:874/data") -> Target:
    """The target of a file with this as its key `tls`."""
    lines = ["mirrors:", "  - name: data", "    source: /data", "    targets:", f"      - url: {url}"]
    lines += ["        password_file: /etc/x"] if url.startswith("rsync") else []
    text = "\n".join([*lines, f"        tls: {tls}", ""])
    return parse(text.encode(), "lockstep.yml").mirrors[0].targets[0]


FILES = "ca: /t/ca.pem, certificate: /t/host.pem, key: /t/host.key"


def test_rsync_connects_to_the_near_end_and_the_name_is_that_of_the_other() -> None:
    target = configured(f"{{connect: '127.70.1.2:8740', {FILES}, server_name: backup01}}")
    assert target.tls == Tls("127.70.1.2", 8740, "/t/ca.pem", "/t/host.pem", "/t/host.key", "backup01")
    assert target.name == "backup01.example/data"
    for argv in (command.batch("rsync", target, lane) for lane in command.Lane if lane in command._LANES):
        assert argv[-1] == "rsync://rsync_backup@127.70.1.2:8740/data"


def test_the_other_end_has_the_name_of_the_url_where_none_is_given() -> None:
    tls = configured(f"{{connect: '[::1]:8740', {FILES}}}").tls
    assert tls is not None
    assert (tls.host, tls.server_name) == ("::1", "backup01.example")


@pytest.mark.parametrize(
    ("tls", "said"),
    [
        ("yes", "mirrors[0].targets[0].tls: must be a mapping"),
        (f"{{{FILES}}}", "tls.connect: is missing"),
        (f"{{connect: '127.0.0.1', {FILES}}}", "tls.connect: must be HOST:PORT"),
        ("{connect: '127.0.0.1:1', ca: /x, certificate: /x}", "tls.key: is missing"),
        (f"{{connect: '127.0.0.1:1', {FILES}, cert: /x}}", "tls.cert: is not a known key; did you mean connect?"),
        ("{connect: '127.0.0.1:1', ca: x, certificate: /x, key: /x}", "tls.ca: must be an absolute path"),
    ],
)
def test_a_mistake_is_named(tls: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tls)
    assert said in str(caught.value)


def test_a_folder_of_this_host_is_reached_without() -> None:
    with pytest.raises(ConfigError, match="tls: is for the url of a daemon"):
        configured(f"{{connect: '127.0.0.1:1', {FILES}}}", "file:///mnt/copy")


# ---------------------------------------------------------------------- certificates


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem; server and client with key and certificate; `ended` is a client's that has ended, `foreign` another's."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("own", "other"):
        Authority(str(folder / name)).make(3650)
    for name, by, days in (
        ("server", "own", 100),
        ("client", "own", 100),
        ("ended", "own", -0.5),
        ("foreign", "other", 9),
    ):
        key = str(folder / f"{name}.key")
        subprocess.run(
            [*NEW_KEY, "-keyout", key, "-subj", f"/CN={name}", "-out", f"{key}.request"],
            check=True,
            capture_output=True,
        )
        request = Path(f"{key}.request").read_text()
        signed = Authority(str(folder / by)).sign(request, [f"DNS:{name}"], days)  # type: ignore[arg-type]
        (folder / f"{name}.pem").write_text(signed)
    (folder / "ca.pem").write_text(Authority(str(folder / "own")).text())
    return folder


@pytest.mark.parametrize("name", ["server", "ended", "own/ca"])
def test_the_end_of_a_certificate_is_read_as_openssl_reads_it(files: Path, name: str) -> None:
    path = str(files / f"{name}.pem")
    said = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", path], check=True, capture_output=True)
    assert certificate.expires(path) == ssl.cert_time_to_seconds(said.stdout.decode().strip().partition("=")[2])


def test_a_certificate_of_the_next_century_is_read(files: Path) -> None:
    path = files / "long.pem"
    command_line = ["openssl", "req", "-x509", "-new", "-key", str(files / "server.key"), "-subj", "/CN=x"]
    subprocess.run([*command_line, "-days", "36500", "-out", str(path)], check=True, capture_output=True)
    assert (certificate.expires(str(path)) or 0) - time.time() == pytest.approx(36500 * 86400, abs=600)


def test_what_is_no_certificate_has_no_end(files: Path) -> None:
    broken = files / "broken.pem"
    for text in ("", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        broken.write_text(text)
        assert certificate.expires(str(broken)) is None
    assert certificate.expires(str(files / "none.pem")) is None


def test_a_renewed_certificate_is_read_anew(files: Path) -> None:
    path = files / "renewed.pem"
    path.write_text((files / "ended.pem").read_text())
    ended = certificate.expires(str(path))
    (files / "renewed.new").write_text((files / "server.pem").read_text())
    (files / "renewed.new").replace(path)
    assert ended is not None
    assert (certificate.expires(str(path)) or 0) > ended


# ---------------------------------------------------------------------- what is wrong


@contextlib.contextmanager
def serving(files: Path, name: Optional[str], says: bytes = GREETING) -> Iterator[int]:
    """The other end, with the certificate of `name` (None: without TLS), which `says` something to whom it takes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if name is not None:
        context.load_cert_chain(files / f"{name}.pem", files / f"{name}.key")
        context.load_verify_locations(files / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED

    def take(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _from = listener.accept()
                with contextlib.suppress(OSError), plain:
                    plain.settimeout(5)
                    with context.wrap_socket(plain, server_side=True) if name is not None else plain as taken:
                        taken.sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=take, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextlib.contextmanager
def reached(files: Path, port: int, client: str = "client", name: str = "server") -> Iterator[Target]:
    """A target at that port, with a near end that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as near:
        keys = (str(files / "ca.pem"), str(files / f"{client}.pem"), str(files / f"{client}.key"))
        tls = Tls("127.0.0.1", near.getsockname()[1], *keys, name)
        url = f"rsync://u@127.0.0.1:{port}/data"
        yield Target(url, "rsync", "u", "127.0.0.1", port, "data", "", "/etc/x", (), tls)


def test_nothing_is_said_of_a_tunnel_that_is_right(files: Path) -> None:
    with serving(files, "server") as port, reached(files, port) as target:
        assert tunnel.reason(target) == ""
    assert tunnel.reason(replace(target, tls=None)) == ""


@pytest.mark.parametrize(
    ("server", "client", "name", "said"),
    [
        ("foreign", "client", "foreign", "is not that of foreign by an authority in"),
        ("server", "client", "backup01", "Hostname mismatch, certificate is not valid for 'backup01'"),
        ("server", "foreign", "server", "foreign.pem of this host"),
        ("server", "ended", "server", "ended.pem of this host"),
        (None, "client", "server", "does not speak TLS with this host"),
    ],
)
def test_a_certificate_that_is_not_taken_is_named(
    files: Path, server: Optional[str], client: str, name: str, said: str
) -> None:
    with serving(files, server) as port, reached(files, port, client, name) as target:
        found = tunnel.reason(target)
    assert said in found
    assert f"127.0.0.1:{port}" in found
    assert ("which ended on" in found) == (client == "ended")


def test_an_end_that_does_not_listen_is_named(files: Path) -> None:
    with serving(files, "server") as port, reached(files, port) as target:
        pass
    assert "lockstep-tls on this host does not take connections" in tunnel.reason(target)
    with reached(files, port) as target:
        assert f"127.0.0.1:{port} cannot be reached (Connection refused): is lockstep-tls" in tunnel.reason(target)


def test_a_daemon_that_does_not_run_behind_it_is_named(files: Path) -> None:
    with serving(files, "server", says=b"") as port, reached(files, port) as target:
        assert "closes the connection behind TLS: is the rsync daemon running there?" in tunnel.reason(target)


def test_files_that_cannot_be_used_are_named(files: Path) -> None:
    with serving(files, "server") as port, reached(files, port, client="none") as target:
        assert "none.pem" in tunnel.reason(target)


def test_a_reason_is_added_when_it_is_known_and_stays_until_it_is_another(files: Path) -> None:
    async def story() -> list[str]:
        told: asyncio.Queue[str] = asyncio.Queue()
        with serving(files, "foreign") as port, reached(files, port, name="foreign") as target:
            behind = tunnel.Tunnel(target, told.put_nowait)
            said = [behind.explained("closed"), await asyncio.wait_for(told.get(), 20)]
        with serving(files, "server") as port, reached(files, port) as target:
            behind._target = target
            said.append(behind.explained("closed"))
            said.append(await asyncio.wait_for(told.get(), 20))
        return said

    first, added, again, cured = asyncio.run(asyncio.wait_for(story(), 60))
    assert first == cured == "closed"
    assert added == again
    assert added.endswith(" (closed)")
    assert "is not that of foreign" in added


@pytest.mark.parametrize(("left", "told"), [(31, False), (29.5, True), (None, False)])
def test_a_certificate_that_ends_within_thirty_days_is_told_in_the_terminal_and_on_the_page(
    left: Optional[float], told: bool
) -> None:
    now = documents.document()["now"]
    ends = None if left is None else now + left * 86400
    status = documents.document("live", documents.target(certificate_expires=ends))
    for shown in (terminal.table(status), page.html(status)):
        assert ("certificate for TLS ends in 29 days" in shown) == told
