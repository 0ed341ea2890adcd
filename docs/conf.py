"""Sphinx settings; the pages are Markdown, the reference comes from the docstrings."""

import io
import os
from contextlib import redirect_stdout, suppress
from importlib.metadata import version as installed_version
from itertools import groupby
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from bioloom.measure import Property

project = "Bioloom"
author = "The Bioloom developers"
project_copyright = f"2026, {author}"
version = release = installed_version("napari-bioloom")

# Columns and attributes of several classes share a name, such as `table`; no text links to them.
suppress_warnings = ["ref.python"]
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
# Attributes become a list: some are properties too, which would be described twice.
napoleon_use_ivar = True


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


def table(rows: list[tuple[str, ...]], widths: str) -> str:
    """Return a table with a header as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for cells in rows:
        lines += [f"   {'*' if n == 0 else ' '} - {cell}" for n, cell in enumerate(cells)]
    return "\n".join(lines)


class MeasurementsDirective(SphinxDirective):
    """Lists every measurement with its group, unit and description, as the program knows them; or those of a group."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return one table."""
        from bioloom.measure import GROUPS, list_properties

        listed = list_properties(None, self.arguments or GROUPS)
        return self.parse_text_to_nodes(
            table([("Name", "Group", "Unit", "What it is"), *map(self._cells, listed)], "26 12 10 52")
        )

    @staticmethod
    def _cells(entry: "Property") -> tuple[str, str, str, str]:
        counted = f", {entry.parts} columns" if entry.parts.isdigit() else ""
        parts = {"axes": ", one column per axis", "box": ", two columns per axis"}.get(entry.parts, counted)
        only = "" if len(entry.ndims) > 1 else f" Only in {entry.ndims[0]}D."
        own = "" if not entry.source or entry.source.startswith("scikit-image") else f" Source: {entry.source}."
        return f"``{entry.name}``{parts}", entry.group, entry.unit or "–", entry.description + only + own


class MotionDirective(SphinxDirective):
    """Lists what is measured of tracked objects, and of tracks."""

    def run(self) -> list[nodes.Node]:
        """Return one table."""
        from bioloom.measure import MOTION, TRACK_MEASUREMENTS

        rows = [("Name", "Of", "Unit", "What it is")]
        for of, entries in (("objects", MOTION), ("tracks", TRACK_MEASUREMENTS)):
            rows += [(f"``{name}``", of, unit or "–", text) for name, (unit, text) in entries.items()]
        return self.parse_text_to_nodes(table(rows, "26 12 14 48"))


class CommandsDirective(SphinxDirective):
    """Shows what ``--help`` prints for the command named in each line of its content."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return one section per command."""
        from bioloom.cli import main

        os.environ["COLUMNS"] = "88"
        sections: list[nodes.Node] = []
        for words in self.content:
            printed = io.StringIO()
            with redirect_stdout(printed), suppress(SystemExit):
                main([*words.split()[1:], "--help"])
            section = nodes.section(ids=[nodes.make_id(words)])
            section += nodes.title("", "", nodes.literal(text=words))
            section += nodes.literal_block(text=printed.getvalue(), language="text")
            sections.append(section)
        return sections


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("operations", OperationsDirective)
    app.add_directive("measurements", MeasurementsDirective)
    app.add_directive("motion", MotionDirective)
    app.add_directive("commands", CommandsDirective)
