"""The hosts of these tests: each release in each role, and with mirrors of all hosts to all hosts each pair of them."""

from __future__ import annotations

HOSTS = {
    "nfs01": "172.16.1.31:nfs:bookworm",
    "nfs02": "172.16.1.32:nfs:trixie",
    "backup01": "172.16.1.41:backup:trixie",
    "backup02": "172.16.1.42:backup:bookworm",
}
NFS = [name for name, rest in HOSTS.items() if ":nfs:" in rest]
BACKUP = [name for name, rest in HOSTS.items() if ":backup:" in rest]
