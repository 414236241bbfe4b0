"""Sphinx settings. Build with `sphinx-build -W -b html docs docs/_build`."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import tinyseq

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "tinyseq"
author = "The tinyseq authors"
copyright = f"2026, {author}"
version = release = tinyseq.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "alt_texts",
    "commands",
    "constants",
    "exercise",
    "gallery",
    "mathml",
    "op_table",
    "picture",
]
exclude_patterns = ["_build"]
nitpicky = False  # array types such as Any have no page to link to
suppress_warnings = ["ref.python"]  # names of attributes are looked up as links, and several classes may have the same

html_math_renderer = "mathml"
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The chapters of the book are run whenever they are built; an error in a cell ends the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 120
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True  # "Attributes:" as one list of the class, not as members that autodoc finds a second time

html_theme = "furo"
html_title = "tinyseq"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["enlarge.js"]


def skip_tuple_fields(app: Sphinx, what: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """A NamedTuple's fields stand in its "Attributes:"; their own docstrings say "Alias for field number 0"."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-skip-member", skip_tuple_fields)
