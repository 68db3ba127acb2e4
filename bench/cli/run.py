"""`bench run`."""

from __future__ import annotations

import re
import shlex
import signal
import threading
from pathlib import Path
from typing import Any

import click

from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EXIT_CELLS_FAILED, EXIT_CODES, Terminated, main
from bench.core import UsageError, nearest


def _read_config(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    """A TOML file's settings become the options' defaults, so that the command line wins."""
    if path is None:
        return
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    known = {
        parameter.opts[0].removeprefix("--"): parameter
        for parameter in context.command.params
        if parameter.name not in ("config", "debug")
    }
    defaults = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"{path}: unknown setting {name!r}: {nearest(name, known)}")
        kind = known[name].type.name
        if kind == "boolean" and not isinstance(value, bool):
            raise UsageError(f"{path}: {name} is true or false")
        if kind == "integer" and type(value) is not int:
            raise UsageError(f"{path}: {name} is a whole number")
        if isinstance(value, (bool, dict)) and kind != "boolean":
            raise UsageError(f"{path}: {name} is a text, a number or a list of them")
        if getattr(known[name], "multiple", False):
            value = value if isinstance(value, list) else [value]
            if not all(isinstance(item, str) for item in value):
                raise UsageError(f"{path}: {name} is a text or a list of texts")
        elif isinstance(value, list):
            value = ",".join(str(item) for item in value)
        defaults[str(known[name].name)] = value
    context.default_map = defaults


def _seeds(context: click.Context, option: click.Parameter, text: str) -> list[int]:
    try:
        return [int(item) for item in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {text!r}: give whole numbers such as 0,1,2") from None


def _end_as_interrupted() -> None:
    """Let SIGTERM end the run as Ctrl-C does: children are stopped and finished cells are safe."""

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)


def _bytes(context: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """A size such as 4GB, 512 MiB or 2e9."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*([0-9.e]+)\s*([KMGT]?)(i?)B?\s*", str(text), re.IGNORECASE)
    try:
        if not found:
            raise ValueError(text)
        base = 1024 if found[3] else 1000
        return int(float(found[1]) * base ** " KMGT".index(found[2].upper() or " "))
    except (ValueError, OverflowError):
        raise UsageError(f"--memory-limit {text!r}: write a size such as 4GB or 512MiB") from None


@main.command(epilog=EXIT_CODES)
@click.option(
    "--dataset",
    help="See `bench datasets`; folder:PATH for a folder of images. "
    "[default: mnist, or digits without it]",
)
@click.option(
    "--train-dataset", help="Train and tune on this data set's images. [default: --dataset's own]"
)
@click.option(
    "--methods",
    help="a,b[param=1],…; classical for all that need no torch. [default: see `bench methods`]",
)
@PLUGINS
@click.option(
    "--noise",
    default="0.1,0.3,0.5",
    show_default=True,
    help="Levels of Gaussian noise, or kinds with levels: gaussian:0.1,0.3;poisson:30 (see "
    "`bench noises`).",
)
@click.option("--clip", is_flag=True, help="Limit noisy images to [0, 1], as an 8-bit file would.")
@click.option(
    "--train-noise",
    default="matched",
    show_default=True,
    help="What networks are trained on: matched (the noise tested on), blind (levels from 0 to the "
    "highest tested), a level (0.3, poisson:30), or several of these.",
)
@click.option(
    "--seeds", default="0", show_default=True, callback=_seeds, help="Training seeds, as 0,1,2."
)
@click.option("--limit", type=int, help="Only the first so many test images.")
@click.option("--epochs", type=int, help="Training epochs, instead of the preset's.")
@click.option("--batch-size", type=int, help="Training images an update, instead of the recipe's.")
@click.option(
    "--preset", default="default", show_default=True, help="quick, default or paper: effort."
)
@click.option(
    "--tune/--no-tune", default=True, help="Choose parameters on validation images.  [default: on]"
)
@click.option("--quantize", is_flag=True, help="Round outputs to 8 bits before scoring.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of the data sets. [default: $BENCH_DATA_DIR, else a cache folder]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="results",
    show_default=True,
    help="Folder of the runs.",
)
@click.option("--name", help="The run's name. [default: data set and a hash of the settings]")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="TOML file with the same settings under the same names.",
)
@click.option(
    "--jobs",
    type=click.IntRange(0, 1024),
    default=1,
    show_default=True,
    envvar="BENCH_JOBS",
    help="Cells worked on at once, each in a process of its own; 0: in this one, unwatched.",
)
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler, or local:4 for four workers.")
@click.option(
    "--timeout", type=float, metavar="SECONDS", help="That a cell may take; then it failed."
)
@click.option(
    "--memory-limit",
    callback=_bytes,
    metavar="SIZE",
    help="Resident memory that a cell's process may take, as 4GB; then the cell failed.",
)
@click.option("--retry-failed", is_flag=True, help="Take up again the cells that failed.")
@click.option("--fresh", is_flag=True, help="Start over, and train anew.")
@DEBUG
def run(methods: str | None, plugin: tuple[Path, ...], debug: bool, **settings: Any) -> int:
    """Measure denoising methods and keep every number.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    bench run --noise 0.1,0.3,0.5
    bench run --noise 15/255,25/255 --methods "identity,median[size=5],vae" --seeds 0,1
    bench run --dataset digits --preset quick --limit 100
    bench run --config sweep.toml --noise 0.2
    bench run --train-noise matched,blind --methods "unet,dae[train=0.3]"
    bench run --plugin my_method.py --methods identity,my-method
    """
    from bench import analysis, api
    from bench.cli.console import Console
    from bench.planning import notation

    _end_as_interrupted()
    with Console(debug=debug) as console:
        result = api.run(
            methods=methods,
            plugins=plugin,
            command=api.command_line(),
            listener=console,
            **settings,
        )
    cells = result.cells()
    click.echo(analysis.text_table(result.records(), cells))
    for problem in analysis.problems(analysis.with_labels(cells)):
        click.echo(": ".join(problem))
    where = shlex.quote(str(result.path))
    click.echo(f"Run:    {result.path}\nReport: bench report {where}")
    asked_for = {notation.parse(text)[0] for text in notation.split_list(methods or "")}
    bad = cells.status.eq("failed") | (cells.status.eq("skipped") & cells.method.isin(asked_for))
    return EXIT_CELLS_FAILED if bad.any() else 0
