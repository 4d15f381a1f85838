# Copyright: (c) 2026, studioml.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the docs site for Sphinx. tests/tools/docs_site.py lays out the sources and calls it."""

from __future__ import annotations

import re

from docutils import nodes

# the colours of reference pages, out of the theme's own, so that they follow its light and dark
COMMON = {
    "antsibull-links-background": "var(--color-background-secondary)",
    "antsibull-links-background-active": "var(--color-background-hover)",
    "antsibull-links-focus-outline": "var(--color-brand-primary)",
    "antsibull-links-text": "var(--color-brand-content)",
    "antsibull-table-background-header": "var(--color-background-secondary)",
    "antsibull-table-background-even": "var(--color-background-secondary)",
    "antsibull-table-background-odd": "var(--color-background-primary)",
    "antsibull-table-border": "var(--color-background-border)",
    "antsibull-narrowtable-background": "var(--color-background-secondary)",
    "antsibull-option-sample-header": "var(--color-foreground-primary)",
    "antsibull-attribute-support-na": "inherit",
    "antsibull-deprecation-border": "var(--color-foreground-border)",
    "antsibull-deprecation-background": "var(--color-background-secondary)",
    "antsibull-deprecation-color": "var(--color-foreground-primary)",
}
LIGHT = {
    **{f"antsibull-option-{name}": "#7a1fa2" for name in ("type", "elements")},
    **{f"antsibull-{name}": "#b3261e" for name in ("option-required", "attribute-support-none")},
    **{f"antsibull-{name}": "#1b6b2f" for name in ("option-version-added", "option-aliases", "attribute-support-full")},
    **{f"antsibull-option-{name}": "#1d4fd7" for name in ("default", "sample")},
    "antsibull-attribute-support-partial": "#6d5a00",
    "color-foreground-muted": "#5a5c63",
    "color-link-underline": "var(--color-foreground-border)",
}
DARK = {
    **{f"antsibull-option-{name}": "#e3a0f5" for name in ("type", "elements")},
    **{f"antsibull-{name}": "#ff9a94" for name in ("option-required", "attribute-support-none")},
    **{f"antsibull-{name}": "#7fd68f" for name in ("option-version-added", "option-aliases", "attribute-support-full")},
    **{f"antsibull-option-{name}": "#9db8ff" for name in ("default", "sample")},
    "antsibull-attribute-support-partial": "#d9c64a",
    "color-foreground-muted": "#9ca0a5",
    "color-link-underline": "var(--color-foreground-border)",
}

project = "studioml.fleet"
author = "studioml.fleet contributors"
html_title = "studioml.fleet"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4
highlight_language = "text"
nitpicky = True

html_theme = "furo"
html_theme_options = {
    "light_css_variables": COMMON | LIGHT,
    "dark_css_variables": COMMON | DARK,
}
antsibull_ext_color_scheme = "none"
html_static_path = ["static"]
html_css_files = ["fleet.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
smartquotes = False
# a template within a string within YAML is more than the lexer knows; it then colours a little less
suppress_warnings = ["misc.highlighting_failure"]

# labels of what other collections document, as antsibull writes them
KINDS = "module|role|filter|lookup|inventory|test"
ELSEWHERE = re.compile(rf"ansible_collections\.(?P<namespace>\w+)\.(?P<collection>\w+)\.(?P<plugin>\w+)_(?P<kind>{KINDS})(?:__.*)?")
ANSIBLE = "https://docs.ansible.com/ansible/latest"
# labels and environment variables of Ansible itself, that antsibull refers to
LABELS = {
    "action_plugins": f"{ANSIBLE}/plugins/action.html",
    "ansible_configuration_settings": f"{ANSIBLE}/reference_appendices/config.html",
    "common_return_values": f"{ANSIBLE}/reference_appendices/common_return_values.html",
}


def published_at(kind, target):
    """Where Ansible's public documentation has what a reference means, or None."""
    if kind == "envvar" and target.startswith("ANSIBLE_"):
        return f"{ANSIBLE}/reference_appendices/config.html#envvar-{target}"
    match = ELSEWHERE.fullmatch(target)
    if match and (match["namespace"], match["collection"]) != ("studioml", "fleet"):
        return "{ansible}/collections/{namespace}/{collection}/{plugin}_{kind}.html".format(ansible=ANSIBLE, **match.groupdict())
    return LABELS.get(target)


def published(_app, _environment, node, content):
    """Leads to the public documentation of what is not ours, so that nothing has to be fetched to build this."""
    place = published_at(node["reftype"], node["reftarget"])
    if place is None:
        return None
    reference = nodes.reference("", "", internal=False, refuri=place)
    reference += content
    return reference


def setup(app):
    """What Sphinx calls."""
    app.connect("missing-reference", published)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
