"""`bench score`: further metrics of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import by_words, say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, EXIT_CELLS_FAILED, main

if TYPE_CHECKING:
    from bench.execution.rescoring import Rescored


@main.command(epilog=EPILOG)
@click.argument("run", required=False)
@click.option("--metrics", required=True, metavar="NAMES", help="a,b[param=1],…: what to add.")
@PLUGINS
@click.option("--dataset", metavar="NAME", help="Where its images lie, as folder:PATH or npz:FILE.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--again", is_flag=True, help="Also where it has been measured before.")
@DEBUG
def score(
    run: str | None,
    metrics: str,
    plugin: tuple[Path, ...],
    dataset: str | None,
    data_dir: Path | None,
    device: str,
    again: bool,
    debug: bool,
) -> int:
    """Measure further metrics of a RUN's images.

    From its kept outputs (`bench run --keep outputs`); or it denoises once more with the stored
    models and the recorded parameters, and each image must be equal to what was measured, or have a
    PSNR within 1e-4 dB of it. It trains no method.

    \b
    bench score --metrics ms-ssim,mae
    bench score results/mnist-1a2b3c4d --metrics max-error --plugin max_error.py
    """
    from bench import store
    from bench.core import counted
    from bench.execution import rescoring

    found = store.find_run(run)
    if found.pack is not None:
        found = store.unpack(found, Path("results") / found.name)
        say(f"Unpacked to {found.path}, which is scored: the pack stays as it is.", err=True)
    done = rescoring.score(
        found.path,
        metrics,
        plugins=plugin,
        dataset=dataset,
        data_dir=data_dir,
        device=device,
        again=again,
        told=_tell,
    )
    scored = sum(bool(each.how) for each in done)
    say(f"Scored: {counted(scored, 'cell')} of {found.path}." if done else "Nothing to score.")
    return EXIT_CELLS_FAILED if any(each.missing for each in done) else 0


def _tell(each: Rescored) -> None:
    """A line a cell."""
    if each.how:
        say(by_words(f"{each.cell}: {each.how}"))
    for metric, why in each.missing.items():
        say(by_words(f"{each.cell}: no {metric or 'scores'}: {why}"))
