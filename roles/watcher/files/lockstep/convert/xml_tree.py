"""XML as a plain tree with line numbers, from a file that nobody vouches for.

Expat itself does the reading.  A DOCTYPE is refused at its first character, so there are no entities to expand, nothing
outside is ever fetched, and the tree is never larger than the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from .model import MAX_BYTES, ConvertError

MAX_ELEMENTS = 10_000
MAX_DEPTH = 32


@dataclass
class Element:
    """`line` counts from 1."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)


def read(data: bytes) -> Element:
    """The file's root element.  Raises ConvertError."""
    if len(data) > MAX_BYTES:
        raise ConvertError([f"is larger than {MAX_BYTES // 1024 // 1024} MiB, which no confxml.xml is"])
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ConvertError([f"line {error.lineno}: is not well-formed XML: {expat.ErrorString(error.code)}"]) from error
    except (LookupError, ValueError) as error:
        raise ConvertError([f"line {reader.parser.CurrentLineNumber}: is not readable: {error}"]) from error
    assert reader.root is not None, "expat complains of a file without an element"
    return reader.root


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = lambda _name: self._open.pop()
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, _name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
        raise ConvertError(
            [f"line {self.parser.CurrentLineNumber}: has a DOCTYPE, whose entities could stand for anything; remove it"]
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise ConvertError(
                [f"line {line}: has more than {MAX_ELEMENTS} elements, or more than {MAX_DEPTH} one in another"]
            )
        element = Element(name, line, dict(attributes))
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
