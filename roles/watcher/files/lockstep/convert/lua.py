"""The part of Lua that only says what is: names with values, and calls of settings and sync with a table.

A value is a text, a number, true, false, nil, a table, texts joined by .., or a name that was given one before.
Whatever else a file has is named, with its line, and refused: it would have to be executed, and could do anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional, Union

from .lua_words import Word, words
from .model import ConvertError

MAX_DEPTH = 50
MAX_VALUES = 50_000
MAX_TEXT = 64 * 1024
_ONLY = "only settings{…}, sync{…} and names with plain values are read, and nothing is executed"


@dataclass
class Table:
    """`named` values by key, and those without one; each with its line.  A dotted name is a Reference."""

    line: int
    named: dict[str, Value] = field(default_factory=dict)
    listed: list[Value] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """A name of lsyncd's own, as default.rsync."""

    name: str


Plain = Union[str, float, int, bool, None, Table, Reference]


@dataclass(frozen=True)
class Value:
    value: Plain
    line: int


@dataclass(frozen=True)
class Call:
    """settings{…} or sync{…}."""

    name: str
    line: int
    table: Table


def read(data: bytes) -> list[Call]:
    """The calls in a file, in their order.  Raises ConvertError."""
    try:
        return _Parser(words(data)).run()
    except RecursionError as error:
        raise ConvertError(["is nested too deeply"]) from error


class _Parser:
    def __init__(self, given: Sequence[Word]) -> None:
        self._words = given
        self._at = 0
        self._known: dict[str, Value] = {}
        self._count = 0

    @property
    def _next(self) -> Word:
        return self._words[self._at]

    def _take(self) -> Word:
        word = self._words[self._at]
        if word.kind != "end":
            self._at += 1
        return word

    def _is(self, *signs: str) -> bool:
        return self._next.kind == "sign" and self._next.text in signs

    def _fail(self, text: str, line: Optional[int] = None) -> ConvertError:
        return ConvertError([f"line {self._next.line if line is None else line}: {text}"])

    def _expect(self, sign: str, what: str) -> Word:
        if not self._is(sign):
            raise self._fail(f"{_shown(self._next)} stands where {sign} must, {what}")
        return self._take()

    def run(self) -> list[Call]:
        calls = []
        while self._next.kind != "end":
            if self._is(";"):
                self._take()
                continue
            call = self._statement()
            if call is not None:
                calls.append(call)
        return calls

    def _statement(self) -> Optional[Call]:
        word = self._take()
        if word.kind == "name" and word.text == "local":
            word = self._take()
        if word.kind != "name":
            code = f"{word.text} is code: {_ONLY}" if word.kind == "keyword" else f"{_shown(word)} begins no statement"
            raise self._fail(code, word.line)
        if self._is("="):
            self._take()
            value = self._value(0)
            if word.text == "settings" and isinstance(value.value, Table):
                return Call("settings", word.line, value.value)  # as it was written before version 2.1
            self._known[word.text] = value
            return None
        if word.text not in ("settings", "sync"):
            raise self._fail(f"{word.text} is code: {_ONLY}", word.line)
        return Call(word.text, word.line, self._argument(word))

    def _argument(self, word: Word) -> Table:
        bracket = self._is("(")
        if bracket:
            self._take()
        value = self._value(0)
        if bracket:
            self._expect(")", f"to end {word.text}(")
        if not isinstance(value.value, Table):
            raise self._fail(f"{word.text} must be given a table: {word.text}{{…}}", word.line)
        return value.value

    def _value(self, depth: int) -> Value:
        first = self._single(depth)
        while self._is(".."):
            self._take()
            second = self._single(depth)
            first = Value(self._text(first) + self._text(second), first.line)
            if len(str(first.value)) > MAX_TEXT:
                raise self._fail(f"a text is longer than {MAX_TEXT} characters", first.line)
        if self._next.kind == "sign" and self._next.text not in ",;})]=":
            raise self._fail(f"{_shown(self._next)} is code: {_ONLY}")
        if self._next.kind == "keyword":
            raise self._fail(f"{self._next.text} is code: {_ONLY}")
        return first

    def _text(self, value: Value) -> str:
        if isinstance(value.value, bool) or not isinstance(value.value, (str, int, float)):
            raise self._fail("only texts and numbers can be joined by ..", value.line)
        return str(value.value)

    def _single(self, depth: int) -> Value:
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            raise self._fail(f"has more than {MAX_VALUES} values, or more than {MAX_DEPTH} tables one in another")
        word = self._take()
        if word.kind == "text":
            return Value(word.text, word.line)
        if word.kind == "number":
            return Value(_number(word.text), word.line)
        if word.kind == "sign" and word.text == "-" and self._next.kind == "number":
            return Value(-_number(self._take().text), word.line)
        if word.kind == "sign" and word.text == "{":
            return Value(self._table(word, depth), word.line)
        if word.kind == "name":
            return self._name(word)
        raise self._fail(
            f"{word.text} is code: {_ONLY}" if word.kind == "keyword" else f"{_shown(word)} is no value", word.line
        )

    def _name(self, word: Word) -> Value:
        constants = {"true": True, "false": False, "nil": None}
        if word.text in constants:
            return Value(constants[word.text], word.line)
        parts = [word.text]
        while self._is("."):
            self._take()
            part = self._take()
            if part.kind != "name":
                raise self._fail(f"{_shown(part)} stands where a name must, after {'.'.join(parts)}.", part.line)
            parts.append(part.text)
        name = ".".join(parts)
        if self._is("(", "{", "[", ":") or self._next.kind == "text":
            raise self._fail(f"{name}(…) is code: {_ONLY}", word.line)
        if name in self._known:
            return Value(self._known[name].value, word.line)
        if parts[0] in ("default", "rsync", "rsyncssh", "direct"):
            return Value(Reference(name), word.line)
        raise self._fail(f"{name} has no value that is known here", word.line)

    def _table(self, begin: Word, depth: int) -> Table:
        table = Table(begin.line)
        while not self._is("}"):
            if self._next.kind == "end":
                raise self._fail("a table begins with { and does not end", begin.line)
            key = self._key(depth)
            value = self._value(depth + 1)
            if key is None:
                table.listed.append(value)
            else:
                table.named[key] = value
            if self._is(",", ";"):
                self._take()
            elif not self._is("}") and self._next.kind != "end":
                raise self._fail(f"{_shown(self._next)} stands where , or }} must, in a table")
        self._take()
        return table

    def _key(self, depth: int) -> Optional[str]:
        after = self._words[min(self._at + 1, len(self._words) - 1)]
        if self._next.kind == "name" and (after.kind, after.text) == ("sign", "="):
            word = self._take()
            self._take()
            return word.text
        if self._is("["):
            self._take()
            value = self._value(depth + 1)
            self._expect("]", "to end a key")
            self._expect("=", "after a key")
            return None if isinstance(value.value, int) else str(value.value)
        return None


def _number(text: str) -> Union[int, float]:
    if text[:2].lower() == "0x":
        return int(text, 16)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _shown(word: Word) -> str:
    return word.text if word.kind == "end" else repr(word.text[:60])
