"""Sphinx' settings for the site that `make docs` builds of the guides and the generated reference."""

from __future__ import annotations

import os
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

project = "lockstep.realtime"
copyright = "the lockstep.realtime maintainers, GPL-3.0-or-later"  # noqa: A001 (Sphinx' own name)
release = version = os.environ["LOCKSTEP_VERSION"]

extensions = ["myst_parser", "sphinx_antsibull_ext"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
myst_heading_anchors = 4  # as on the forge: docs/mirrors.md#schedules
language = "en"
# Examples in the guides may leave something out, which is no valid JSON or YAML then.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}

# What ansible-core documents itself is not in this site, and its list of labels is not fetched: no network is needed.
ANSIBLE = "https://docs.ansible.com/ansible/latest"
ELSEWHERE = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}
BUILTIN = re.compile(r"ansible_collections\.ansible\.builtin\.([a-z_]+_(?:module|filter|lookup))")
CONTENTS = re.compile(r"^\.\. contents::.*\n(?:   .*\n)*", re.MULTILINE)
ENTRY = re.compile(r"^    (\w+)_(module|filter|role)$", re.MULTILINE)


def lead_to_ansible(app: Sphinx, env: Any, node: nodes.Element, content: nodes.TextElement) -> nodes.reference | None:
    """A link for a label of ansible-core's; any other label that is missing stays a warning."""
    label = node.get("reftarget", "")
    builtin = BUILTIN.fullmatch(label)
    page = f"collections/ansible/builtin/{builtin[1]}.html" if builtin else ELSEWHERE.get(label)
    return nodes.reference("", "", content, refuri=f"{ANSIBLE}/{page}", internal=False) if page else None


def as_the_theme_has_it(app: Sphinx, docname: str, source: list[str]) -> None:
    """antsibull-docs lists a page's headings at its top, which the theme has beside it; the sidebar has short names."""
    if docname.startswith("reference/"):
        source[0] = ENTRY.sub(r"    \1 <\1_\2>", CONTENTS.sub("", source[0]))


def setup(app: Sphinx) -> None:
    app.connect("source-read", as_the_theme_has_it)
    app.connect("missing-reference", lead_to_ansible)
