"""Rules that include, patterns from files and regular expressions leave out what they say, and rsync agrees."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from test_filters import make_pattern, make_tree, rsync_sees

from lockstep import rules
from lockstep.config import ConfigError, parse
from lockstep.filters import Filter
from lockstep.one_file_system import OneFileSystem
from lockstep.rules import Expressions, Rule, Rules


def configured(**mirror: Any) -> Any:
    given = {"name": "data", "source": "/data", "targets": [{"url": "rsync://h/m"}], **mirror}
    return parse(json.dumps({"mirrors": [given]}).encode(), "x.yml").mirrors[0]


def kept(filters: Filter, *paths: str) -> list[str]:
    """A slash at the end: a directory."""
    return [path for path in paths if not filters.hidden(path.rstrip("/").encode(), path.endswith("/"))]


@pytest.mark.parametrize("tree", range(5))
def test_rules_that_include_leave_out_what_the_real_rsync_leaves_out(tree: int, tmp_path: Path) -> None:
    rng = random.Random(f"rules {tree}")
    root, empty = os.fsencode(tmp_path / "source"), os.fsencode(tmp_path / "empty")
    os.mkdir(root)
    os.mkdir(empty)
    made = make_tree(rng, root)
    left_out = let_in = 0
    for _ in range(40):
        given = [Rule(rng.random() < 0.6, make_pattern(rng)) for _ in range(rng.randint(2, 5))]
        if rng.random() < 0.3:
            given.append(Rule(True, b"*"))
        filters = Rules(given)
        ours = {path for path, is_dir in made.items() if not filters.hidden(path, is_dir)}
        assert ours == rsync_sees(root, filters, empty), given
        left_out += len(made) - len(ours)
        excludes = Filter([rule.pattern for rule in given if rule.leaves_out])
        let_in += sum(excludes.hidden(path, made[path]) for path in ours)
    assert left_out > 100
    assert let_in > 2, "what is included decided too little to prove anything"


def test_the_first_rule_that_matches_decides() -> None:
    filters = rules.of(
        configured(filter=["+ keep.log", "- *.log", "+ *.txt", "- /b/*"], include=["d.tmp"], exclude=["*.tmp"])
    )
    assert kept(filters, "keep.log", "a.log", "b/", "b/x.txt", "b/x.c", "c.tmp", "d.tmp", "e") == [
        "keep.log", "b/", "b/x.txt", "d.tmp", "e",
    ]  # fmt: skip


def test_without_includes_and_expressions_a_mirror_has_the_plain_filter_and_nothing_is_sifted() -> None:
    filters = rules.of(configured(exclude=["*.swp"], filter=["- x"]))
    assert type(filters) is Filter
    assert filters.rsync_args() == [b"--filter=- x", b"--filter=- *.swp"]
    assert filters.sieve is None
    assert not rules.of(configured())
    assert rules.of(configured(include=["x"])).sieve is None


def test_expressions_are_searched_for_in_the_path_and_a_directory_goes_with_all_in_it() -> None:
    filters = rules.of(configured(exclude_regex=[r"^tmp/", r"\.o$", "^cache$"], exclude_regex_nocase=[r"\.BAK$"]))
    assert kept(filters, "tmp/", "tmp/a", "a.o", "A.O", "x.bak", "x.Bak", "cache/", "cache/a", "d/cache/a", "o") == [
        "tmp/", "A.O", "d/cache/a", "o",
    ]  # fmt: skip
    assert filters.sieve is not None
    assert filters.rsync_args() == []
    assert filters


def test_of_includes_by_expression_one_must_match_whatever_is_no_directory() -> None:
    filters = rules.of(configured(include_regex=[r"\.jpg$"], include_regex_nocase=[r"\.png$"], exclude=["/no"]))
    assert kept(filters, "d/", "d/a.jpg", "d/a.JPG", "b.PNG", "c", "no/", "no/a.jpg", "e.jpg/") == [
        "d/", "d/a.jpg", "b.PNG", "e.jpg/",
    ]  # fmt: skip
    assert filters.hidden(b"d/\xff", False)


def test_each_expression_has_flags_and_groups_of_its_own() -> None:
    filters = Rules([], Expressions((rb"(?i)^a(.)\1$", rb"^(b)\1$"), (rb"^(c)(?P<d>d)\1$",)))
    assert [filters.excluded(path, False) for path in (b"Axx", b"axy", b"bb", b"BB", b"cDc")] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_patterns_come_from_files_as_rsync_reads_them(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"# no\n; no\n\n*.swp\r\n a b\n\xff\n+ x.swp\n")
    (tmp_path / "in").write_bytes(b"y.swp\n- y.swp\n")
    (tmp_path / "rules").write_bytes(b"- /r\nexclude_/q\n")
    given = configured(exclude=["z"], exclude_from=[str(tmp_path / "out")], include_from=[str(tmp_path / "in")],
                       filter_from=[str(tmp_path / "rules")])  # fmt: skip
    assert given.exclude == ()
    assert [(rule.leaves_out, rule.pattern) for rule in given.rules] == [
        (True, b"/r"), (True, b"/q"), (False, b"y.swp"), (True, b"y.swp"), (True, b"z"), (True, b"*.swp"),
        (True, b" a b"), (True, b"\xff"), (False, b"x.swp"),
    ]  # fmt: skip
    (tmp_path / "out").write_bytes(b"*.swp\n")
    assert configured(exclude=["z"], exclude_from=[str(tmp_path / "out")]).exclude == (b"z", b"*.swp")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"filter": ["*.log"]}, "filter[0]: '*.log' must be  + PATTERN  or  - PATTERN"),
        ({"filter": ["merge /x"]}, "rsync's other rules are not taken"),
        ({"filter": ["+ /"]}, "filter[0]: matches nothing"),
        ({"include": [""]}, "include[0]: must not be empty"),
        ({"include": "x"}, "include: must be a list"),
        ({"exclude_from": ["/nowhere"]}, "exclude_from[0]: /nowhere cannot be read: No such file or directory"),
        ({"exclude_from": ["x"]}, "exclude_from[0]: must be an absolute path"),
        ({"exclude_regex": ["("]}, "exclude_regex[0]: is no regular expression: missing )"),
        ({"exclude_regex": ["x*"]}, "exclude_regex[0]: matches everything"),
        ({"include_regex_nocase": ["a|"]}, "include_regex_nocase[0]: matches everything"),
        ({"exclude_regx": []}, "exclude_regx: is not a known key; did you mean exclude_regex?"),
    ],
)
def test_a_mistake_is_named_with_its_key(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(**given)
    assert said in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_mistake_in_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"a\n!\n/\n")
    with pytest.raises(ConfigError) as caught:
        configured(exclude_from=[str(file)])
    assert f"{file}, line 2: ! clears what came before it" in str(caught.value)
    file.write_bytes(b"x" * 1024 * 1024 + b"y")
    with pytest.raises(ConfigError) as caught:
        configured(filter_from=[str(file)])
    assert "is larger than 1 MiB" in str(caught.value)


def test_of_one_file_system_what_lies_on_another_or_below_it_is_left_out(tmp_path: Path) -> None:
    """With /proc as what is mounted below the source."""
    (tmp_path / "d").mkdir()
    plain = rules.of(configured(source=str(tmp_path), exclude=["x"]))
    one = rules.of(configured(source=str(tmp_path), exclude=["x"], one_file_system=True))
    assert kept(one, "d/", "d/f", "x", "d/x") == kept(plain, "d/", "d/f", "x", "d/x") == ["d/", "d/f"]
    assert one.rsync_args() == [*plain.rsync_args(), b"--one-file-system"]
    root = OneFileSystem(b"/", Filter([]))
    for path in ("proc/", "proc/sys/", "proc/no/such/", "proc/no/such/file", "proc/uptime"):
        assert kept(root, path) == [], path
        assert root.elsewhere(path.rstrip("/").encode()), path
    assert kept(root, "etc/", "etc/passwd", "no/such/file") == ["etc/", "etc/passwd", "no/such/file"]
    assert not root.elsewhere(b"no/such/file")
    assert not plain.elsewhere(b"anything")
