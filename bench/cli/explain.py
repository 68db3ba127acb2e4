"""`bench explain`: why is my number not the paper's?"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main
from bench.core import counted, printable

if TYPE_CHECKING:
    import pandas as pd

_WIDTH = 80


@main.command(epilog=EPILOG)
@click.argument("run")
@click.option("--method", required=True, help="As the run has it: bm3d, vae[latent=10].")
@click.option("--noise", required=True, help="One noise, as `bench run --noise` takes it: 25/255.")
@click.option("--published", type=float, help="The paper's figure; the nearest comes first.")
@click.option(
    "--metric",
    type=click.Choice(["psnr", "ssim"]),
    default="psnr",
    show_default=True,
    help="What the figure is.",
)
@click.option("--seed", type=int, help="Of training, where the run has several.")
@PLUGINS
@click.option("--dataset", help="Where the run's images lie now: folder:PATH, npz:FILE.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the data sets.")
@DEBUG
def explain(
    run: str,
    method: str,
    noise: str,
    published: float | None,
    metric: str,
    seed: int | None,
    plugin: tuple[Path, ...],
    dataset: str | None,
    data_dir: Path | None,
    debug: bool,
) -> None:
    """Say why a number of RUN is not the paper's.

    The same outputs are scored under the conventions that papers use, each with who has it and
    the file where it was seen. RUN is a folder, or a name in results/. Its images are denoised
    again; nothing is trained.

    \b
    bench explain bsd68 --method bm3d --noise 25/255 --published 28.57
    bench explain bsd68 --method bm3d --noise 25/255 --metric ssim
    """
    from bench import explanation, store

    notes: list[str] = []
    frame = explanation.explain(
        store.find_run(run),
        method,
        noise,
        published=published,
        metric=metric,  # type: ignore[arg-type]
        seed=seed,
        plugins=plugin,
        dataset=dataset,
        data_dir=data_dir,
        watch=_watch,
        warn=notes.append,
    )
    for line in _lines(frame, notes):
        say(line)


def _watch(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write(f"\rdenoising again: {done}/{total} images{end}")
    elif done == 0:
        say(f"Denoising {counted(total, 'image')} again ...", err=True)


def _lines(frame: pd.DataFrame, notes: list[str]) -> list[str]:
    """The sentence, and of each convention its figure, what it is, and who has it."""
    about = frame.attrs
    places, unit = (2, " (dB)") if about["metric"] == "psnr" else (3, "")
    lines = textwrap.wrap(printable(about["answer"]), _WIDTH)
    for note in filter(None, (*notes, about["learned"])):
        lines += textwrap.wrap(printable(f"Note: {note}."), _WIDTH)
    if about["instead"]:
        note = f"Note: {about['instead']}. These are its kept outputs, and fewer conventions."
        lines += textwrap.wrap(printable(note), _WIDTH)
    title = f"{about['metric'].upper()}{unit}"
    what = f"{about['label']} at {about['noise']} on {about['dataset']}"
    lines += ["", printable(f"{title} of {what}")]
    heading = f"{'value':>7}  "
    if about["published"] is not None:
        heading += f"{'off':>6}  "
    lines += [heading + "convention [preset]", "-" * _WIDTH]
    most = int(frame["images"].max())
    for row in frame.to_dict("records"):
        figures = f"{row['value']:7.{places}f}  "
        if about["published"] is not None:
            figures += f"{round(row['difference'], places) + 0.0:+6.{places}f}  "
        words = f"{row['convention']} [{row['preset']}]" if row["preset"] else row["convention"]
        if row["images"] < most:
            words += f" ({row['images']} of {most} images)"
        indent = " " * len(figures)
        lines += _wrapped(words, figures, indent)
        lines += _wrapped(f"{row['who']} ({row['source']})", f"{indent}  ", f"{indent}  ")
    if about["published"] is not None:
        lines += ["", "A near figure is a hint, no proof: see docs/conventions.md."]
    return lines


def _wrapped(text: str, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
