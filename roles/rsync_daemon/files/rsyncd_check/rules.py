"""What the settings of an rsyncd.conf may be, and whether this host has what they name. rsyncd.conf(5)."""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterator

from rsyncd_check.grammar import Config, Section, Setting
from rsyncd_check.values import GLOBAL_ONLY, KINDS, truth

# Settings that would break what a mirror relies on -> the value that does, the reason.
_REFUSED = {
    "ignoreerrors": (True, "after a read error files would be deleted that still exist"),
    "insecurelinks": (True, "a link in the module could lead the daemon out of it"),
    "strictmodes": (False, "the secrets could be read by others"),
    "writeonly": (True, "nothing could be read back, so nothing could be verified"),
    "readonly": (True, "nothing could be sent"),
}


def check(config: Config) -> list[str]:
    """Everything that is wrong, each with line and reason; nothing when the configuration can be used."""
    problems = list(config.problems)
    for section in config.sections:
        for key, setting in section.settings.items():
            problem = _setting(section, key, setting)
            if problem:
                problems.append(f"{config.file}: line {setting.line}: {problem}")
    if not problems:
        for module in config.modules:
            problems += [
                f"{config.file}: line {module.line}: [{module.name}]: {said}" for said in _module(config, module)
            ]
        problems += [f"{config.file}: {said}" for said in _overlaps(config)]
    return problems


def _setting(section: Section, key: str, setting: Setting) -> str:
    kind = KINDS.get(key)
    if kind is None:
        near = difflib.get_close_matches(key, KINDS, n=1, cutoff=0.6)
        mend = f"; did you mean {KINDS[near[0]][0]!r}?" if near else ""
        return f"rsync knows no setting {setting.name!r}{mend}"
    if section.name and key in GLOBAL_ONLY:
        return f"{setting.name} belongs to the daemon, not to a module; write it above the first [module]"
    # It replaces it by what is in its environment, some of that from the client; and %% is no way out, whatever the
    # manual says: rsync 3.5.0 keeps both.
    if key != "logformat" and re.search(r"%\w+%", setting.value):
        return f"{setting.name}: rsync takes %NAME% for an environment variable; rename what has such a name"
    problem = kind[1](setting.value)
    if problem:
        return f"{setting.name}: {problem}, not {setting.value!r}"
    value, reason = _REFUSED.get(key, (None, ""))
    if value is not None and truth(setting.value) is value:
        return f"{setting.name} = {setting.value} is refused: {reason}"
    return ""


def _module(config: Config, module: Section) -> Iterator[str]:
    path = config.value(module, "path")
    if not path:
        yield "has no path; name the directory that it stands for"
    elif not os.path.isdir(path):
        yield f"path: {path} is not a directory; create it"
    elif os.path.isdir(os.path.join(path, "rsyncd-munged")) and truth(config.value(module, "mungesymlinks")):
        yield f"path: {path} holds a directory rsyncd-munged, with which rsync does not serve it; rename that"
    elif truth(config.value(module, "fakesuper")):
        yield from _keeps_attributes(path)
    if not config.value(module, "readonly"):
        yield "has no 'read only = no', without which nothing can be sent"
    if not config.value(module, "authusers"):
        yield "has no 'auth users', so anybody could write to it"
    yield from _secrets(config.value(module, "secretsfile"))
    if os.geteuid() == 0 and not config.value(module, "uid"):
        yield "has no uid; rsync would use nobody"
    if os.geteuid() != 0 and truth(config.value(module, "usechroot")):
        yield "use chroot = yes needs a daemon that runs as root"
    for name in ("logfile", "lockfile", "tempdir"):
        value = config.value(module, name)
        folder = value if name == "tempdir" else os.path.dirname(value)
        if value and not os.path.isdir(folder):
            yield f"{KINDS[name][0]}: {folder} is not a directory; create it"


def _secrets(file: str) -> Iterator[str]:
    if not file:
        yield "has no 'secrets file', so nobody could log in"
        return
    try:
        found = os.lstat(file)
    except OSError as error:
        yield f"secrets file: {file}: {error.strerror}"
        return
    if not stat.S_ISREG(found.st_mode):
        yield f"secrets file: {file} is not a regular file"
    elif found.st_mode & 0o077:
        yield f"secrets file: {file} has mode {stat.S_IMODE(found.st_mode):04o}; others could read it; make it 0600"
    elif found.st_uid != os.geteuid():
        yield f"secrets file: {file} belongs to uid {found.st_uid}; it must belong to the daemon's, {os.geteuid()}"


def _keeps_attributes(path: str) -> Iterator[str]:
    # fake super stores owners and special files there; on a file system without them every transfer would fail
    attribute = "user.rsyncd_check"
    try:
        os.setxattr(path, attribute, b"1")
        os.removexattr(path, attribute)
    except OSError as error:
        yield (
            f"path: {path} cannot hold the extended attributes that 'fake super' needs ({error.strerror}); "
            "use another file system, or another rsync_daemon_ownership"
        )


def _overlaps(config: Config) -> Iterator[str]:
    paths = [(module, os.path.realpath(config.value(module, "path"))) for module in config.modules]
    for number, (module, path) in enumerate(paths):
        for other, other_path in paths[:number]:
            if re.match(re.escape(path.rstrip("/")) + r"(/|\Z)", other_path) or re.match(
                re.escape(other_path.rstrip("/")) + r"(/|\Z)", path
            ):
                yield (
                    f"line {module.line}: the path of [{module.name}], {path}, and that of [{other.name}], "
                    f"{other_path}, lie one in the other: one mirror would delete the other's files; give each its own"
                )
