"""`bench runs` and `bench cache`: what lies on disk, and what of it can go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, main
from bench.core import UsageError, counted, printable

if TYPE_CHECKING:
    from bench.store.cache import Cached

#: Characters that a list of methods takes, at most.
_METHODS = 40
_CONTENTS = {
    "fit": "fitted models",
    "unfinished": "unfinished work",
    "weights": "downloaded weights",
    "data": "data sets",
}


@main.command(epilog=EPILOG)
@click.argument("folder", default="results", type=click.Path(path_type=Path))
@DEBUG
def runs(folder: Path, debug: bool) -> None:
    """List the runs of a FOLDER (by default results), the newest first, or one run by its own.

    Their files are not read: `bench doctor RUN` does that.

    \b
    bench runs
    bench runs /data/results
    """
    from bench.store.overview import overview

    found = list(overview(folder))
    if not found:
        say(f"There is no run in {folder}: make one with `bench run`.")
        return
    rows = [("run", "data set", "methods", "cells", "state", "size", "date")]
    for run in found:
        cells = f"{run.done}/{run.cells}" if run.state != "damaged" else ""
        rows.append(
            (
                printable(run.path.resolve().name),
                printable(run.dataset),
                _methods(run.methods),
                cells,
                run.state,
                _size(run.size),
                run.date,
            )
        )
    _table(rows, right=(3, 5))
    for run in found:
        if run.why:
            say(f"damaged: {printable(run.why)}")
    total = sum(run.size for run in found)
    say(f"{counted(len(found), 'run')}, {_size(total)}")


@main.group(invoke_without_command=True, epilog=EPILOG)
@click.pass_context
@DEBUG
def cache(context: click.Context, debug: bool) -> None:
    """List what lies in the cache folder: fitted models, downloads, and when they were used.

    \b
    bench cache
    bench cache clean --older-than 30d
    """
    if context.invoked_subcommand:
        return
    from bench.core import cache_folder
    from bench.store.cache import cached

    folder = cache_folder()
    entries = list(cached(folder))
    if not entries:
        say(f"There is nothing in {folder}.")
        return
    _table([("content", "of", "files", "size", "last used"), *_grouped(entries)], right=(2, 3))
    say(f"{_size(sum(entry.size for entry in entries))} in {folder} ($BENCH_CACHE_DIR)")


@cache.command(epilog=EPILOG)
@click.option(
    "--older-than", metavar="AGE", default="0h", help="Only what was not used for 12h, 30d, 2w."
)
@click.option("--downloads", is_flag=True, help="Weights and data sets of the cache folder, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DEBUG
def clean(older_than: str, downloads: bool, yes: bool, debug: bool) -> None:
    """Remove fitted models from the cache; runs that need one fit it anew.

    Data sets and weights stay unless `--downloads` says otherwise, and a folder that
    $BENCH_DATA_DIR names is never looked at.

    \b
    bench cache clean --older-than 30d
    bench cache clean --yes
    """
    from bench.core import cache_folder
    from bench.store.cache import age, cached, cleanable, remove

    folder = cache_folder()
    chosen = cleanable(cached(folder), age(older_than), downloads=downloads)
    if not chosen:
        say("There is nothing to remove.")
        return
    _table([("content", "of", "files", "size", "last used"), *_grouped(chosen)], right=(2, 3))
    freed = _size(sum(entry.size for entry in chosen))
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"this would remove {freed} from {folder}: say so with --yes")
        click.confirm(f"Remove {freed} from {folder}?", abort=True)
    for entry in chosen:
        remove(entry)
    say(f"Removed {freed} from {folder}.")


def _grouped(entries: Sequence[Cached]) -> list[tuple[str, ...]]:
    """A row a content and name."""
    groups: dict[tuple[str, str], list[Cached]] = {}
    for entry in entries:
        groups.setdefault((_CONTENTS[entry.content], entry.name), []).append(entry)
    return [
        (
            content,
            printable(name),
            str(len(group)),
            _size(sum(entry.size for entry in group)),
            _ago(min(entry.unused_days for entry in group)),
        )
        for (content, name), group in groups.items()
    ]


def _ago(days: float) -> str:
    if days < 1:
        return "today"
    return f"{counted(round(days), 'day')} ago"


def _methods(names: Sequence[str]) -> str:
    """`identity, median and 13 more`."""
    text = printable(", ".join(names))
    shown = list(names)
    while len(text) > _METHODS and len(shown) > 1:
        shown.pop()
        text = printable(f"{', '.join(shown)} and {len(names) - len(shown)} more")
    return text


def _size(count: int) -> str:
    """`12.3 MB`."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Columns as wide as they need to be; those in `right` end alike."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())
