"""What kind of failure a reason tells of: one word of a short list, for whoever counts and compares them."""

from __future__ import annotations

# The beginnings of what outcome.reason() says, and what the system's own messages end with.
_BEGINNINGS = (
    ("wrong user or password", "login"),
    ("password_file", "login"),
    ("ssh_key", "login"),
    ("the target does not take ssh_key", "login"),
    ("the target's host key", "host_key"),
    ("the daemon has no such module", "module"),
    ("the module's path is missing", "module"),
    ("the daemon's max connections", "connections"),
    ("the daemon does not let this host in", "denied"),
    ("the daemon refused the connection", "denied"),
    ("nothing listens at the target's port", "unreachable"),
    ("no route to", "unreachable"),
    ("the target's name cannot be resolved", "unreachable"),
    ("the daemon cannot be reached", "unreachable"),
    ("the daemon did not answer", "timeout"),
    ("the target did not answer", "timeout"),
    ("the target closed the connection", "closed"),
    ("the connection was closed", "closed"),
    ("the target's disk is full", "space"),
    ("the target's quota", "space"),
    ("the target's file system is read-only", "read_only"),
    ("the module is read only", "read_only"),
    ("the daemon refuses an option", "options"),
    ("the target's rsync does not support", "options"),
    ("rsync refused its options", "options"),
    ("the target's limit of deletions", "options"),
    ("the two rsyncs do not understand", "protocol"),
    ("this rsync has the --delete-missing-args defect", "protocol"),
    ("the target cannot write", "write"),
    ("rrsync lets in one", "connections"),
    ("rrsync", "options"),
    ("the target says something before rsync", "protocol"),
    ("the two ssh", "protocol"),
    ("there is no", "rsync"),
    ("ssh failed", "unreachable"),
    ("the watcher's user", "rsync"),
    ("rsync", "rsync"),
)
_ENDINGS = (
    ("Permission denied (13)", "permission"),
    ("Operation not permitted (1)", "permission"),
    ("No space left on device (28)", "space"),
    ("Disk quota exceeded (122)", "space"),
    ("Read-only file system (30)", "read_only"),
    ("File name too long (36)", "name"),
    ("Invalid argument (22)", "name"),
    ("Invalid or incomplete multibyte or wide character (84)", "name"),
    ("Input/output error (5)", "disk"),
)
OTHER = "other"
ALL = tuple(dict.fromkeys([kind for _text, kind in (*_BEGINNINGS, *_ENDINGS)] + [OTHER]))


def kind(reason: str) -> str:
    """The kind of a failure, `OTHER` when nothing is known of it."""
    for text, found in _ENDINGS:
        if reason.endswith(text):
            return found
    for text, found in _BEGINNINGS:
        if reason.startswith(text):
            return found
    return OTHER
