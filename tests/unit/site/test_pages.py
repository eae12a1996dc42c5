"""The guides as Sphinx gets them: each link leads to where its target is in the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import Site, contents


def linked(folder: Path, text: str, page: str = "docs/status.md") -> str:
    return Site(folder).linked(page, text)


def test_links_are_as_they_are_in_the_site(tmp_path: Path) -> None:
    assert linked(tmp_path, "[x](why.md#how)") == "[x](why.md#how)"
    assert linked(tmp_path, "[x](../README.md)") == "[x](readme.md)"
    assert linked(tmp_path, "[x](docs/why.md)", "README.md") == "[x](why.md)"
    assert linked(tmp_path, "![x](docs/flow.svg)", "README.md") == "![x](flow.svg)"
    assert linked(tmp_path, "[x](meta/argument_specs.yml)", "roles/watcher/README.md") == (
        "[x](../../reference/watcher_role.rst)"
    )
    assert (tmp_path / "flow.svg").is_file()
    assert (tmp_path / "why.md").read_text().startswith("# ")


def test_a_file_and_a_folder_become_pages_that_show_them(tmp_path: Path) -> None:
    text = "[x](../inventories/example) [y](../playbooks/site.yml) [z](https://a.example/b.md) [q](#here)"
    assert linked(tmp_path, text) == (
        "[x](inventories/example.md) [y](playbooks/site.yml.md) [z](https://a.example/b.md) [q](#here)"
    )
    assert "## hosts.yml" in (tmp_path / "inventories/example.md").read_text()
    assert "import_playbook: verify.yml" in (tmp_path / "playbooks/site.yml.md").read_text()


def test_what_is_shown_as_code_is_left_alone(tmp_path: Path) -> None:
    text = "```\n[x](nowhere.md)\n```\n"
    assert linked(tmp_path, text) == text


@pytest.mark.parametrize("link", ["nowhere.md", "../../outside.md"])
def test_a_link_to_nothing_is_an_error_that_names_it(tmp_path: Path, link: str) -> None:
    with pytest.raises(ValueError, match=link):
        linked(tmp_path, f"[x]({link})")


def test_the_sidebar_has_the_names_of_the_index() -> None:
    index = "# t\n\n## First\n\n[A guide](a.md), [another](b.md#place), [away](https://a.example/)\n"
    assert "```{toctree}\n:hidden:\n:caption: First\n:maxdepth: 1\n\nA guide <a>\n```" in contents(index)
