"""`bench figure`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main
from bench.core import UsageError

if TYPE_CHECKING:
    from bench.core import Dataset
    from bench.store import Run


def _positions(context: click.Context, option: click.Parameter, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"{text!r}: give positions in the split, such as 12,55")
    return tuple(dict.fromkeys(map(int, parts)))


@main.command(epilog=EPILOG)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="figure",
    show_default=True,
    metavar="NAME",
    help="Of the files NAME.pdf, .png, .txt and .tex.",
)
@click.option(
    "--of",
    metavar="WHAT",
    help="Instead of images a chart: quality, speed, or a parameter of which values were compared.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How many: the first ones that were kept of all methods.",
)
@click.option(
    "--positions", default="", callback=_positions, help="These instead, by position: 12,55."
)
@click.option(
    "--methods",
    default="",
    help="Side by side, in this order: noisy,bm3d,unet.  [default: noisy and the four best]",
)
@click.option(
    "--noise", default="", help="As `bench report --columns` takes it.  [default: the middle one]"
)
@click.option(
    "--crop",
    default="auto",
    show_default=True,
    help="auto: where the methods differ most; auto,SIDE; X,Y,SIDE in pixels; or none.",
)
@click.option("--inset", is_flag=True, help="Whole images, with the crop magnified in a corner.")
@click.option("--error", is_flag=True, help="A row of errors below each image.")
@click.option("--label", default="", help="What methods are called: 'vae=VAE,noisy=Noisy'.")
@click.option("--metrics", default="", help="Below the images, two at most.")
@click.option(
    "--width",
    help="column (252 pt), page (516 pt), or a length: 3.3in, 85mm, 229.5pt.  [default: column]",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@click.option("--dataset", metavar="NAME", help="Where its images lie, as folder:PATH or npz:FILE.")
@PLUGINS
@DEBUG
def figure(
    runs: tuple[str, ...],
    out: Path,
    of: str | None,
    images: int,
    positions: tuple[int, ...],
    methods: str,
    noise: str,
    crop: str,
    inset: bool,
    error: bool,
    label: str,
    metrics: str,
    width: str | None,
    data_dir: Path | None,
    dataset: str | None,
    plugin: tuple[Path, ...],
    debug: bool,
) -> None:
    """Draw the figure of a paper from RUNs: images of several methods side by side.

    At the size of print, with text of 7 points: as PDF and PNG, and its caption beside them, which
    says how images and crops were chosen. A RUN is a folder, a name in results/, or the newest
    there; several must be of the same data. Images are those that cells kept, or with
    `bench run --keep outputs` all.

    \b
    bench figure
    bench figure bsd68 --images 2 --methods noisy,nlm,bm3d --noise 25/255 --label bm3d=BM3D
    bench figure bsd68 --inset --error --width page --out figures/photographs
    bench figure bsd68 --positions 3 --crop 120,40,96
    bench figure --of latent --noise 0.3 --out latent
    """
    from bench import store
    from bench.planning.notation import split_list
    from bench.report.content.image_grid import GridOptions
    from bench.report.content.options import Options
    from bench.report.content.renaming import parse_labels
    from bench.report.figures.article import parse_width
    from bench.report.formats.latex.figure import checked, write_chart, write_images

    labels, shown = parse_labels(label), tuple(split_list(methods))
    measured_by, out = tuple(split_list(metrics)), checked(out)
    inches = parse_width(width) if width else None
    found = [store.find_run(run) for run in runs or (None,)]
    if of is not None:
        if positions or inset or error or crop != "auto":
            raise UsageError("--positions, --crop, --inset and --error are of images, not of --of")
        options = Options(columns=noise, metrics=measured_by, rows=shown, labels=labels)
        files, text = write_chart(found, of, options, out, inches)
    else:
        grid = GridOptions(images, positions, shown, noise, crop, inset, error, labels, measured_by)
        opener = _opener(dataset, data_dir, plugin)
        files, text = write_images(found, grid, out, inches, opener)
    for path in files:
        say(f"Figure: {path}" if path.suffix == ".pdf" else f"        {path}")
    say(text)


def _opener(
    dataset: str | None, data_dir: Path | None, plugins: Sequence[Path]
) -> Callable[[Run], Dataset]:
    """Opens the data that a run was measured on, each once."""
    opened: dict[Path, Dataset] = {}

    def data_of(run: Run) -> Dataset:
        from bench.execution.provenance import images_of

        if run.path not in opened:
            opened[run.path] = images_of(run, dataset, data_dir, plugins)
        return opened[run.path]

    return data_of
