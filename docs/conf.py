"""Sphinx settings. Build with `sphinx-build -W -b html docs docs/_build`."""

import sys
from pathlib import Path

import tinyseq

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "tinyseq"
author = "The tinyseq authors"
copyright = f"2026, {author}"
version = release = tinyseq.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon", "op_table"]
exclude_patterns = ["_build"]
nitpicky = False  # array types such as Any have no page to link to

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"

html_theme = "furo"
html_title = "tinyseq"
