"""sersync's regular expressions and rsync's patterns leave out the same; rsync's options are known."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockstep.convert import patterns, rsync_words
from lockstep.filters import Filter

EXPRESSIONS = [
    r"(.*)\.svn",
    r".*\.gz$",
    r"(.*)\.(jpe?g|png)",
    "^static/(.*)",
    "^info",
    r"^logs/.*\.log$",
    ".*~",
    "^a/b/c$",
    r"^[ab]\.txt",
    "(a|b)/(c|d)",
    r"^x\*y",
    r".*\[1\]",
]
PIECES = ["a", "b", "c", "d", "info", "static", "logs", "x.svn", "x.gz", "i.jpg", "i.jpeg", "1.png", "a.log", "f~",
          "a.txt", "c.txt", "abc", "x*y", "xzy", "f[1]", "f1", ".svn"]  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
def test_a_pattern_leaves_out_what_the_expression_matched(expression: str, parts: list[str]) -> None:
    """The path itself, or one above it: a directory that matches goes with all that is in it."""
    filters = Filter([one.encode() for one in patterns.from_regex(expression)])
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    matched = any(re.fullmatch(expression, path) for path in above)
    assert filters.hidden("/".join(parts).encode(), False) is matched


@pytest.mark.parametrize(
    "expression", ["", "(a", "a)", "a+b", "a{2}", r"\d", "[[:alpha:]]", "[a/b]", "(a|b)(" * 9, "/*", "a^b"]
)
def test_what_no_pattern_can_say_is_refused(expression: str) -> None:
    with pytest.raises(patterns.NotAPattern):
        patterns.from_regex(expression)


def test_an_expression_that_explodes_is_refused() -> None:
    with pytest.raises(patterns.NotAPattern, match="more than 64 patterns"):
        patterns.from_regex("(a|b)" * 12)


def test_a_point_is_any_character_but_a_slash() -> None:
    """Less is left out than by sersync, never more; the note says so."""
    filters = Filter([one.encode() for one in patterns.from_regex("a.c")])
    assert filters.hidden(b"abc", False)
    assert not filters.hidden(b"a/c", False)


def test_the_shipped_directories_mean_all_that_is_in_them() -> None:
    assert patterns.from_regex("^info/*") == ["/info"]


def test_every_option_that_is_kept_is_one_that_the_watcher_takes() -> None:
    from lockstep import config_options  # noqa: PLC0415

    refused: list[str] = []
    values = {"timeout": "9", "contimeout": "9"}
    for name in sorted(rsync_words.OPTIONS_KNOWN - {"dry-run", "list-only"}):
        for option in rsync_words.one(name, values.get(name, "1"), lambda *_told: None):
            if option != rsync_words.ONE_FILE_SYSTEM:  # which is none of rsync_options
                refused += config_options.problems(option)
    assert refused == []


def test_every_option_that_the_watcher_takes_is_known() -> None:
    from lockstep import config_options  # noqa: PLC0415

    dropped: list[str] = []
    for name in sorted(config_options._PLAIN | config_options._WITH_VALUE):
        rsync_words.one(name, "1", lambda option, why: dropped.append(f"{option}: {why}"))
    assert [text for text in dropped if "not among the options known" in text] == []
