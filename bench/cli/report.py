"""`bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import DEBUG
from bench.cli.program import EXIT_CODES, main


@main.command(epilog=EXIT_CODES)
@click.argument("run", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    show_default=True,
    help="Folder of the reports.",
)
@DEBUG
def report(run: str | None, out: Path, debug: bool) -> None:
    """Render tables and figures of RUN: a folder, a name in results/, or the newest there.

    \b
    bench report
    bench report results/mnist-1a2b3c4d --out reports
    """
    from bench import store
    from bench.report import render

    opened = store.find_run(run)
    click.echo(f"Drawing {opened.path} ({len(opened.finished())} cells) ...", err=True)
    click.echo(f"Report: {render(opened, out)}")
