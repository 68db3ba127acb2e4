"""`bench figure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main

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
    default="column",
    show_default=True,
    help="column (252 pt), page (516 pt), or a length: 3.3in, 85mm, 229.5pt.",
)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@click.option("--dataset", metavar="NAME", help="Where its images lie, as folder:PATH or npz:FILE.")
@PLUGINS
@DEBUG
def figure(
    runs: tuple[str, ...],
    out: Path,
    images: int,
    positions: tuple[int, ...],
    methods: str,
    noise: str,
    crop: str,
    inset: bool,
    error: bool,
    label: str,
    metrics: str,
    width: str,
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
    """
    from bench import store
    from bench.planning.notation import split_list
    from bench.report.content.image_caption import caption
    from bench.report.content.image_grid import GridOptions, ImageGrid
    from bench.report.content.renaming import parse_labels
    from bench.report.figures.article import draw, parse_width
    from bench.report.formats.latex.escape import escape
    from bench.report.formats.latex.figure import checked, write
    from bench.report.formats.latex.noise import noise_tex

    options = GridOptions(
        images,
        positions,
        tuple(split_list(methods)),
        noise,
        crop,
        inset,
        error,
        parse_labels(label),
        tuple(split_list(metrics)),
    )
    inches, out = parse_width(width), checked(out)
    opened: dict[Path, Dataset] = {}

    def data_of(run: Run) -> Dataset:
        from bench.execution.provenance import images_of

        if run.path not in opened:
            opened[run.path] = images_of(run, dataset, data_dir, plugin)
        return opened[run.path]

    found = [store.find_run(run) for run in runs or (None,)]
    grid = ImageGrid.of(found, options, data_of)
    canvas = draw(grid, inches)
    made = f"bench figure of {', '.join(run.name for run in found)}"
    text, tex = caption(grid), caption(grid, escape, noise_tex)
    for path in write(canvas, out, caption=text, tex=tex, made=made):
        say(f"Figure: {path}" if path.suffix == ".pdf" else f"        {path}")
    say(text)
