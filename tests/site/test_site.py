"""Every page of the site, as it is on a desk and on a phone; pictures of some are in build/docs-pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import DESKTOP, PHONE, Browser
from rig import wait_for

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build/docs-site"
PICTURES = ROOT / "build/docs-pictures"
PAGES = sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
OBJECTION = "ERROR: Adding"  # of the theme, in red, where a page has what it does not like
SHOWN = ("index.html", "troubleshooting.html", "first-deployment.html", "reference/sync_audit_module.html")


def test_the_site_has_been_built() -> None:
    assert set(SHOWN) < set(PAGES)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_no_page_is_wider_than_the_screen_or_misses_something(window: Browser, size: tuple[int, int]) -> None:
    window.look(size)
    wrong = {}
    for page in PAGES:
        window.open((SITE / page).as_uri())
        wider, said, objection = window.wider_than_screen(), window.complaints(), OBJECTION in window.text()
        if wider > 0 or said or objection:
            wrong[page] = (wider, said, objection)
        if page in SHOWN:
            PICTURES.mkdir(exist_ok=True)
            window.picture(PICTURES / f"{page.replace('/', '-')}-{size[0]}.png", whole=False)
    assert wrong == {}


def test_what_is_searched_for_is_found_without_a_server(window: Browser) -> None:
    """The index of words is a script beside the pages, which a browser may load from a disk."""
    window.look(DESKTOP)
    window.open((SITE / "search.html").as_uri() + "?q=max_delete")
    found = "return document.querySelectorAll('ul.search li').length"
    wait_for(lambda: window.run(found) > 3, 60, window.text)
