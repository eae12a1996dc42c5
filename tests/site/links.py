"""Fails where a page of a built site leads to nothing, or loads something from elsewhere: links.py FOLDER."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# An address that leads out of the site may stand in a link that somebody follows, and in nothing that is loaded.
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
# What a browser is told about a page, and does not load.
TOLD = {"canonical", "alternate"}


@dataclass
class Page(HTMLParser):
    """The names that can be jumped to, and what is linked: (address, whether it is loaded)."""

    names: set[str] = field(default_factory=set)
    linked: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.names.update(given[key] for key in ("id", "name") if given.get(key))
        if tag == "a" and "href" in given:
            self.linked.append((given["href"], False))
        elif given.get(LOADED.get(tag, "")) and given.get("rel") not in TOLD:
            self.linked.append((given[LOADED[tag]], True))


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(site: Path) -> list[str]:
    """A line for each link that leads nowhere, PAGE: ADDRESS: why."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    found = [] if pages else [f"{site}: has no page"]
    for path, page in pages.items():
        for address, loaded in page.linked:
            why = wrong(address, loaded, path, pages)
            if why:
                found.append(f"{path.relative_to(site.resolve())}: {address}: {why}")
    return found


def wrong(address: str, loaded: bool, at: Path, pages: dict[Path, Page]) -> str:
    """Why an address on the page `at` is wrong; empty where it is right."""
    parts = urlsplit(address)
    if parts.scheme == "data":
        return ""
    if parts.scheme or parts.netloc:
        return "is loaded from elsewhere" if loaded else ""
    target = (at.parent / unquote(parts.path)).resolve() if parts.path else at
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "is not there"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
        return "has no such place"
    return ""


def main() -> int:
    site = Path(sys.argv[1])
    found = problems(site)
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        print(f"{len(list(site.rglob('*.html')))} pages, and no link of them leads to nothing")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
