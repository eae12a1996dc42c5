"""docs/troubleshooting.md has every reason for which a target is down, and quotes only what something really says."""

from __future__ import annotations

import re
from pathlib import Path

from lockstep.status.condition import STATES
from lockstep.transfer import outcome, ssh_words

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/troubleshooting.md").read_text()
SAID = re.compile(r"^\|[^|]*\bsays\b[^|]*\|.*\n\|[-|]+\n((?:\|.*\n)+)", re.MULTILINE)


def plain(text: str) -> str:
    """In one line, as a person reads it: literals that a line break splits are one."""
    text = re.sub(r'"\s*\n\s*f?"', "", text)
    return " ".join(re.sub(r"[\\\"']", "", text).split())


def symptoms() -> list[str]:
    """The first cells of the tables of what something says; what stands in parentheses is the guide's own word."""
    rows = [line for table in SAID.findall(DOCUMENT) for line in table.splitlines()]
    cells = [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows]
    return [re.sub(r" \(.*\)$", "", cell) for cell in cells]


def test_every_reason_for_which_a_target_is_down_has_its_row() -> None:
    told = plain(DOCUMENT)
    missing = [
        text
        for _, text in (*outcome._TEXTS, *ssh_words._TEXTS)
        if plain(text.partition(": see the module")[0]) not in told
    ]
    assert missing == []


def test_every_state_that_needs_somebody_has_its_section() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", DOCUMENT, re.MULTILINE)).lower()
    assert [state for state in STATES if state != "live" and state not in headings] == []


def test_what_it_quotes_is_really_said() -> None:
    files = [*ROOT.glob("roles/watcher/files/lockstep/**/*.py"), *ROOT.glob("roles/*/tasks/*.yml")]
    files += [*ROOT.glob("playbooks/**/*.yml"), *ROOT.glob("plugins/**/*.py")]
    sources = plain("\n".join(path.read_text() for path in files))
    wrong = []
    for symptom in symptoms():
        pieces = [plain(piece) for piece in re.split("…|PATH|NAME|/run/lockstep/status.sock", symptom)]
        wrong += [piece for piece in pieces if len(piece) > 2 and "`" not in piece and piece not in sources]
    assert len(symptoms()) > 40
    assert wrong == []
