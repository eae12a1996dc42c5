# Copyright: lockstep.realtime maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet's own certificate authority, in a folder of the controller: made when first needed, it signs for the hosts.

openssl-ca(1): of its commands only this one can date a certificate back, which clocks that differ make necessary.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator

_DAY = 86400
_SUBJECT = "/CN=lockstep.realtime authority"
_CONFIG = """\
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = named
[named]
commonName = supplied
[req]
distinguished_name = none
[none]
"""
_OF_AUTHORITY = """\
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_OF_HOST = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""
# What can be written into an extension as it is.
_ALTERNATIVE = re.compile(r"(DNS:[A-Za-z0-9_.-]+|IP:[0-9A-Fa-f:.]+)\Z")


class AuthorityError(Exception):
    """It cannot be made, or does not sign: why, and the mend. No key is in any of its texts."""


class Authority:
    """`key` and `certificate` are its files in the folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.key = os.path.join(folder, "ca.key")
        self.certificate = os.path.join(folder, "ca.pem")

    def text(self) -> str:
        """Its certificate, "" while it has none."""
        try:
            with open(self.certificate, encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise AuthorityError(f"{self.certificate} cannot be read: {error}") from error

    def make(self, days: int) -> bool:
        """Make it, if it is not there; whether it was made."""
        with self._alone():
            there = [os.path.lexists(path) for path in (self.key, self.certificate)]
            if all(there):
                return False
            if there[1]:
                raise AuthorityError(
                    f"{self.certificate} is there and {self.key} is not: bring that back, or move the certificate away "
                    "for a new authority, which all hosts then have to be given in one run"
                )
            with _scratch() as scratch:
                new, request = f"{self.key}.new", os.path.join(scratch, "request")
                if not there[0]:
                    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", new)
                    os.chmod(new, 0o600)
                    os.replace(new, self.key)
                config = os.path.join(scratch, "config")
                _openssl("req", "-new", "-config", config, "-key", self.key, "-subj", _SUBJECT, "-out", request)
                text = self._issue(scratch, request, _OF_AUTHORITY, days, "-selfsign")
            _write(self.certificate, text)
            return True

    def sign(self, request: str, names: list[str], days: int) -> str:
        """A host's certificate for a request (PEM), for its names as they stand in subjectAltName."""
        wrong = [name for name in names if not _ALTERNATIVE.match(name)]
        if wrong or not names:
            raise AuthorityError(f"a certificate cannot be for {', '.join(map(repr, wrong)) or 'no name'}")
        with self._alone(), _scratch() as scratch:
            path = os.path.join(scratch, "request")
            with open(path, "w", encoding="ascii") as file:
                file.write(request)
            return self._issue(scratch, path, _OF_HOST.format(names=", ".join(names)), days, "-cert", self.certificate)

    def _issue(self, scratch: str, request: str, extensions: str, days: int, *how: str) -> str:
        out, extension_file = os.path.join(scratch, "certificate"), os.path.join(scratch, "extensions")
        with open(extension_file, "w", encoding="ascii") as file:
            file.write(extensions)
        now = time.time()
        _openssl(
            *("ca", "-batch", "-notext", "-config", os.path.join(scratch, "config"), "-keyfile", self.key, *how),
            *("-startdate", _moment(now - _DAY), "-enddate", _moment(now + days * _DAY)),
            *("-extfile", extension_file, "-in", request, "-out", out),
        )
        with open(out, encoding="ascii") as file:
            return file.read()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hosts are worked on side by side, each by a process of its own."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            with open(os.path.join(self.folder, ".lock"), "w", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise AuthorityError(f"{error.filename or self.folder}: {error.strerror or error}") from error


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    """A folder with what openssl-ca wants to have beside an authority."""
    with tempfile.TemporaryDirectory(prefix="lockstep-tls-") as folder:
        for name, text in (("index.txt", ""), ("index.txt.attr", "unique_subject = no\n")):
            _write(os.path.join(folder, name), text)
        _write(os.path.join(folder, "config"), _CONFIG.format(folder=folder))
        yield folder


def _write(path: str, text: str) -> None:
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def _moment(at: float) -> str:
    # before 2050 two digits and after it four are the year, which openssl sorts out by itself
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(at))


def _openssl(*words: str) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "OPENSSL_CONF": os.devnull}
    try:
        done = subprocess.run(
            ["openssl", *words], check=False, stdin=subprocess.DEVNULL, capture_output=True, env=environment
        )
    except FileNotFoundError as error:
        raise AuthorityError(
            "openssl is not on the controller; install it, or set tls_certificate and tls_key"
        ) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        raise AuthorityError(f"openssl {words[0]}: {' / '.join(said[-3:])}")
