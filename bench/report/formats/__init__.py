"""A report as Markdown, a web page, LaTeX, CSV, or a summary."""
