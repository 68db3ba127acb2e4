"""`bench pack` and `bench verify`: a run for others, and what they find when they measure again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import by_words, say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, EXIT_NOT_HELD, EXIT_NOTHING, main
from bench.core import counted, printable

if TYPE_CHECKING:
    from bench.store import Verified
    from bench.store.verified import VerifiedCell


@main.command(epilog=EPILOG)
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The zip file, or a folder for it.  [default: NAME.zip]",
)
@click.option("--outputs", is_flag=True, help="With all restored images, where they were kept.")
@click.option("--samples/--no-samples", default=True, help="The few images that reports show.")
@click.option("--author", "authors", multiple=True, help="Whom to cite; may be repeated.")
@click.option("--paths", is_flag=True, help="Though parameters of methods name folders.")
@PLUGINS
@DEBUG
def pack(
    runs: tuple[str, ...],
    out: Path | None,
    outputs: bool,
    samples: bool,
    authors: tuple[str, ...],
    paths: bool,
    plugin: tuple[Path, ...],
    debug: bool,
) -> None:
    """Pack a RUN as one zip file, for others to read, cite and verify.

    It holds records, samples, sums of all files, schemas, a CITATION.cff, and the code of methods
    and plugins where that is what measured. Several RUNs of one data set are merged. `bench
    report`, `compare`, `score` and `doctor` take a pack where they take a run.

    \b
    bench pack reference
    bench pack bsd68 bsd68-dncnn --author "Ann Lee" --out bsd68.zip
    """
    from bench import sharing, store

    opened = [store.find_run(run) for run in runs or (None,)]
    packed = sharing.pack(
        opened,
        out,
        samples=samples,
        outputs=outputs,
        plugins=plugin,
        authors=authors,
        paths=paths,
    )
    for note in packed.about.notes:
        say(by_words(f"Note: {note}"), err=True)
    size = packed.path.stat().st_size
    cells = counted(packed.cells, "cell")
    say(f"Pack: {packed.path} ({cells}, {size / 1e6:.1f} MB)")
    say(f"Others check it with: bench verify {packed.path.name}")


@main.command(epilog=EPILOG)
@click.argument("pack")
@click.option(
    "--cells", type=click.IntRange(1), default=5, show_default=True, help="How many are measured."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Draws the cells."
)
@click.option("--methods", default="", metavar="NAMES", help="Draw cells of these alone.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    metavar="DB",
    help="Of the mean PSNR, of what is trained anew on another machine.  [default: 0.2]",
)
@PLUGINS
@click.option("--dataset", help="Where its images lie, as folder:PATH or npz:FILE.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="That a cell may take; then it does not hold."
)
@click.option("--memory-limit", metavar="SIZE", help="Resident memory, as 8GB; likewise.")
@DEBUG
def verify(
    pack: str,
    cells: int,
    seed: int,
    methods: str,
    tolerance: float | None,
    plugin: tuple[Path, ...],
    dataset: str | None,
    data_dir: Path | None,
    device: str,
    timeout: float | None,
    memory_limit: str | None,
    debug: bool,
) -> int:
    """Measure a sample of a PACK's cells again, and say whether they hold.

    They are trained, tuned, denoised and scored anew. Where images are not the same bit for bit,
    PSNR has to be within 0.001 dB an image on the machine and with the versions that measured, and
    elsewhere within 0.01 dB; of what is trained within 0.2 dB of the mean. The code is what is
    installed here and what --plugin names, in a process of its own. What is found is written to
    NAME.verified.json.

    \b
    bench verify reference.zip --cells 5
    bench verify mine.zip --methods median,vae --plugin sharpen.py
    """
    from bench import sharing, store
    from bench.planning.notation import split_list
    from bench.sharing.agreement import TRAINED

    path = store.locate(pack)
    found = sharing.verify(
        path,
        cells=cells,
        seed=seed,
        methods=split_list(methods),
        plugins=plugin,
        dataset=dataset,
        data_dir=data_dir,
        device=device,
        tolerance=TRAINED if tolerance is None else tolerance,
        timeout=timeout,
        memory_limit=memory_limit,
        telling=sharing.Telling(
            lambda cell: say(f"Measuring {printable(cell)} ...", err=True), _tell
        ),
    )
    _sum_up(found)
    if found.cells and store.is_pack(path):
        say(f"Written: {found.write_beside(path)}")
    elif found.cells:
        say("Nothing is written: only of a pack, whose bytes stay the same, is that kept.")
    if not found.cells:
        return EXIT_NOTHING
    return 0 if found.held == len(found.cells) else EXIT_NOT_HELD


def _tell(cell: VerifiedCell) -> None:
    """A line a cell."""
    say(f"{'held    ' if cell.held else 'NOT HELD'}  {printable(f'{cell.cell}: {cell.how}')}")


def _sum_up(found: Verified) -> None:
    """What was left out, on what it was measured, and the verdict."""
    for why, count in found.left_out.items():
        say(by_words(f"Left out: {counted(count, 'cell')}: {printable(why)}"))
    if found.unchecked:
        say(f"Not looked at: the metrics {printable(', '.join(found.unchecked))}")
    if found.same_machine:
        say("On the machine and with the versions that measured.")
    else:
        say(by_words(f"Not where it was measured: {printable('; '.join(found.differs))}"))
    if found.largest_difference is not None:
        say(f"Largest difference of an image's PSNR: {found.largest_difference:.3g} dB")
    if not found.cells:
        say("Nothing could be measured here.")
    elif found.held == len(found.cells):
        fewer = f" ({found.asked} were asked for)" if len(found.cells) < found.asked else ""
        say(f"Verified: {found.held} of {len(found.cells)} cells held{fewer}.")
    else:
        failed = len(found.cells) - found.held
        say(f"Not verified: {failed} of {len(found.cells)} cells did not hold.")
