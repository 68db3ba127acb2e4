"""`bench status` and `bench doctor`: how far a run is, and what is wrong."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from bench.cli.console import say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, EXIT_WRONG, main
from bench.core import duration, printable

#: Seconds after which a process that tells each second has fallen silent.
_SILENT = 10.0


@main.command(epilog=EPILOG)
@click.argument("run", required=False)
@DEBUG
def status(run: str | None, debug: bool) -> None:
    """Say how far a RUN is that another terminal works on.

    RUN is a folder, a name in results/, or the newest there.

    \b
    bench status
    bench status results/mnist-1a2b3c4d
    """
    from bench import store
    from bench.cli.console import running_line, time_left

    opened = store.find_run(run)
    cells = dict.fromkeys(opened.manifest.cells)
    finished = len(opened.finished() & set(cells))
    say(f"{opened.place}: {finished} of {len(cells)} cells have a result")
    progress = opened.progress()
    if progress and (progress.failed or progress.skipped):
        counts = ((progress.failed, "failed"), (progress.skipped, "skipped"))
        ended = ", ".join(f"{count} {status}" for count, status in counts if count)
        say(f"of these in its last session {ended}")
    if not store.is_held(opened.path):
        if finished < len(cells):
            say(f"No process works on it. Go on with: {printable(opened.manifest.command)}")
        else:
            say(f"It is finished. See: bench report {opened.place}")
        return
    say(f"Worked on by {printable(store.holder(opened.path)) or 'a process'}")
    if not progress:
        return
    width = shutil.get_terminal_size().columns - 2 if sys.stdout.isatty() else None
    for cell in progress.running:
        say(f"  {running_line(cell, width)}")
    text = time_left(progress)
    if progress.silent_seconds > _SILENT:
        ago = duration(progress.silent_seconds)
        text += f", as it said {ago} ago: it may hang, or its machine sleep"
    say(text[0].upper() + text[1:])


@main.command(epilog=EPILOG)
@click.argument("run", required=False)
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@DEBUG
def doctor(run: str | None, data_dir: Path | None, debug: bool) -> int:
    """Examine a RUN, or this machine, and say what to do.

    \b
    bench doctor                    versions, folders, room, GPU, data sets
    bench doctor results/reference  every file of a run
    """
    from bench import store
    from bench.doctor import examine_machine, examine_run

    results = Path("results")
    observations = (
        examine_run(store.locate(run, results))
        if run is not None
        else examine_machine(data_dir, results)
    )
    wrong = 0
    for seen in observations:
        mark = "WRONG" if seen.wrong else "note " if seen.remedy else "ok   "
        remedy = f": {seen.remedy}" if seen.remedy else ""
        say(f"{mark}  {printable(seen.text + remedy)}")
        wrong += seen.wrong
    say(f"{wrong} wrong." if wrong else "Nothing is wrong.")
    return EXIT_WRONG if wrong else 0
