"""`bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import DEBUG
from bench.cli.program import EXIT_CODES, main

#: As `bench.report.FORMATS` has them: a test compares. Help must not load what draws figures.
FORMATS = ("html", "md", "tex", "csv", "summary")


def _formats(context: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise click.BadParameter(f"{text!r}: give some of {', '.join(FORMATS)}")
    return names


@main.command(epilog=EXIT_CODES)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    show_default=True,
    help="Folder of the reports.",
)
@click.option(
    "--format",
    "formats",
    default="html,md,csv",
    show_default=True,
    callback=_formats,
    help=f"Of {', '.join(FORMATS)}, separated by commas.",
)
@click.option("--open", "opens", is_flag=True, help="Open the report when it is written.")
@DEBUG
def report(
    runs: tuple[str, ...], out: Path, formats: tuple[str, ...], opens: bool, debug: bool
) -> None:
    """Render tables and figures of RUNs: folders, names in results/, or the newest there.

    Several runs are shown in one report: what both measured is shown once.

    \b
    bench report
    bench report results/mnist-1a2b3c4d --out reports
    bench report reference classical --format html,tex
    """
    from bench import store
    from bench.report import render

    opened = [store.find_run(run) for run in runs or (None,)]
    for run in opened:
        click.echo(f"Reading {run.path} ({len(run.finished())} cells) ...", err=True)
    paths = render(opened, out, formats)
    for path in paths.values():
        click.echo(f"Report: {path}")
    if opens:
        click.launch(str(next(iter(paths.values()))))
