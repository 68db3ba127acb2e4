"""`bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, main

#: As `bench.report.FORMATS` has them: a test compares. Help must not load what draws figures.
FORMATS = ("html", "md", "tex", "csv", "summary")


def _formats(context: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        raise click.BadParameter(f"{text!r}: give some of {', '.join(FORMATS)}")
    return names


@main.command(epilog=EPILOG)
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
@click.option(
    "--columns",
    default="",
    metavar="NOISE",
    help="Only these noises, as `bench run --noise` takes them: 0.1,0.3 or 'gaussian:0.1;poisson'.",
)
@click.option(
    "--metrics",
    default="",
    help="Only the tables of these metrics, separated by commas: psnr,lpips[net=vgg].",
)
@click.option(
    "--precision",
    type=click.IntRange(0, 10),
    help="Decimals in tables, of every metric; CSV has all.  [default: each metric's own]",
)
@click.option(
    "--budget",
    metavar="COST",
    help="Rank only methods whose image costs no more: 50ms/MP (milliseconds per megapixel, one "
    "image at a time), 2s/MP, or 2GMAC (multiply-adds).",
)
@click.option(
    "--rows", default="", help="Only these methods, in this order, compared among each other: a,b."
)
@click.option("--label", default="", help="What methods are called: 'vae=VAE,nlm=NLM'.")
@click.option(
    "--order",
    type=click.Choice(["rank", "name", "typed"]),
    help="Of methods: by rank, by name, or as --rows has them.",
)
@click.option("--open", "opens", is_flag=True, help="Open the report when it is written.")
@DEBUG
def report(
    runs: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...],
    columns: str,
    metrics: str,
    precision: int | None,
    budget: str | None,
    rows: str,
    label: str,
    order: str | None,
    opens: bool,
    debug: bool,
) -> None:
    """Render tables and figures of RUNs.

    A RUN is a folder, a name in results/, or the newest there. Several runs are shown in one
    report: what both measured is shown once. `--format summary` is at most 30 lines of Markdown,
    printed as well: for a pull request, or $GITHUB_STEP_SUMMARY.

    \b
    bench report
    bench report results/mnist-1a2b3c4d --out reports
    bench report reference classical --format md,tex
    bench report --format tex --columns 0.1,0.5 --metrics psnr,ssim --precision 1
    bench report --format tex --rows bm3d,unet --label 'bm3d=BM3D,unet=U-Net'
    bench report --format summary >> $GITHUB_STEP_SUMMARY
    """
    from bench import store
    from bench.core import counted
    from bench.planning.notation import split_list
    from bench.report.content.options import Options
    from bench.report.content.renaming import parse_labels
    from bench.report.render import render

    options = Options(
        columns,
        tuple(split_list(metrics)),
        precision,
        budget,
        tuple(dict.fromkeys(split_list(rows))),
        parse_labels(label),
        order or "",
    )

    opened = [store.find_run(run) for run in runs or (None,)]
    for run in opened:
        say(f"Reading {run.place} ({counted(len(run.finished()), 'cell')}) ...", err=True)
    paths = render(opened, out, formats, options)
    for name, path in paths.items():
        # Tables lie beside the page. The summary is all that is printed, for others to append.
        if name != "summary" and (name != "csv" or not {"html", "md", "tex"} & set(paths)):
            say(f"Report: {path}", err="summary" in paths)
    if "summary" in paths:
        say(paths["summary"].read_text(encoding="utf-8").removesuffix("\n"))
    if opens:
        click.launch(str(next(iter(paths.values()))))
