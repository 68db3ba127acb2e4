"""`bench check` and `bench compare`: has a method got worse?"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, EXIT_CELLS_FAILED, main
from bench.core import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.gate import Verdict
    from bench.store import Run

_FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "github"]),
    default="text",
    show_default=True,
    help="How the verdict is printed.",
)
_TOLERANCE = click.option(
    "--tolerance",
    help="Drops up to these are no regression: PSNR in dB, or PSNR,SSIM, and others by name: "
    "lpips=0.01. [default: 0.05,0.002; of others see docs/gate.md]",
)
_WORST = click.option(
    "--worst",
    type=click.FloatRange(0, math.inf, max_open=True),
    metavar="DB",
    help="The drop in PSNR that no single image may exceed. [default: no limit]",
)


@main.command(epilog=EPILOG)
@click.argument("run", required=False)
@click.option(
    "--thresholds", type=click.Path(path_type=Path), help="TOML file of limits, see docs/gate.md."
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="A run to compare with image by image, or a folder of runs.",
)
@_TOLERANCE
@_WORST
@click.option("--strict", is_flag=True, help="What cannot be decided counts as a regression.")
@click.option("--update", is_flag=True, help="Write the run's minima into the thresholds file.")
@_FORMAT
@DEBUG
def check(
    run: str | None,
    thresholds: Path | None,
    baseline: Path | None,
    tolerance: str | None,
    worst: float | None,
    strict: bool,
    update: bool,
    form: str,
    debug: bool,
) -> int:
    """Fail when RUN is worse than it should be.

    RUN is a folder, a name in results/, or the newest there.

    \b
    bench check --update --thresholds thresholds.toml     first: take the limits from a run
    bench check --thresholds thresholds.toml              then: hold other runs against them
    bench check results/new --baseline results/old        or compare two runs, image by image
    """
    from bench import store
    from bench.gate import check

    if update and (thresholds is None or baseline is not None):
        raise UsageError("--update writes a thresholds file: give it with --thresholds FILE alone")
    if tolerance is not None and baseline is None:
        raise UsageError("--tolerance is for comparing with a --baseline")
    if worst is not None and baseline is None:
        raise UsageError("--worst is for comparing with a --baseline")
    if thresholds is None and baseline is None:
        raise UsageError("nothing to check against: give --thresholds FILE or --baseline RUN")
    opened = store.find_run(run)
    if update:
        assert thresholds is not None
        done, single_seed, problems = check.update_thresholds(opened, thresholds)
        numbers = {name: getattr(done, name) for name in ("added", "raised", "lowered", "kept")}
        counted = ", ".join(f"{number} {name}" for name, number in numbers.items() if number)
        what = "limits" if done.maxima else "minima"
        say(f"{thresholds}: {counted or 'no'} {what}, from {opened.path}")
        for line in done.raisable:
            say(f"Set by hand, and may be raised: {line}", err=True)
        if single_seed:
            say(
                f"Note: {', '.join(single_seed)}: of one training seed, so that the margin "
                "does not know how seeds differ; better measure with --seeds 0,1,2,3",
                err=True,
            )
        for problem in problems:
            say(f"Without a threshold: {problem}", err=True)
        return EXIT_CELLS_FAILED if problems else 0
    verdict = check.check_run(
        opened,
        thresholds=thresholds,
        baseline=baseline,
        tolerance=_tolerance(tolerance),
        worst=worst,
    )
    code = verdict.exit_code(strict)
    _print(verdict, form, strict, code)
    return code


@main.command(epilog=EPILOG)
@click.argument("run_a")
@click.argument("run_b")
@_TOLERANCE
@_WORST
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json", "github", "html"]),
    default="text",
    show_default=True,
    help="How the verdict is printed; html: a page, with settings and images side by side.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reports"),
    show_default=True,
    help="Folder of the page.",
)
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@DEBUG
def compare(
    run_a: str,
    run_b: str,
    tolerance: str | None,
    worst: float | None,
    form: str,
    out: Path,
    show: bool,
    debug: bool,
) -> int:
    """Compare RUN_B with RUN_A image by image.

    The exit code is 0 unless nothing could be compared.

    \b
    bench compare results/old results/new
    bench compare before after --format html
    """
    from bench import store
    from bench.gate import check

    older, newer = store.find_run(run_a), store.find_run(run_b)
    verdict = check.check_run(
        newer, baseline=older.path, tolerance=_tolerance(tolerance), worst=worst
    )
    code = 0 if verdict.judgements else verdict.exit_code()
    if form == "html":
        _write_page(older, newer, verdict, check.allowed(newer, _tolerance(tolerance)), out, show)
    else:
        _print(verdict, form, strict=False, code=code)
    return code


def _write_page(
    older: Run, newer: Run, verdict: Verdict, tolerance: Mapping[str, float], out: Path, show: bool
) -> None:
    """Write the page of two runs, and say where it lies."""
    from bench.report.render import comparison_path, render_comparison

    path = comparison_path(older, newer, out)
    say(f"{verdict.summary()}\n{render_comparison(older, newer, verdict, tolerance, path)}")
    if show:
        click.launch(path.absolute().as_uri())


#: The metrics whose tolerance may be given without a name, in this order.
_POSITIONAL = ("psnr", "ssim")


def _tolerance(text: str | None) -> dict[str, float]:
    from bench.planning.notation import split_list

    values: dict[str, float] = {}
    for number, item in enumerate(split_list(text) if text is not None else ()):
        label, _, typed = item.rpartition("=")
        label = label.strip() or "".join(_POSITIONAL[number : number + 1])
        try:
            values[label] = float(typed)
        except ValueError:
            values[label] = math.nan
    wrong = "" in values or not all(0 <= value < math.inf for value in values.values())
    if wrong or (text is not None and not values):
        raise UsageError(
            f"--tolerance {text!r} is not understood: give PSNR in dB, or PSNR,SSIM as 0.05,0.002, "
            "or any metric by name as lpips=0.01"
        )
    return values


def _print(verdict: Verdict, form: str, strict: bool, code: int) -> None:
    """Print a verdict that ends the command with `code`, which outranks an unwritable page."""
    say(verdict.render(form, strict))
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if form == "github" and page:
        try:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(verdict.render("markdown", strict) + "\n")
        except OSError as error:
            line = f"cannot write the step summary {page}: {error.strerror}"
            if code == 0:
                raise StorageError(line) from error
            say(f"Error: {line}", err=True)
