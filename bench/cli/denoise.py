"""`bench denoise`: images of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import by_words, say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, EXIT_CELLS_FAILED, main
from bench.core import printable

if TYPE_CHECKING:
    from bench.denoising import DenoisedFile


@main.command(epilog=EPILOG)
@click.argument("images", nargs=-1, required=True, metavar="IN…")
@click.option("--method", required=True, help="As `bench run` takes it: nlm[h=0.8], unet.")
@click.option(
    "--noise",
    default="estimate",
    show_default=True,
    help="One level, as 25/255 or poisson:30, in the unit of the range; or estimate.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option(
    "--from",
    "run",
    metavar="RUN",
    help="Its models and tuned parameters are taken; else what learns is looked for in the cache.",
)
@click.option("--seed", type=int, help="Of training, where the run has several.")
@click.option("--fit", default="", metavar="KEY", help="Of the model, where the cache has several.")
@click.option(
    "--range",
    "stated",
    metavar="LOW,HIGH",
    help="Stored values of black and white.  [default: those in dataset.toml beside or above the "
    "images, else of the run or the file; else 0 to 255 of 8 bits, to 65535 of 16]",
)
@click.option(
    "--tile",
    default="1024",
    metavar="SIDE|none",
    show_default=True,
    help="Pixels a side of the overlapping tiles that larger images are cut into.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", type=int, help="Computing threads.  [default: all cores]")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--skip", is_flag=True, help="Leave files that are there as they are.")
@PLUGINS
@DEBUG
def denoise(
    images: tuple[str, ...],
    method: str,
    noise: str,
    out: Path,
    run: str | None,
    seed: int | None,
    fit: str,
    stated: str | None,
    tile: str,
    device: str,
    threads: int | None,
    overwrite: bool,
    skip: bool,
    plugin: tuple[Path, ...],
    debug: bool,
) -> int:
    """Denoise images of your own: files, or folders of them.

    What is restored is written in the format, depth and range of the input. A filter runs at its
    defaults where no parameters are typed; what learns needs a model, of a run (--from) or of the
    cache. What was done to each file stands in denoise.json beside them.

    \b
    bench denoise photo.png --method nlm --out restored
    bench denoise scans/ --method unet --from bsd68 --noise 25/255 --out restored
    bench denoise stack.tif --method tv --range 0,4095 --noise poisson:200 --out restored
    """
    from bench import store
    from bench.denoising import denoise as denoised

    done = denoised(
        images,
        method,
        noise=noise,
        out=out,
        run=None if run is None else store.find_run(run),
        seed=seed,
        fit=fit,
        range=stated,
        tile=tile,
        device=device,
        threads=threads,
        plugins=plugin,
        overwrite=overwrite,
        skip=skip,
        told=_tell,
        warn=lambda line: say(by_words(printable(line)), err=True),
        progress=lambda line: say(by_words(printable(line)), err=True),
    )
    whole = sum(not file.fault for file in done)
    say(by_words(f"{whole} of {len(done)} files are denoised in {printable(str(out))}."))
    return EXIT_CELLS_FAILED if whole < len(done) else 0


def _tell(file: DenoisedFile) -> None:
    """A line a file, and one for each of its notes."""
    if file.fault:
        say(by_words(printable(f"{file.source}: not denoised: {file.fault}")), err=True)
        return
    noise = ", ".join(dict.fromkeys(file.noise[:3])) + (", …" if len(file.noise) > 3 else "")
    line = f"{file.target}: {file.how['method']}, {'; '.join(file.how['model'])}; {noise}"
    if file.clipped:
        line += f"; {file.clipped:,} of {file.values:,} values were beyond the range, and clipped"
    say(by_words(printable(line)))
    for note in file.notes:
        say(by_words(printable(f"  {note}")), err=True)
