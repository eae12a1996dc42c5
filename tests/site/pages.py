"""Lays the guides out for Sphinx, beside the reference that antsibull-docs has written: pages.py FOLDER.

A guide links what is in the checkout, so that its links work on a forge too. Here each of these becomes a page: another
Markdown file as it is, any other file or folder as a page that shows it. The folder plugins is the reference, as is
a role's argument_specs.yml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
FENCE = re.compile(r"^(```.*?^```|    .*?$)", re.MULTILINE | re.DOTALL)
SPECS = re.compile(r"roles/([a-z_]+)/meta/argument_specs\.yml")
REFERENCE = {"plugins": "reference/index.rst"}
LANGUAGES = {".yml": "yaml", ".py": "python", ".json": "json"}
OUTSIDE = ("http://", "https://", "mailto:", "#")


def in_git(below: str = "") -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard", "--", below or "."],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def page_of(path: str) -> str:
    """Where in the site a path of the checkout is, with its suffix there."""
    specs = SPECS.fullmatch(path)
    if specs or path in REFERENCE:
        return f"reference/{specs[1]}_role.rst" if specs else REFERENCE[path]
    if path == "README.md":
        return "readme.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path.endswith(".md") else f"{path}.md"


def resolve(page: str, link: str) -> str:
    """The path in the checkout that a link of a page means.  Raises ValueError for one that leads out of it."""
    path = os.path.normpath(PurePosixPath(page).parent / link)
    if path.startswith(".."):
        raise ValueError(f"{page}: {link} leads out of the checkout")
    return path


class Site:
    """`folder` is Sphinx' source folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: set[str] = set()

    def add(self, path: str) -> None:
        """A path of the checkout becomes a page, or a file beside the pages, and so does all that it links."""
        if path in self.done or path in REFERENCE or SPECS.fullmatch(path):
            return
        self.done.add(path)
        there = ROOT / path
        if there.suffix in (".svg", ".png"):
            self.put(path.removeprefix("docs/"), there.read_bytes())
        elif there.suffix == ".md":
            self.put(page_of(path), self.linked(path, there.read_text()).encode())
        else:
            self.put(page_of(path), self.shown(path).encode())

    def put(self, name: str, content: bytes) -> None:
        to = self.folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(content)

    def linked(self, path: str, text: str) -> str:
        """The text of a page with its links as they are in the site."""
        here = PurePosixPath(page_of(path)).parent

        def replace(match: re.Match[str]) -> str:
            link, hash_, anchor = match[1].partition("#")
            if match[1].startswith(OUTSIDE):
                return match[1]
            to = resolve(path, link)
            if not (ROOT / to).exists():
                raise ValueError(f"{path}: {match[1]} is not in the checkout")
            self.add(to)
            image = to.endswith((".svg", ".png"))
            return os.path.relpath(to.removeprefix("docs/") if image else page_of(to), here) + hash_ + anchor

        pieces = FENCE.split(text)
        return "".join(piece if at % 2 else LINK.sub(replace, piece) for at, piece in enumerate(pieces))

    def shown(self, path: str) -> str:
        """A page that shows a file, or all files of a folder."""
        parts = [f"# {path}\n"]
        for name in in_git(path):
            language = LANGUAGES.get(PurePosixPath(name).suffix, "text")
            heading = "" if name == path else f"## {name.removeprefix(path + '/')}\n\n"
            parts.append(f"{heading}`````{language}\n{(ROOT / name).read_text().rstrip()}\n`````\n")
        return "\n".join(parts)


def contents(index: str) -> str:
    """The index with what Sphinx' sidebar is made of: a section's pages, in the order and by the names of its links."""
    trees = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        named = re.findall(r"\[([^]]+)\]\(([^)#]+)\.(?:md|rst)\)", body)
        names = "\n".join(f"{text} <{page}>" for text, page in named)
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n:maxdepth: 1\n\n{names}\n```\n")
    return index + "\n" + "\n".join(trees)


def main() -> int:
    folder = Path(sys.argv[1])
    site = Site(folder)
    try:
        for path in in_git("docs"):
            if path.endswith(".md"):
                site.add(path)
    except ValueError as error:
        print(f"pages: {error}", file=sys.stderr)
        return 1
    index = folder / "index.md"
    index.write_text(contents(index.read_text()))
    shown = [path for path in site.done if not path.startswith("docs/") and path != "README.md"]
    # These are reached by the links to them: in the sidebar they would hide the guides.
    for path in shown:
        page = folder / page_of(path)
        page.write_text("---\norphan: true\n---\n\n" + page.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
