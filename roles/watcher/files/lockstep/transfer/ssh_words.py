"""What ssh says on stderr when it ends with 255, and what rrsync and the login at the other end say."""

from __future__ import annotations

from collections.abc import Sequence

SSH_FAILED = 255  # ssh(1), EXIT STATUS
RSYNC_HUNG_UP = 12  # rsync(1), EXIT VALUES: error in rsync protocol data stream

# In the order in which they count: what comes later may follow from what comes first.
_TEXTS: Sequence[tuple[bytes, str]] = (
    (
        b"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the target's host key has changed: nothing is sent to it; where its sshd was set up anew, run site.yml, which "
        "fetches the key, else somebody answers in its place",
    ),
    (b"host key is known for", "the target's host key is not known: ssh_known_hosts lacks it; site.yml fetches it"),
    (b"Host key verification failed", "the target's host key could not be verified: see ssh_known_hosts"),
    (b"UNPROTECTED PRIVATE KEY FILE", "ssh_key is open to others, so that ssh does not use it: chmod 0600"),
    (b"Load key ", "ssh_key cannot be read as a private key"),
    (
        b": Permission denied (",
        "the target does not take ssh_key: see authorized_keys of the user there, its from=, and AllowUsers of sshd",
    ),
    (b"Too many authentication failures", "the target does not take ssh_key: see MaxAuthTries of sshd"),
    (b"Could not resolve hostname", "the target's name cannot be resolved"),
    (b"Connection refused", "nothing listens at the target's port: is sshd running?"),
    (b"No route to host", "no route to the target"),
    (b"Network is unreachable", "no route to the target's network"),
    (b"Connection timed out", "the target did not answer the connection in time"),
    (b"Unable to negotiate", "the two ssh do not understand each other: they have no algorithm in common"),
    (b"No user exists for uid", "the watcher's user is not among the users of this host, which ssh wants to know"),
    (b", server ", "the target did not answer in time"),
    (b" closed by remote host.", "the target closed the connection"),
    (b"Read from remote host", "the target closed the connection"),
    (b"client_loop: send disconnect", "the target closed the connection"),
    (
        b"onnection closed by",
        "the target closed the connection before the login: are there more than MaxStartups of its sshd?",
    ),
    (b"Connection reset by", "the target closed the connection before the login: see MaxStartups of its sshd"),
)

_OF_THE_LOGIN = 7  # the first of them

# of a connection that had been made; all else is said before that
_WAS_MADE = (b", server ", b" closed by remote host.", b"Read from remote host", b"client_loop: send disconnect")

# said by what the other end runs, under exit codes of rsync's own
AT_THE_OTHER_END: Sequence[tuple[bytes, str]] = (
    (
        b"Another instance of rrsync",
        "rrsync lets in one connection at a time: write -no-lock into its line of authorized_keys",
    ),
    (
        b"Restricted directory does not exist",
        "the module's path is missing on the target, or its user may not go there",
    ),
    (b"sending to read-only server", "the module is read only: take -ro out of authorized_keys"),
    (b"has been disabled on this server", "rrsync refuses an option that is needed: see its line of authorized_keys"),
    (b"rrsync error:", "rrsync on the target refused what was asked of it"),
    (b"rsync: command not found", "there is no rsync on the target: install it there"),
    (b"rsync: not found", "there is no rsync on the target: install it there"),
    (
        b"is your shell clean",
        "the target says something before rsync does: its user needs a shell, as /bin/sh, that prints nothing",
    ),
    (b"Failed to exec ssh", "there is no ssh on this host: install openssh-client"),
)


def reason(stderr: bytes, code: int = SSH_FAILED) -> tuple[str, bytes] | None:
    """What made ssh end with 255, for a person, and the line that says so; None where that is not known.

    Where rsync sees the end of the pipe before it sees that of ssh it leaves with 12: what ssh says of the login counts
    all the same, and what others say in the same words does not.
    """
    lines = [line.rstrip(b"\r") for line in stderr.splitlines()]
    if code != SSH_FAILED:
        lines = [line for line in lines if not line.startswith(b"rsync")] if code == RSYNC_HUNG_UP else []
    for sign, text in _TEXTS if code == SSH_FAILED else _TEXTS[:_OF_THE_LOGIN]:
        for line in lines:
            if sign in line:
                return text, line.strip(b"@ ")
    return None


def was_connected(stderr: bytes) -> bool:
    """Had the connection been made which ssh has lost?"""
    return any(sign in stderr for sign in _WAS_MADE)
