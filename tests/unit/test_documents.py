"""What the documentation names exists: make targets, commands, playbooks, variables, files, and what it links."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
import yaml

from lockstep import cli

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for pattern in ("*.md", "docs/*.md", "roles/*/README.md", "tests/*/README.md", "extensions/*/README.md")
    for path in ROOT.glob(pattern)
}
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
VARIABLE = re.compile(
    r"(?<![\w.-])(?:watcher|rsync_daemon|inotify_limits|nfs_export|tls|ssh_target|lockstep)_[a-z0-9_]*[a-z0-9](?![\w*])"
)


def code(text: str) -> str:
    """What is set as code, a line for each piece: prose may well say "make sure"."""
    blocks = BLOCK.findall(text)
    spans = SPAN.findall(BLOCK.sub("", text))
    return "\n".join([*blocks, *(" ".join(span.split()) for span in spans)])


CODE = {name: code(text) for name, text in DOCUMENTS.items()}


def named(pattern: str) -> dict[str, set[str]]:
    """What a pattern finds in code, with the documents that have it."""
    found: dict[str, set[str]] = {}
    for name, text in CODE.items():
        for word in re.findall(pattern, text):
            found.setdefault(word, set()).add(name)
    return found


def unknown(found: dict[str, set[str]], known: set[str]) -> dict[str, set[str]]:
    assert len(set(found) & known) > 2, "the pattern finds nothing"
    return {word: where for word, where in found.items() if word not in known}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert unknown(named(r"\bmake ([a-z][a-z0-9-]*)"), targets) == {}


def test_every_subcommand_that_is_named_exists() -> None:
    (commands,) = [action for action in cli._parser()._actions if isinstance(action, argparse._SubParsersAction)]
    # not a folder, an address or a text that begins with it, nor `su lockstep lockstep` of logrotate
    found = named(r"""(?<![\w./="-])(?<!su )lockstep ([a-z]+(?:\|[a-z]+)*)""")
    words = {word: where for both, where in found.items() for word in both.split("|")}
    assert unknown(words, set(commands.choices)) == {}


def test_every_playbook_module_filter_and_role_that_is_named_exists() -> None:
    parts = ("playbooks/*.yml", "plugins/modules/*.py", "plugins/filter/*.py", "roles/*", "plugins/action/*.py")
    known = {path.stem for part in parts for path in ROOT.glob(part)}
    assert unknown(named(r"\blockstep\.realtime\.([a-z_]+)"), known) == {}


def sources() -> str:
    """All that could know a variable or a metric."""
    folders = ("playbooks", "plugins", "roles", "inventories", "tests/e2e")
    return "\n".join(
        path.read_text(errors="replace")
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in (".yml", ".py", ".j2", ".json")
    )


def test_every_variable_that_is_named_exists() -> None:
    words = set(re.findall(r"[A-Za-z0-9_]+", sources()))
    roles = [yaml.safe_load(path.read_text()) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    options = {name for specs in roles for entry in specs["argument_specs"].values() for name in entry["options"]}
    # metrics are put together: their names stand without lockstep_ in front
    known = options | words | {f"lockstep_{word}{end}" for word in words for end in ("", "_total")}
    of_roles = tuple(f"{path.name}_" for path in ROOT.glob("roles/*"))
    found = named(VARIABLE.pattern)
    assert unknown(found, known) == {}
    # a role's own are in its specification, where a misspelt one would not be
    filters = {path.stem for path in ROOT.glob("plugins/*/*.py")}
    wrong = {word: where for word, where in found.items() if word.startswith(of_roles)}
    assert unknown(wrong, options | filters) == {}


def test_the_variables_of_every_role_are_looked_for() -> None:
    for role in ROOT.glob("roles/*/meta"):
        assert VARIABLE.fullmatch(f"{role.parent.name}_state"), role


def test_every_file_and_folder_of_the_checkout_that_is_named_exists() -> None:
    found = named(r"(?<![\w./-])((?:tests|inventories|roles|playbooks|docs|meta|plugins)/[\w./-]*\w)")
    assert len(found) > 10
    tops = [ROOT, *ROOT.glob("roles/*")]  # a role's files are named as they are in it
    assert {path for path in found if not any((top / path).exists() for top in tops)} == set()


def anchors(text: str) -> set[str]:
    """As a forge makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_something(name: str) -> None:
    wrong = []
    for link in LINK.findall(BLOCK.sub("", DOCUMENTS[name])):
        path, _, anchor = link.partition("#")
        if link.startswith(("http://", "https://")):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            wrong.append(link)
    assert wrong == []


def test_every_guide_is_in_the_index() -> None:
    linked = set(LINK.findall(DOCUMENTS["docs/index.md"]))
    guides = {path.name for path in ROOT.glob("docs/*.md")} - {"index.md"}
    assert guides - linked == set()
