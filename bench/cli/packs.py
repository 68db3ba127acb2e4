"""`bench pack` and `bench verify`: a run for others, and what they find when they measure again."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import by_words, say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main


@main.command(epilog=EPILOG)
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The zip file, or a folder for it.  [default: NAME.zip]",
)
@click.option("--outputs", is_flag=True, help="With all restored images, where they were kept.")
@click.option("--author", "authors", multiple=True, help="Whom to cite; may be repeated.")
@click.option("--paths", is_flag=True, help="Though parameters of methods name folders.")
@PLUGINS
@DEBUG
def pack(
    runs: tuple[str, ...],
    out: Path | None,
    outputs: bool,
    authors: tuple[str, ...],
    paths: bool,
    plugin: tuple[Path, ...],
    debug: bool,
) -> None:
    """Pack a RUN as one zip file, for others to read, cite and verify.

    It holds records, samples, sums of all files, schemas, a CITATION.cff, and the methods' code
    where that is what measured. Several RUNs of one data set are merged. `bench report`, `compare`,
    `score` and `doctor` take a pack where they take a run.

    \b
    bench pack reference
    bench pack bsd68 bsd68-dncnn --author "Ann Lee" --out bsd68.zip
    """
    from bench import sharing, store

    opened = [store.find_run(run) for run in runs or (None,)]
    packed = sharing.pack(
        opened, out, outputs=outputs, plugins=plugin, authors=authors, paths=paths
    )
    for note in packed.about.notes:
        say(by_words(f"Note: {note}"), err=True)
    size = packed.path.stat().st_size
    say(f"Pack: {packed.path} ({packed.cells} cells, {size / 1e6:.1f} MB)")
    say(f"Others check it with: bench verify {packed.path.name}")
