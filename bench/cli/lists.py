"""`bench methods`, `bench datasets` and `bench noises`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import main
from bench.core import UsageError

if TYPE_CHECKING:
    from bench.plugins.contract import Method


@main.command()
@PLUGINS
@DEBUG
def methods(plugin: tuple[Path, ...], debug: bool) -> None:
    """List the methods, with their parameters and sources.

    A broken one is listed with the reason why it cannot run.

    \b
    bench methods
    bench methods --plugin my_method.py
    """
    from bench.execution.importing import importing

    broken = None
    with importing(plugin) as registry:
        for name, source in registry.sources.items():
            try:
                method = registry.load(name)
            except UsageError as error:
                _entry(name, f"cannot run here: {error}", [])
                broken = broken or (error if source.given else None)
                continue
            if method.missing:
                note = method.declared.note
                _entry(name, f"cannot run here: {method.missing}", [note] if note else [])
                continue
            _entry(name, method.summary, _details(method))
    if broken:
        raise broken


@main.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@DEBUG
def datasets(data_dir: Path | None, debug: bool) -> None:
    """List the data sets, and whether they are here.

    \b
    bench datasets
    bench datasets --data-dir ~/data
    """
    from bench.datasets import CATALOGUE, data_folder

    folder = data_folder(data_dir)
    for entry in CATALOGUE.values():
        missing = entry.missing(folder)
        how = "to be downloaded" if entry.has_download else "to be put there"
        how = "incomplete" if entry.lies_in(folder) else how
        state = f"{how}: {missing}" if missing else "ready"
        _entry(entry.name, entry.summary, [entry.reference, state])
    _entry("folder:PATH", "PNG, JPEG and TIFF files of a folder, grey or RGB, of any sizes", [])


@main.command()
@DEBUG
def noises(debug: bool) -> None:
    """List the kinds of noise, and what their levels mean.

    \b
    bench noises
    bench run --noise "gaussian:0.3;salt-pepper:0.1;poisson:30"
    """
    from bench.noises import KINDS

    for name, kind in KINDS.items():
        summary = (kind.__doc__ or "").splitlines()[0]
        _entry(name, summary, [f"levels over 0 and at most {kind.highest:.15g}: {kind.unit}"])


def _details(method: Method) -> list[str]:
    """What kind of method it is and where it comes from, and a line for each parameter."""
    from bench.plugins.contract import BUILT_IN

    declared = method.declared
    kind = "learned" if method.learns else "told the noise" if method.takes_noise else "blind"
    origin = "" if method.origin == BUILT_IN else method.origin
    lines = ["; ".join(filter(None, (kind, declared.reference, origin, declared.note)))]
    for name, default in method.parameters.items():
        tried = declared.tune.get(name)
        tuned = f" (tuned over {', '.join(map(str, tried))})" if tried is not None else ""
        lines.append(f"{name}={default}{tuned}")
    return lines


def _entry(name: str, summary: str, details: list[str]) -> None:
    say(f"{name:<20} {summary}")
    for detail in details:
        say(f"{'':<20} {detail}")
