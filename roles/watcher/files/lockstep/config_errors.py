"""How mistakes in a configuration are gathered, so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Sequence

# Beyond this many, one more mistake helps nobody.
MAX_PROBLEMS = 100


class ConfigError(Exception):
    """The configuration has mistakes; `problems` has one line for each: the key, what is wrong and how to mend it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems: tuple[str, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class Problems:
    """The mistakes found so far, each only once, in the order found."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}

    def add(self, key: str, text: str, line: int | None = None) -> None:
        """Note a mistake at `key` (as in `mirrors[0].source`, "" for the whole file); `line` counts from 1."""
        where = f"{key}: " if key else ""
        suffix = f" (line {line})" if line is not None else ""
        self._found[f"{where}{text}{suffix}"] = None
        if len(self._found) >= MAX_PROBLEMS:
            raise ConfigError([*self._found, "and more: the rest is not listed"])

    def raise_any(self) -> None:
        """Raise ConfigError if anything was noted."""
        if self._found:
            raise ConfigError(list(self._found))
