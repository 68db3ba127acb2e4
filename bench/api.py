"""What the command does, from Python: a run from settings to records on disk."""

from __future__ import annotations

import contextlib
import inspect
import numbers
import os
import secrets
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from bench import datasets, store
from bench.core import Dataset, UsageError, expanded, shown, typed_text
from bench.evaluation.data_source import DataSource, only_given
from bench.execution import cores, session
from bench.execution.importing import importing, surveys
from bench.execution.process import Limits
from bench.execution.progress import Listener
from bench.execution.recording import manifest_of
from bench.execution.rescoring import score
from bench.execution.scorer import Scorer, recorded
from bench.execution.supervisor import Setup
from bench.notebook import NotebookProgress, ShownRun, in_notebook
from bench.planning import notation
from bench.planning.cells import plan, remarks
from bench.planning.noise_kinds import NoiseKinds, requested_kinds
from bench.planning.request import RequestedMethod, methods_by_name, requested_methods, torch_device
from bench.planning.requested_metrics import (
    RequestedMetric,
    metrics_for,
    requested_metrics,
    tuning_metric,
)
from bench.planning.settings import Settings
from bench.plugins.contract import Method
from bench.plugins.kinds import METHODS, METRICS
from bench.plugins.loading import loading
from bench.plugins.objects import by_file, with_files
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry, load


def run(
    dataset: Any = None,
    *,
    listener: Listener | None = None,
    command: str | None = None,
    **values: Any,
) -> Run:
    """Measure denoising methods, as `bench run` does, and keep the results on disk.

    A run that was interrupted goes on with its first unfinished cell.

        >>> run = bench.run("digits", methods="identity,median", noise=0.3, limit=20)
        >>> list(run.records().groupby("method")["psnr"].mean().round(1))
        [12.7, 19.8]

    Args:
        dataset: by name; None for MNIST, or `digits` where MNIST cannot be had. Or images: an
            array, a tensor, a torch data set, a list, see `bench.Dataset`. So is `train_dataset`.
        listener: told how it goes on; in a notebook a bar shows it where none is given.
        command: what the manifest is to say made it.
        **values: the fields of `bench.Settings`; lists may be lists, as `noise=[0.1, 0.3]`. Among
            methods and metrics may be functions and classes that a file declares as such.

    Returns:
        The run; `run.records()` has a row an image, `run.score("mae")` adds a metric.

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    settings, objects = _checked(dataset, command, values)
    listener = _listening(listener)
    with _methods_of(settings) as registry:
        requested, metrics, tuner, kinds = _asked_for(settings, registry)
        settings = kinds.resolved(settings)
        methods = methods_by_name(requested.values())
        # What names and settings tell is wrong has ended the run before anything is downloaded.
        device = torch_device(settings, methods.values())
        source, data = _opened(settings, objects)
        metrics = metrics_for(settings, metrics, data)
        resolved = _resolved(settings, data, requested, by_content=bool(objects))
        cells = plan(resolved, data, requested.values(), _named(tuner), kinds.make)
        said = remarks(requested.values(), cells)
    shares = cores.shares(settings, cells, data.largest)
    scorer = _scorer(resolved, metrics, tuner)
    with source.for_others(data, bool(shares.jobs or settings.dask)) as told:
        setup = Setup.of(settings, told, data, requested, scorer, device, shares, len(cells))
        described = _described(metrics, scorer, data, listener)
        manifest = manifest_of(
            resolved,
            data,
            source,
            cells,
            said=said,
            methods=requested,
            metrics=metrics,
            described=described,
            beside=[tuner.metric, *kinds.loaded.values()],
            setup=setup,
            command=command or f"bench.run({data.name!r}, ...)",
        )
        made = session.work(manifest, cells, data, methods, setup, resolved, shares, listener)
    return Run(made.path, made.manifest)


def _plugins(settings: Settings) -> tuple[str, ...]:
    """Files and folders of plugins, for processes that may lie in another folder."""
    return tuple(str(expanded(plugin).absolute()) for plugin in settings.plugins)


class Run(ShownRun):
    """A run on disk, that shows itself in a notebook and can be scored by further metrics.

    See `bench.store.Run` for what is read of it, and `bench.notebook.ShownRun` for `table`,
    `figure` and `inspect`.
    """

    def score(self, metrics: Any, **options: Any) -> Run:
        """Add columns of further metrics, as `bench score` does: names, or decorated functions.

        Options are those of `bench.execution.rescoring.score`: plugins, dataset, data_dir, ...

        >>> run = bench.run("digits", methods="identity,median", noise=0.3, limit=20)
        >>> records = run.score("mae").records()
        >>> list(records.groupby("method")["mae"].mean().round(3))
        [0.16, 0.075]
        """
        metrics, files = by_file(METRICS, metrics)
        options["plugins"] = with_files(options.get("plugins", ()), files)
        done = score(self, metrics, **options)
        for each in done:
            for why in dict.fromkeys(each.missing.values()):
                warnings.warn(f"{each.cell} has no score: {why}", stacklevel=2)
        self.manifest = store.open_run(self.path).manifest
        return self


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run by its folder or its pack; its cells are read when they are asked for.

    >>> import bench, tempfile
    >>> made = bench.run("digits", methods="identity", noise=0.3, limit=2, out=tempfile.mkdtemp())
    >>> run = bench.open_run(made.path)
    >>> run.manifest.settings.limit, len(run.records())
    (2, 2)

    Raises:
        StorageError, UsageError: see `bench.store.open_run`.
    """
    opened = store.open_run(path)
    return Run(opened.path, opened.manifest, opened.pack)


def _methods_of(settings: Settings) -> contextlib.AbstractContextManager[Registry[Method]]:
    """The methods that can be asked for; where others work on the cells, others load them."""
    if settings.jobs or settings.dask:
        return importing(settings.plugins, Limits(settings.timeout, settings.memory_limit))
    return contextlib.nullcontext(Registry(settings.plugins))


def _checked(
    dataset: Any, command: object, values: Mapping[str, Any]
) -> tuple[Settings, dict[str, Any]]:
    """The settings that `run` is given, and the data sets that came as objects, not by name.

    Raises:
        UsageError: there is no such setting, or its value is none.
    """
    if file := loading():
        raise UsageError(
            f"{file} calls bench.run while it is loaded as a plugin: put the call below "
            '`if __name__ == "__main__":`'
        )
    if not isinstance(command, str | None):
        raise UsageError(f"command is a text, not {shown(command)}")
    named, objects = _with_names(values), {}
    for name, given in (("dataset", dataset), ("train_dataset", values.get("train_dataset"))):
        named[name] = datasets.typed_name(given)
        if named[name] is None and given is not None:
            # By its own name, once it is opened.
            named[name], objects[name] = datasets.NAME, given
    return Settings.checked(**named), objects


def _listening(listener: Any) -> Listener | None:
    """Who is told how a run goes on.

    Raises:
        UsageError: it does not listen to what a run says.
    """
    if listener is None:
        return NotebookProgress() if in_notebook() else None
    told = ("started", "progress", "recorded", "warned")
    if isinstance(listener, type) or not all(callable(getattr(listener, n, None)) for n in told):
        raise UsageError(f"a listener has the methods {', '.join(told)}; {shown(listener)} has not")
    return listener


def _with_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the names and files of plugins that are given themselves."""
    named = dict(values)
    for name, kind in (("methods", METHODS), ("metrics", METRICS)):
        if name in named:
            named[name], files = by_file(kind, named[name])
            if files:
                named["plugins"] = with_files(named.get("plugins"), files)
    return named


def _opened(settings: Settings, objects: Mapping[str, Any]) -> tuple[DataSource, Dataset]:
    """Where the images are, those that came as objects among them, and the data set.

    Of a plugin's, others look at them first where others work on the cells.

    Raises:
        UsageError, DataError: these are no images, or not to be taken as they are.
    """
    images, training = (
        datasets.opened(objects[name], settings.range, to_train=name == "train_dataset")
        if name in objects
        else getattr(settings, name)
        for name in ("dataset", "train_dataset")
    )
    folder = datasets.data_folder(settings.data_dir).absolute()
    plugins = _plugins(settings)
    images = only_given(plugins) if images is None else images
    source = DataSource(images, training, folder, settings.range, plugins)
    looked = settings.jobs or settings.dask
    limits = Limits(settings.timeout, settings.memory_limit)
    return source, source.open(surveys(source, limits) if looked else {})


def _resolved(
    settings: Settings, data: Dataset, requested: Iterable[str], *, by_content: bool
) -> Settings:
    """With the data sets' own names; other images that have the same name make another run."""
    resolved = settings.resolved(data, requested)
    if resolved.name or not by_content:
        return resolved
    return resolved.model_copy(update={"name": f"{resolved.folder.name}-{data.fingerprint[:8]}"})


def _asked_for(
    settings: Settings, registry: Registry[Method]
) -> tuple[dict[str, RequestedMethod], dict[str, RequestedMetric], RequestedMetric, NoiseKinds]:
    """The methods, the metrics, the metric that parameters are chosen by, and kinds of noise."""
    methods = requested_methods(settings, registry)
    return (
        methods,
        requested_metrics(settings, registry),
        tuning_metric(settings, registry),
        requested_kinds(settings, [each.regime for each in methods.values()], registry),
    )


def _named(tuner: RequestedMetric) -> str:
    """The metric that parameters are chosen by, as cells name it: others' with their code."""
    ours = tuner.metric.origin == BUILT_IN
    return str(tuner) if ours else f"{tuner} ({tuner.metric.source})"


def _scorer(
    settings: Settings,
    metrics: Mapping[str, RequestedMetric],
    tuner: RequestedMetric,
) -> Scorer:
    """What the cells are scored and tuned by."""
    return Scorer(
        tuple(metrics),
        str(tuner),
        {label: one.metric.source for label, one in {**metrics, str(tuner): tuner}.items()},
        _plugins(settings),
        str((store.cache_folder() / "fits").absolute()),
        secrets.token_hex(8) if settings.fresh else None,
        str(settings.folder.absolute()) if settings.keep else "",
    )


def _described(
    metrics: Mapping[str, RequestedMetric],
    scorer: Scorer,
    data: Dataset,
    listener: Listener | None,
) -> dict[str, store.RecordedMetric]:
    """What a manifest says of the metrics; those of ours that learn are fitted, if need be."""
    said = set()

    def told(label: str, share: float) -> None:
        if listener and label not in said:
            said.add(label)
            listener.warned(f"{label} learns from the clean training images first, once for all")

    # What others' metrics learn is for the workers, which alone run their code.
    ours = {label: one for label, one in metrics.items() if one.metric.origin == BUILT_IN}
    return recorded(metrics, scorer.fit(ours, data, told))


def _signature() -> inspect.Signature:
    """Of `run`, with the settings by name."""
    own = inspect.signature(run)
    kept = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
    fields = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        for name, field in Settings.model_fields.items()
        if name not in own.parameters
    ]
    return own.replace(parameters=[*kept[:1], *fields, *kept[1:]])


run.__signature__ = _signature()  # type: ignore[attr-defined]


def get_method(name: str, **params: Any) -> Any:
    """A method by name with parameters set; a method that learns comes unfitted.

        >>> import numpy as np
        >>> noise = bench.make_noise("gaussian", 0.1)
        >>> median = bench.get_method("median", size=5)
        >>> median.denoise(np.zeros((2, 1, 28, 28), "float32"), noise).shape
        (2, 1, 28, 28)

    Raises:
        UsageError: there is no such method or parameter.
    """
    if not isinstance(name, str):
        raise UsageError(f"a method is given by its name, such as median; not {shown(name)}")
    method = load(name)
    if method.missing:
        raise UsageError(method.missing)
    texts = {}
    for key, value in params.items():
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        elif getattr(value, "ndim", None) == 0:  # a number of NumPy's or torch's
            value = value.item()
        if not (value is None or isinstance(value, (str, numbers.Number))):
            raise UsageError(f"{name}[{key}]: give a number or a text, not {shown(value)}")
        is_text = isinstance(method.parameters.get(key), str)
        texts[key] = typed_text(value) if is_text else str(value)
    return method.create(notation.typed_params(method, texts))
