"""sersync's regular expressions to rsync's patterns.  They match a whole path relative to the source."""

from __future__ import annotations

import re

_MOST = 64  # patterns of one expression
_ANY, _ONE = "\0any", "\0one"


class NotAPattern(Exception):
    """It has what no pattern can say."""


def from_regex(expression: str) -> list[str]:
    """The patterns that leave out the same paths; and, of a directory that matches, what is in it too.

    Raises NotAPattern.
    """
    if not expression:
        raise NotAPattern("is empty")
    bare = expression[1:] if expression.startswith("^") else expression
    if bare.endswith("$") and not bare.endswith("\\$"):
        bare = bare[:-1]
    branches, rest = _branches(bare, 0, 0)
    if rest != len(bare):
        raise NotAPattern("has a ) without a (")
    return list(dict.fromkeys(_pattern(tokens) for tokens in branches))


def as_expression(expression: str) -> str:
    """The same for exclude_regex, where Python reads it as the C library does.  Raises NotAPattern."""
    if re.search(r"\[\[?[:.=]|\\[^\W_]|\(\?|\\[<>`']|[*+?}][*+?]|\[[^]]*\\", expression):
        raise NotAPattern("has what Python reads otherwise")
    bare = expression[1:] if expression.startswith("^") else expression
    bare = bare[:-1] if bare.endswith("$") and not bare.endswith("\\$") else bare
    try:
        re.compile(bare)
    except re.error as error:
        raise NotAPattern(f"is no regular expression: {error}") from error
    return f"^(?:{bare})$"


def _branches(text: str, at: int, depth: int) -> tuple[list[list[str]], int]:
    """Each way through it as tokens: a character as rsync writes it, _ONE, or _ANY."""
    if depth > 8:
        raise NotAPattern("is nested too deeply")
    done: list[list[str]] = []
    ways: list[list[str]] = [[]]
    while at < len(text) and text[at] != ")":
        if text[at] == "|":
            done, ways, at = done + ways, [[]], at + 1
            continue
        pieces, at = _piece(text, at, depth)
        ways = [way + piece for way in ways for piece in pieces]
        if len(ways) + len(done) > _MOST:
            raise NotAPattern(f"stands for more than {_MOST} patterns")
    return done + ways, at


def _piece(text: str, at: int, depth: int) -> tuple[list[list[str]], int]:
    char = text[at]
    if char == "(":
        pieces, end = _branches(text, at + 1, depth + 1)
        if text[end : end + 1] != ")":
            raise NotAPattern("has a ( without a )")
        at = end + 1
    elif char == "[":
        end = text.find("]", at + 2)
        members = text[at : end + 1]
        if end < 0 or "/" in members or "[" in members[1:] or "\\" in members:
            raise NotAPattern("has a bracket expression that rsync reads otherwise")
        pieces, at = [[members]], end + 1
    elif char == "\\":
        if at + 1 == len(text) or text[at + 1].isalnum():
            raise NotAPattern(f"has {text[at : at + 2]}")
        pieces, at = [[_literal(text[at + 1])]], at + 2
    elif char == ".":
        pieces, at = [[_ONE]], at + 1
    elif char in "^$*+?{":
        raise NotAPattern(f"has a {char} where a pattern has none")
    else:
        pieces, at = [[_literal(char)]], at + 1
    return _repeated(text, at, pieces)


def _repeated(text: str, at: int, pieces: list[list[str]]) -> tuple[list[list[str]], int]:
    sign = text[at : at + 1]
    if sign == "*" and pieces == [[_ONE]]:
        return [[_ANY]], at + 1
    if sign == "+" and pieces == [[_ONE]]:
        return [[_ONE, _ANY]], at + 1
    if sign == "*" and pieces == [["/"]] and at + 1 == len(text):
        return [[]], at + 1  # as in ^info/*, which was meant as: info, with all in it
    if sign == "?":
        return [*pieces, []], at + 1
    if sign and sign in "*+{":
        raise NotAPattern(f"repeats something other than . with {sign}")
    return pieces, at


def _literal(char: str) -> str:
    return f"\\{char}" if char in "*?[\\" else char


def _pattern(tokens: list[str]) -> str:
    while len(tokens) > 1 and tokens[0] == tokens[1] == _ANY:
        tokens = tokens[1:]
    floating = bool(tokens) and tokens[0] == _ANY
    if floating and len(tokens) > 1 and "/" not in tokens and tokens.count(_ANY) == 1:
        text = "*" + "".join(_one(token) for token in tokens[1:])
    else:
        text = "".join(_one(token) for token in tokens)
        if tokens[-2:] == ["/", _ANY]:
            text = text[:-1]
        text = text if floating else f"/{text}"
    if not re.search(r"[*?\[]", text.replace("\\*", "").replace("\\?", "").replace("\\[", "")):
        # Without a wildcard even a backslash is only itself.
        bare = re.sub(r"\\(.)", r"\1", text)
        text = bare if not re.search(r"[*?\[]", bare) else text
    if not text.strip("/"):
        raise NotAPattern("matches nothing, or the source itself")
    return text


def _one(token: str) -> str:
    return "**" if token == _ANY else "?" if token == _ONE else token
