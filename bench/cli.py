"""The command line: parses, calls, prints; no logic of its own.

Nothing heavy is imported at the top: `bench --help` must answer at once.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from bench.core import BenchError, UsageError, nearest

EXIT_CELLS_FAILED = 3
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130

_EXIT_CODES = """\
\b
Exit codes:
  0    all went well
  2    usage: the command cannot be carried out as given
  3    some cells failed, or a method asked for by name was skipped
  5    a data set is missing, damaged or cannot be downloaded
  6    a run, report or cache folder cannot be read or written
  70   an error inside bench itself
  130  interrupted"""


class Program(click.Group):
    """Turns every error into one line and an exit code; with `--debug` a traceback as well."""

    def main(self, args: Sequence[str] | None = None, **kwargs: Any) -> NoReturn:  # type: ignore[override]
        """Run a command line and exit with its code."""
        arguments = list(sys.argv[1:] if args is None else args)
        kwargs["standalone_mode"] = False
        try:
            code = super().main(arguments, **kwargs)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except click.UsageError as error:
            where = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
            code = _say_error(f"{error.format_message()}{where}", error.exit_code)
        except click.ClickException as error:
            code = _say_error(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            code = _say_error(
                "interrupted; finished cells are safe, and the same command goes on from there",
                EXIT_INTERRUPTED,
            )
        except Exception as error:
            if "--debug" in arguments:
                import traceback

                traceback.print_exception(error)
            if isinstance(error, BenchError):
                code = _say_error(str(error), error.exit_code)
            else:
                text = f"{type(error).__name__}: {' '.join(str(error).split())}"
                code = _say_error(
                    f"inside bench: {text}; --debug shows the traceback: please report it",
                    EXIT_INTERNAL,
                )
        sys.exit(code if isinstance(code, int) else 0)


def _say_error(text: str, code: int) -> int:
    click.echo(f"Error: {text}", err=True)
    return code


@click.group(
    cls=Program,
    epilog=_EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="denoise-bench", prog_name="bench")
def main() -> None:
    """Compare image denoisers: the same noise, splits, tuning, timing and metrics for all.

    \b
    bench run --noise 0.1,0.3,0.5      measure, on MNIST
    bench report                       tables and figures of the newest run
    bench methods                      what can be compared
    """


# -- run -----------------------------------------------------------------------------------


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
        if isinstance(value, list):
            value = ",".join(str(item) for item in value)
        defaults[str(known[name].name)] = value
    context.default_map = defaults


def _seeds(context: click.Context, option: click.Parameter, text: str) -> list[int]:
    try:
        return [int(item) for item in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds {text!r}: give whole numbers such as 0,1,2") from None


@main.command(epilog=_EXIT_CODES)
@click.option("--dataset", help="See `bench datasets`. [default: mnist, or digits without it]")
@click.option("--methods", help="a,b[param=1],… [default: see `bench methods`]")
@click.option("--noise", default="0.1,0.3,0.5", show_default=True, help="Levels of Gaussian noise.")
@click.option("--clip", is_flag=True, help="Limit noisy images to [0, 1], as an 8-bit file would.")
@click.option(
    "--seeds", default="0", show_default=True, callback=_seeds, help="Training seeds, as 0,1,2."
)
@click.option("--limit", type=int, help="Only the first so many test images.")
@click.option("--epochs", type=int, help="Training epochs, instead of the preset's.")
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
@click.option("--fresh", is_flag=True, help="Start over, and train anew.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def run(methods: str | None, debug: bool, **settings: Any) -> int:
    """Measure denoising methods and keep every number.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    bench run --noise 0.1,0.3,0.5
    bench run --noise 15/255,25/255 --methods "identity,median[size=5],vae" --seeds 0,1
    bench run --dataset digits --preset quick --limit 100
    bench run --config sweep.toml --noise 0.2
    """
    from bench import api, plan, summary
    from bench.console import Console

    with Console(debug=debug) as console:
        result = api.run(
            methods=methods if methods is not None else plan.DEFAULT_METHODS,
            command=api.command_line(),
            listener=console,
            **settings,
        )
    cells = result.cells()
    click.echo(summary.text_table(result.records(), cells))
    for problem in summary.problems(summary.with_labels(cells)):
        click.echo(": ".join(problem))
    where = shlex.quote(str(result.path))
    click.echo(f"Run:    {result.path}\nReport: bench report {where}")
    asked_for = methods is not None
    bad = cells.status.eq("failed") | (cells.status.eq("skipped") & asked_for)
    return EXIT_CELLS_FAILED if bad.any() else 0


# -- report --------------------------------------------------------------------------------


@main.command(epilog=_EXIT_CODES)
@click.argument("run", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="reports",
    show_default=True,
    help="Folder of the reports.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def report(run: str | None, out: Path, debug: bool) -> None:
    """Render tables and figures of RUN: a folder, a name in results/, or the newest there.

    \b
    bench report
    bench report results/mnist-1a2b3c4d --out reports
    """
    from bench import store
    from bench.report import render

    results = Path("results")
    if run is None:
        opened = store.newest_run(results)
    else:
        inside = (results / run / "manifest.json").is_file() and not Path(run).exists()
        opened = store.open_run(results / run if inside else run)
    click.echo(f"Drawing {opened.path} ({len(opened.finished())} cells) ...", err=True)
    click.echo(f"Report: {render(opened, out)}")


# -- what there is -------------------------------------------------------------------------


@main.command()
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def methods(debug: bool) -> None:
    """List the methods: what they do, their parameters and defaults, their source.

    \b
    bench methods
    """
    from bench import registry

    for name in registry.available():
        try:
            method = registry.load(name)
        except UsageError as error:
            _entry(name, f"cannot run here: {error}", [])
            continue
        kind = "learned" if method.learns else "told the noise" if method.told else "blind"
        parameters = [
            f"{key}={value}"
            + (
                f" (tuned over {', '.join(map(str, method.tune[key]))})"
                if key in method.tune
                else ""
            )
            for key, value in method.parameters.items()
        ]
        _entry(name, method.summary, [f"{kind}; {method.reference}", *parameters])


@main.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def datasets(data_dir: Path | None, debug: bool) -> None:
    """List the data sets, and whether they are here.

    \b
    bench datasets
    bench datasets --data-dir ~/data
    """
    from bench import datasets as data

    folder = data.data_folder(data_dir)
    for source in data.SOURCES.values():
        missing = source.missing(folder)
        state = f"to be downloaded: {missing}" if missing else "ready"
        _entry(source.name, source.summary, [source.reference, state])


def _entry(name: str, summary: str, details: list[str]) -> None:
    click.echo(f"{name:<15} {summary}")
    for detail in details:
        click.echo(f"{'':<15} {detail}")
