"""Sphinx settings; the pages are Markdown, the reference comes from the docstrings."""

from importlib.metadata import version as installed_version
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

project = "Bioloom"
author = "The Bioloom developers"
project_copyright = f"2026, {author}"
version = release = installed_version("napari-bioloom")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {release}"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
# The words of the catalogue's signatures, instead of the annotations they stand for.
autodoc_type_aliases = {name: name for name in ("Image", "Labels", "Length", "Mask", "Size", "Spacing")}
napoleon_google_docstring = False
napoleon_use_rtype = False


class OperationsDirective(SphinxDirective):
    """Describes every operation of the catalogue, ordered by its category, so that no page can forget one."""

    def run(self) -> list[nodes.Node]:
        """Return one section per category."""
        import bioloom.operations

        entries = sorted(bioloom.operations.CATALOGUE.values(), key=lambda entry: (entry.category, entry.name))
        sections: list[nodes.Node] = []
        for category, group in groupby(entries, key=lambda entry: entry.category):
            section = nodes.section(ids=[nodes.make_id(category)])
            section += nodes.title(text=category.replace("/", " › "))
            text = "\n".join(f".. autofunction:: bioloom.operations.{entry.name}" for entry in group)
            section += self.parse_text_to_nodes(text)
            sections.append(section)
        return sections


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("operations", OperationsDirective)
