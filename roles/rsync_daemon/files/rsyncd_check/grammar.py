"""The form of rsyncd.conf: lines into sections. rsyncd.conf(5), FILE FORMAT."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass
class Setting:
    """One `name = value`. `name` is as it was written."""

    line: int
    name: str
    value: str


@dataclass
class Section:
    """The global part (name "") or a module; `settings` by what rsync makes of a name: small, without spaces."""

    name: str
    line: int
    settings: dict[str, Setting] = field(default_factory=dict)


@dataclass
class Config:
    """A file's sections, the global one first, and what is wrong with its form."""

    file: str
    sections: list[Section]
    problems: list[str]

    @property
    def modules(self) -> list[Section]:
        """All but the global section."""
        return self.sections[1:]

    def value(self, module: Section, name: str) -> str:
        """A setting of a module, else the global one, else "" (a switch that is not given)."""
        for section in (module, self.sections[0]):
            if name in section.settings:
                return section.settings[name].value
        return ""


def read(file: str) -> Config:
    """Parse a file. Raises OSError when it cannot be read; mistakes are in the result."""
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        return parse(stream.read(), file)


def parse(text: str, file: str) -> Config:
    """Parse what a file holds."""
    config = Config(file, [Section("", 0)], [])
    names: dict[str, int] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        problem = _line(config, names, number, line)
        if problem:
            config.problems.append(f"{file}: line {number}: {problem}")
    return config


def _line(config: Config, names: dict[str, int], number: int, line: str) -> str:
    if _CONTROL.search(line):
        return "holds a control character; remove it"
    if line.endswith("\\"):
        return "ends in a backslash, which joins it with the next; write it in one line"
    if line.startswith("&"):
        return "includes other files, which could change what is checked here; write their settings into this file"
    if line.startswith("["):
        if not re.match(r"\[[^\]/\[]+\]\Z", line):
            return f"{line} is no module: its name must stand in brackets and hold neither brackets nor slashes"
        name = " ".join(line[1:-1].split())
        first = names.setdefault(name, number)
        if first != number:
            return f"the module {name} is at line {first} already; rename one of the two"
        if name == "global":
            return "global is no name for a module: rsync takes what follows as global settings"
        config.sections.append(Section(name, number))
        return ""
    name, equals, value = line.partition("=")
    if not equals:
        return f"{line!r} is neither a comment, a [module] nor a setting (name = value)"
    key = re.sub(r"\s", "", name).lower()
    section = config.sections[-1]
    if key in section.settings:
        return f"{name.strip()} is set at line {section.settings[key].line} already; remove one of the two"
    section.settings[key] = Setting(number, name.strip(), value.strip())
    return ""
