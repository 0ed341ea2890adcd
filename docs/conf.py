"""Sphinx settings; the pages are Markdown, the reference comes from the docstrings."""

from importlib.metadata import version as installed_version

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
napoleon_google_docstring = False
napoleon_use_rtype = False
