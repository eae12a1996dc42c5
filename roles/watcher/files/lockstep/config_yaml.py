"""YAML nodes to typed values, with the key and the line of each for what there is to say about it.

It walks the composed nodes instead of constructing objects: lines stay known, duplicate keys are seen, no tag can make
an object, and an alias that multiplies itself costs nothing but what the schema reads of it.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence

import yaml

from lockstep.config_errors import ConfigError, Problems

# Aliases can make a small file mean a huge one; this is more than any real configuration reads.
MAX_VALUES = 200_000

_KINDS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "empty",
    "tag:yaml.org,2002:map": "a mapping",
    "tag:yaml.org,2002:seq": "a list",
    "tag:yaml.org,2002:timestamp": "a date",
}


def read(text: bytes, problems: Problems) -> Mapping:
    """The file's top mapping. Raises ConfigError when there is none."""
    try:
        # The C loader would be quicker, but it is not everywhere, and lines and messages differ.
        node = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"line {line}: is not UTF-8 text"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError([f"{where}is not valid YAML: {said}"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"is not valid YAML: {' '.join(str(error).split())}"]) from error
    except RecursionError as error:
        raise ConfigError(["is nested too deeply to be a configuration of lockstep"]) from error
    if node is None:
        raise ConfigError(["is empty; at least mirrors, with a name, a source and targets, is needed"])
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError([f"must be a mapping with the key mirrors, not {_kind(node)}"])
    return Value(_Walk(problems), "", node, None).as_mapping()


def _kind(node: yaml.Node) -> str:
    return _KINDS.get(node.tag, f"a value with the tag {node.tag}, which is not supported,")


class _Walk:
    """What all values of one file share."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._values = 0

    def count(self) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise ConfigError([f"has more than {MAX_VALUES} values (do aliases repeat each other?)"])


class Value:
    """One value, or its absence. Each reading method notes a problem and returns something harmless when it must."""

    def __init__(self, walk: _Walk, key: str, node: yaml.Node | None, line: int | None) -> None:
        walk.count()
        self._walk = walk
        self._key = key
        self._node = node
        self._line = node.start_mark.line + 1 if node is not None else line
        self.failed = False

    def problem(self, text: str) -> None:
        """Note what is wrong here, once: what follows from the first mistake is not told."""
        if not self.failed:
            self.failed = True
            self._walk.problems.add(self._key, text, self._line)

    def is_absent(self) -> bool:
        return self._node is None

    def is_null(self) -> bool:
        return self._node is not None and self._node.tag == "tag:yaml.org,2002:null"

    def is_text(self) -> bool:
        return self._node is not None and self._node.tag == "tag:yaml.org,2002:str"

    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def scalar(self) -> str:
        """Text or a number, as it is written."""
        if isinstance(self._node, yaml.ScalarNode) and (self._is_number() or self.is_text()):
            return str(self._node.value)
        if self._node is not None:
            self._wrong("text or a number")
        return ""

    def is_empty_text(self) -> bool:
        return self._node is not None and self._node.tag == "tag:yaml.org,2002:str" and self._node.value == ""

    def _wrong(self, wanted: str) -> None:
        node = self._node
        assert node is not None
        shown = f": {_short(node.value)}" if isinstance(node, yaml.ScalarNode) and node.value else ""
        self.problem(f"must be {wanted}, not {_kind(node)}{shown}")

    def text(self, default: str = "") -> str:
        """Text without NUL bytes that a file name can be made of, and not empty."""
        if self._node is None:
            return default
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag != "tag:yaml.org,2002:str":
            self._wrong("text (put it in quotes)")
            return default
        text = str(self._node.value)
        if not text:
            self.problem("must not be empty")
        elif "\0" in text:
            self.problem("must not contain a NUL byte")
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            self.problem("holds a character that no file name can hold")
            return default
        return text

    def matching(self, pattern: str, described: str) -> str:
        text = self.text()
        if self._node is not None and not self.failed and not re.fullmatch(pattern, text):
            self.problem(f"must be made of {described}, not {_short(text)}")
        return text

    def choice(self, choices: Sequence[str], default: str) -> str:
        text = self.text(default)
        if not self.failed and text not in choices:
            self.problem(f"must be one of {', '.join(choices)}, not {_short(text)}")
        return text

    def boolean(self, default: bool) -> bool:
        if self._node is None:
            return default
        if not isinstance(self._node, yaml.ScalarNode) or self._node.tag != "tag:yaml.org,2002:bool":
            self._wrong("true or false")
            return default
        return str(self._node.value).lower() in ("true", "yes", "on")

    def number(self, default: float, least: float, most: float) -> float:
        """A finite decimal number; YAML 1.1's octal, hexadecimal and base-60 forms are refused as traps."""
        if self._node is None:
            return default
        if not self._is_number():
            self._wrong("a number")
            return default
        try:
            number = float(str(self._node.value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.problem(f"must be a plain decimal number, not {_short(str(self._node.value))}")
            return default
        if not least <= number <= most:
            self.problem(f"must be from {least:g} to {most:g}, not {number:g}")
            return default
        return number

    def integer(self, default: int, least: int, most: int) -> int:
        if self._node is None:
            return default
        shown = str(self._node.value)
        # The length is limited for int(): digits without end would take time without end.
        if not self._is_number() or not re.fullmatch(r"[+-]?[0-9]{1,20}", shown):
            self._wrong("a whole number")
            return default
        number = int(shown)
        if not least <= number <= most:
            self.problem(f"must be from {least} to {most}, not {number}")
            return default
        return number

    def _is_number(self) -> bool:
        return isinstance(self._node, yaml.ScalarNode) and self._node.tag in (
            "tag:yaml.org,2002:int",
            "tag:yaml.org,2002:float",
        )

    def as_mapping(self) -> Mapping:
        return Mapping(self._walk, self._key, self._node, self._line)

    def as_items(self) -> list[Value]:
        if self._node is None:
            return []
        if not isinstance(self._node, yaml.SequenceNode) or self._node.tag != "tag:yaml.org,2002:seq":
            self._wrong("a list")
            return []
        return [Value(self._walk, f"{self._key}[{n}]", node, None) for n, node in enumerate(self._node.value)]


class Mapping(Value):
    """A mapping; an absent one reads as one in which every key is absent."""

    def __init__(self, walk: _Walk, key: str, node: yaml.Node | None, line: int | None) -> None:
        super().__init__(walk, key, node, line)
        self._values: dict[str, Value] = {}
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            self._wrong("a mapping of keys and values")
            return
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            value = Value(walk, self._below(name), value_node, None)
            if name == "<<" or not isinstance(key_node, yaml.ScalarNode):
                walk.problems.add(self._key, "merge keys and keys that are no text are not supported",
                                  key_node.start_mark.line + 1)  # fmt: skip
            elif name in self._values:
                value.problem(f"is given twice, the first time in line {lines[name]}")
            else:
                self._values[name] = value
                lines[name] = key_node.start_mark.line + 1

    def _below(self, name: str) -> str:
        return f"{self._key}.{name}" if self._key else name

    def allow(self, *known: str) -> None:
        """Note every key that is not among the known ones, with the nearest that is."""
        for name, value in self._values.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                mend = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
                value.problem(f"is not a known key; {mend}")

    def get(self, name: str, required: bool = False) -> Value:
        value = self._values.get(name)
        if value is None:
            value = Value(self._walk, self._below(name), None, self._line)
            value.failed = self.failed
            # Kept, so that what is said about it is said once.
            self._values[name] = value
            if required:
                value.problem("is missing")
        return value

    def mapping(self, name: str) -> Mapping:
        return self.get(name).as_mapping()

    def items(self, name: str, required: bool = False, of: str = "") -> list[Value]:
        value = self.get(name)
        if required and value.is_absent():
            value.problem(f"is missing; give {of}")
        items = value.as_items()
        if required and not items:
            value.problem(f"must not be empty; give {of}")
        return items


def _short(text: str) -> str:
    return repr(text) if len(text) <= 100 else repr(text[:100]) + "…"
