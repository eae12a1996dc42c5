"""The words of a Lua file, with their lines.  Nothing is ever executed; Lua 5.x reference manual, 3.1."""

from __future__ import annotations

import re
from typing import NamedTuple

from .model import MAX_BYTES, ConvertError

KEYWORDS = frozenset(
    "and break do else elseif end for function goto if in not or repeat return then until while".split()
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_LONG = re.compile(r"\[(=*)\[")
_SIGNS = re.compile(r"\.\.\.|\.\.|==|~=|<=|>=|::|<<|>>|//|[-+*/%^#&~|<>=(){}\[\];:,.]")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "a": "\a", "b": "\b", "f": "\f",
            "v": "\v", "\n": "\n"}  # fmt: skip


class Word(NamedTuple):
    """`kind`: name, keyword, text, number, sign or end.  `text` is the value of a text, else how it is written."""

    kind: str
    text: str
    line: int


def words(data: bytes) -> list[Word]:
    """All of them, and one of kind end.  Raises ConvertError."""
    if len(data) > MAX_BYTES:
        raise ConvertError([f"is larger than {MAX_BYTES // 1024 // 1024} MiB, which no configuration of lsyncd is"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConvertError([f"line {line}: is not UTF-8 text"]) from error
    return _Lexer(text.replace("\r\n", "\n")).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def run(self) -> list[Word]:
        if self._text.startswith("#"):
            self._skip_line()
        found: list[Word] = []
        while True:
            self._skip()
            if self._at >= len(self._text):
                return [*found, Word("end", "the end of the file", self._line)]
            found.append(self._word())

    def _fail(self, text: str) -> ConvertError:
        return ConvertError([f"line {self._line}: {text}"])

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _skip(self) -> None:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "\n":
                self._line += 1
                self._at += 1
            elif char in " \t\r\f\v":
                self._at += 1
            elif self._text.startswith("--", self._at):
                self._at += 2
                if _LONG.match(self._text, self._at):
                    self._long("comment")
                else:
                    self._skip_line()
            else:
                return

    def _word(self) -> Word:
        line, char = self._line, self._text[self._at]
        if char in "\"'":
            return Word("text", self._quoted(char), line)
        if _LONG.match(self._text, self._at):
            return Word("text", self._long("text"), line)
        for pattern, kind in ((_NAME, "name"), (_NUMBER, "number"), (_SIGNS, "sign")):
            match = pattern.match(self._text, self._at)
            if match:
                self._at = match.end()
                return Word("keyword" if match[0] in KEYWORDS else kind, match[0], line)
        raise self._fail(f"{char!r} is no part of Lua")

    def _long(self, what: str) -> str:
        match = _LONG.match(self._text, self._at)
        assert match is not None
        end = self._text.find(f"]{match[1]}]", match.end())
        if end < 0:
            raise self._fail(f"a {what} begins with {match[0]} and does not end")
        inner = self._text[match.end() : end]
        self._line += inner.count("\n")
        self._at = end + len(match[0])
        return inner[1:] if inner.startswith("\n") else inner

    def _quoted(self, quote: str) -> str:
        out: list[str] = []
        self._at += 1
        while True:
            char = self._text[self._at : self._at + 1]
            if char in ("", "\n"):
                raise self._fail("a text begins with a quote and does not end in its line")
            self._at += 1
            if char == quote:
                return "".join(out)
            out.append(self._escape() if char == "\\" else char)

    def _escape(self) -> str:
        char = self._text[self._at : self._at + 1]
        number = re.compile(r"[0-9]{1,3}").match(self._text, self._at)
        if number is not None and int(number[0]) < 128:
            self._at = number.end()
            return chr(int(number[0]))
        if char not in _ESCAPES:
            raise self._fail(f"\\{char} in a text is not understood here; write the character itself")
        self._line += char == "\n"
        self._at += 1
        return _ESCAPES[char]
