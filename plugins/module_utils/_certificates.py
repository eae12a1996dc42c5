# Copyright (c) 2026, The lockstep.realtime authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's key and certificate, by the program openssl: whether they are what they are to be, and a request for others.

openssl-x509(1), openssl-verify(1), openssl-req(1).
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import subprocess
import tempfile
import time


class CertificateError(Exception):
    """What cannot be read or made, and why."""


def openssl(*words: str) -> str:
    """What the program says. Raises CertificateError with its own words."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        done = subprocess.run(  # nosec
            ["openssl", *words], check=False, stdin=subprocess.DEVNULL, capture_output=True, env=environment
        )
    except FileNotFoundError as error:
        raise CertificateError("openssl is not there; install it") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "backslashreplace").strip().splitlines()
        raise CertificateError(f"openssl {words[0]}: {' / '.join(said[-2:])}")
    return done.stdout.decode("utf-8", "backslashreplace")


def make_key(path: str) -> None:
    """A new private key, at once with its mode; nobody else reads it meanwhile."""
    before = os.umask(0o077)
    try:
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{path}.new")
    finally:
        os.umask(before)
    os.replace(f"{path}.new", path)


def request(key: str, name: str) -> str:
    """A request for a certificate, as PEM."""
    return openssl("req", "-new", "-key", key, "-subj", f"/CN={name[:64]}")


def days_left(path: str) -> float:
    """Until the certificate ends; less than 0 where it has."""
    said = openssl("x509", "-noout", "-enddate", "-in", path).strip().partition("=")[2]
    return (ssl.cert_time_to_seconds(said) - time.time()) / 86400


def alternatives(path: str) -> set[str]:
    """What the certificate is for, as it stands in subjectAltName."""
    said = openssl("x509", "-noout", "-ext", "subjectAltName", "-in", path).replace("IP Address:", "IP:")
    return {_plain(word) for word in re.findall(r"(?:DNS|IP):[^\s,]+", said)}


def _plain(alternative: str) -> str:
    """openssl writes an IPv6 address in its own way."""
    kind, _colon, name = alternative.partition(":")
    if kind == "IP" and ":" in name:
        return "IP:" + ":".join(f"{int(group or '0', 16):x}" for group in name.split(":"))
    return alternative


def due(key: str, path: str, ca: str, wanted: list[str], renew_days: int) -> str:
    """Why another certificate is wanted; "" where this one will do. `ca`: the authority's certificate, as PEM."""
    if not os.path.exists(key) or not os.path.exists(path):
        return "there is none yet"
    try:
        left = days_left(path)
        if left < renew_days:
            return f"it ends in {left:.0f} days" if left > 0 else "it has ended"
        if openssl("pkey", "-in", key, "-pubout") != openssl("x509", "-noout", "-pubkey", "-in", path):
            return "it is not of the key that is here"
        if {_plain(each) for each in _expanded(wanted)} - alternatives(path):
            return "it is not for all names that this host has"
    except CertificateError as error:
        return f"it cannot be read: {error}"
    return "" if _verifies(path, ca) else "it is not by this authority"


def _expanded(wanted: list[str]) -> list[str]:
    """IPv6 addresses with all their groups, as openssl has them."""
    found = []
    for each in wanted:
        kind, _colon, name = each.partition(":")
        found.append(f"IP:{ipaddress.ip_address(name).exploded}" if kind == "IP" else each)
    return found


def _verifies(path: str, ca: str) -> bool:
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem") as file:
        file.write(ca)
        file.flush()
        try:
            openssl("verify", "-no-CApath", "-CAfile", file.name, path)
        except CertificateError:
            return False
    return True
