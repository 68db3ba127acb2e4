"""The report as an article for pdflatex."""
