"""The elements of confxml.xml that become no setting: what was unused, and which events counted."""

from __future__ import annotations

from .model import Converted, Mirror
from .xml_tree import Element

# As sersync is shipped; which of them were switched off says what its targets did not get.
_EVENTS = {
    "createFolder": "directories are mirrored as they appear, empty ones too",
    "createFile": "a file is sent once it is closed, or quiet for a second (quiet); that is later than its creation",
    "closeWrite": "closed files are sent at once",
    "moveFrom": "what is moved away is deleted on the target, as far as delete allows",
    "moveTo": "what is moved here is sent at once",
    "attrib": "changes of mode, owner and times are sent too, without the content",
    "modify": "a file that is written and not closed is sent when it was quiet for a second (quiet, max_wait)",
}
_KNOWN = {
    "head": "host debug fileSystem filter inotify sersync plugin".split(),
    "sersync": "localpath rsync failLog crontab plugin filter inotify".split(),
}


def unused(root: Element, found: Converted) -> None:
    """host, debug, fileSystem, and what is no element of sersync's."""
    for element in root.children:
        on = element.attributes.get("start") == "true"
        if element.name == "host":
            found.note(element.line, "host", "sersync never used it; here the status listens at status.listen")
        elif element.name == "debug" and on:
            found.log_level = "debug"
        elif element.name == "fileSystem" and element.attributes.get("xfs") == "true":
            found.note(element.line, "fileSystem xfs", "not needed: every file system is looked at in the right way")
        elif element.name not in _KNOWN["head"]:
            found.note(
                element.line, f"<{element.name}>", "is no element of confxml.xml that is known here, and left out"
            )
    for element in (root.first("sersync") or root).children:
        if element.name not in _KNOWN["sersync"] and root.first("sersync") is not None:
            found.note(
                element.line, f"<{element.name}>", "is no element of confxml.xml that is known here, and left out"
            )


def events(inotify: Element | None, mirror: Mirror) -> None:
    """Which events counted: here all do, and delete alone is a choice."""
    if inotify is None:
        return
    for element in inotify.children:
        on = element.attributes.get("start", "false") == "true"
        if element.name == "delete":
            mirror.delete = on
        elif element.name in _EVENTS and not on:
            mirror.note(element.line, f"{element.name} start=false", f"is not taken over: {_EVENTS[element.name]}")
        elif element.name not in _EVENTS:
            mirror.note(element.line, f"<{element.name}>", "is no event that is known here, and left out")
