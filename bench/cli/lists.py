"""`bench methods`, `bench metrics`, `bench datasets` and `bench noises`: what there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import main
from bench.core import UsageError

if TYPE_CHECKING:
    from bench.plugins.contract import Method
    from bench.plugins.dataset import PluginDataset
    from bench.plugins.kinds import Kind
    from bench.plugins.metric import Metric
    from bench.plugins.noise import NoiseKind

P = TypeVar("P", "Method", "Metric", "NoiseKind", "PluginDataset")


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
    from bench.plugins.kinds import METHODS

    _plugins(METHODS, plugin, _method_details)


@main.command()
@PLUGINS
@DEBUG
def metrics(plugin: tuple[Path, ...], debug: bool) -> None:
    """List the metrics, with their parameters and sources.

    A broken one is listed with the reason why it cannot run.

    \b
    bench metrics
    bench run --noise 0.3 --metrics "psnr,ms-ssim"
    """
    from bench.plugins.kinds import METRICS

    _plugins(METRICS, plugin, _metric_details)


@main.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@PLUGINS
@DEBUG
def datasets(data_dir: Path | None, plugin: tuple[Path, ...], debug: bool) -> None:
    """List the data sets, and whether they are here.

    \b
    bench datasets
    bench datasets --data-dir ~/data
    bench datasets --plugin cells.py
    """
    from bench.datasets import CATALOGUE, FORMS, PLACES, data_folder
    from bench.plugins.kinds import DATASETS

    folder = data_folder(data_dir)
    for entry in CATALOGUE.values():
        missing = entry.missing(folder)
        how = "to be downloaded" if entry.has_download else "to be put there"
        how = "incomplete" if entry.lies_in(folder) else how
        state = f"{how}: {missing}" if missing else "ready"
        _entry(entry.name, entry.summary, [entry.reference, state])
    for name, form in FORMS.items():
        _entry(f"{name}:PATH", form.summary, [])
    for typed, summary in PLACES.items():
        _entry(typed, summary, [])
    _plugins(DATASETS, plugin, _dataset_details)


@main.command()
@PLUGINS
@DEBUG
def noises(plugin: tuple[Path, ...], debug: bool) -> None:
    """List the kinds of noise, and what their levels mean.

    A broken one is listed with the reason why it cannot run.

    \b
    bench noises
    bench run --noise "gaussian:0.3;salt-pepper:0.1;poisson:30"
    """
    from bench.plugins.kinds import NOISES

    _plugins(NOISES, plugin, _noise_details)


def _plugins(kind: Kind[P], plugin: tuple[Path, ...], details: Callable[[P], list[str]]) -> None:
    """List the plugins of a kind; one that was given and is broken, of any kind, is an error."""
    from bench.execution.importing import importing
    from bench.plugins.kinds import KINDS

    broken = None
    with importing(plugin) as methods:
        registry = methods.of(kind)
        for name, source in registry.sources.items():
            try:
                found = registry.load(name)
            except UsageError as error:
                _entry(name, f"cannot run here: {error}", [])
                broken = broken or (error if source.given else None)
                continue
            if found.missing:
                note = found.declared.note
                _entry(name, f"cannot run here: {found.missing}", [note] if note else [])
                continue
            _entry(name, found.summary, details(found))
        if broken:
            raise broken
        for other in KINDS:
            methods.of(other).load_given()


def _dataset_details(dataset: PluginDataset) -> list[str]:
    """Where it comes from, and the range that it declares."""
    declared = dataset.declared
    limits = f"values from {dataset.range}" if dataset.range else ""
    return ["; ".join(filter(None, (declared.reference, _origin(dataset), limits, declared.note)))]


def _method_details(method: Method) -> list[str]:
    """What kind of method it is and where it comes from, and a line for each parameter."""
    declared = method.declared
    lines = [
        "; ".join(
            filter(
                None, (_learned_from(method), declared.reference, _origin(method), declared.note)
            )
        )
    ]
    for name, default in method.parameters.items():
        tried = declared.tune.get(name)
        tuned = f" (tuned over {', '.join(map(str, tried))})" if tried is not None else ""
        lines.append(f"{name}={default}{tuned}")
    return lines


def _learned_from(method: Method) -> str:
    """What kind of method it is, and what it learned from."""
    images = {"pairs": "pairs of noisy images", "noisy": "noisy images alone"}
    learned = images.get(method.supervision, "clean images")
    if method.family == "pretrained":
        on = method.trained_on({})
        return f"pretrained on {', '.join(on)}" if on else "pretrained elsewhere"
    if method.family == "trained" and method.supervision == "none":
        return "trained on each image itself"
    if method.learns:
        return f"{method.family} {'to' if method.family == 'fitted' else 'on'} {learned}"
    return f"{method.family}, {'told the noise' if method.takes_noise else 'blind'}"


def _metric_details(metric: Metric) -> list[str]:
    """How its numbers are read, what it needs, where it comes from; a line for each parameter."""
    declared = metric.declared
    read = f"{declared.unit or 'no unit'}, {declared.better} is better"
    needs = f"needs {', '.join(metric.needs) or 'nothing else'}"
    fitted = "fitted on clean training images" if metric.learns else ""
    about = (read, needs, fitted, declared.reference, _origin(metric), declared.note)
    parameters = [f"{name}={default}" for name, default in metric.parameters.items()]
    return ["; ".join(filter(None, about)), *parameters]


def _noise_details(noise: NoiseKind) -> list[str]:
    """What its levels mean, and where it comes from."""
    declared = noise.declared
    levels = f"levels over 0 and at most {declared.highest:.15g}: {declared.unit}"
    return [levels, "; ".join(filter(None, (declared.reference, _origin(noise), declared.note)))]


def _origin(plugin: Method | Metric | NoiseKind | PluginDataset) -> str:
    """Where it comes from; nothing of built-in ones."""
    from bench.plugins.plugin import BUILT_IN

    return "" if plugin.origin == BUILT_IN else plugin.origin


def _entry(name: str, summary: str, details: list[str]) -> None:
    say(f"{name:<20} {summary}")
    for detail in details:
        say(f"{'':<20} {detail}")
