"""Builds these pages into a site, without a network: `make docs`."""

import re
from pathlib import Path

from bench import __version__

project = "denoise-bench"
author = "The denoise-bench authors"
project_copyright = "2026, " + author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]

# Pages are Markdown that GitHub shows as well. The site is built from the repository's root, so
# that a link between them leads where it leads there, to the README and to published reports too.
root_doc = "docs/index"
published = re.findall(
    r"\(\.\./(reports/\S+/report\.md)\)", Path(__file__).with_name("results.md").read_text()
)
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md", *published]
exclude_patterns = [".*", "docs/_build", "methods", "results", "tests"]
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]

# Docstrings write code as `code`, and types where the signature has them.
default_role = "code"
autosummary_generate = False
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 80

# A reference that leads nowhere is an error; a type in a signature may be another package's, whose
# pages would have to be fetched, or none of the public names.
nitpicky = True
nitpick_ignore_regex = [("py:class", r".*")]

templates_path = ["_templates"]
html_additional_pages = {"index": "index.html"}  # leads from the site's root to docs/index
html_theme = "pydata_sphinx_theme"
html_title = f"denoise-bench {release}"
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"README": [], "docs/index": []}  # one page has no section to navigate
html_show_sourcelink = False
html_copy_source = False
