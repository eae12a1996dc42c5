"""The check of a built site tells every link that leads to nothing, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from links import problems

OTHER = '<h2 id="a-place">A place</h2>'


def said(folder: Path, body: str) -> list[str]:
    (folder / "below").mkdir()
    (folder / "below/other.html").write_text(OTHER)
    (folder / "index.html").write_text(f'<a name="old"></a>{body}')
    (folder / "picture of it.png").write_bytes(b"")
    return problems(folder)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="below/other.html#a-place">x</a>',
        '<a href="#old">x</a>',
        '<img src="picture%20of%20it.png">',
        '<a href="https://somewhere.example/">followed, not loaded</a>',
        '<link rel="canonical" href="https://somewhere.example/">',
        '<img src="data:image/png;base64,AA==">',
    ],
)
def test_what_leads_to_something_is_right(tmp_path: Path, body: str) -> None:
    assert said(tmp_path, body) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<a href="gone.html">x</a>', "index.html: gone.html: is not there"),
        ('<a href="below/">x</a>', "index.html: below/: is not there"),
        ('<a href="below/other.html#gone">x</a>', "index.html: below/other.html#gone: has no such place"),
        ('<a href="#gone">x</a>', "index.html: #gone: has no such place"),
        ('<img src="gone.png">', "index.html: gone.png: is not there"),
        (
            '<script src="https://somewhere.example/x.js"></script>',
            "index.html: https://somewhere.example/x.js: is loaded from elsewhere",
        ),
        (
            '<link rel="stylesheet" href="//fonts.example/x.css">',
            "index.html: //fonts.example/x.css: is loaded from elsewhere",
        ),
    ],
)
def test_what_leads_to_nothing_is_told(tmp_path: Path, body: str, told: str) -> None:
    assert said(tmp_path, body) == [told]


def test_a_site_without_a_page_is_none(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: has no page"]
