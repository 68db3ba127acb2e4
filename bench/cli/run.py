"""`bench run`."""

from __future__ import annotations

import resource
import shlex
import shutil
import signal
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import by_words, say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, EXIT_CELLS_FAILED, Terminated, main
from bench.cli.settings import SettingsCommand, given_settings
from bench.core import UsageError, printable

if TYPE_CHECKING:
    import pandas as pd

#: Bytes of addresses that a process must be allowed: with less, OpenBLAS tries for ever.
_ROOM = 2**30


def _end_as_interrupted() -> None:
    """Let SIGTERM end the run as Ctrl-C does: children are stopped and finished cells are safe."""

    def terminate(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)


def _check_room() -> None:
    """Refuse a limit of the system under which libraries hang while they are loaded."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < _ROOM:
        raise UsageError(
            f"a process may take {limit / 2**30:.2f} GiB of addresses here (ulimit -v), which is "
            "too little to start: allow 2 GiB or more"
        )


@main.command(cls=SettingsCommand, epilog=EPILOG)
@DEBUG
@click.pass_context
def run(context: click.Context, /, debug: bool, **values: Any) -> int:
    """Measure denoising methods and keep every number.

    An interrupted run goes on where it stopped when the same command is given again.

    \b
    bench run --noise 0.1,0.3,0.5
    bench run --noise 15/255,25/255 --methods "identity,median[size=5],vae" --seeds 0,1
    bench run --dataset digits --preset quick --limit 100
    bench run --methods "vae[latent=2|5|10|20|50],dae[hidden=100..800:100]"
    bench run --config sweep.toml --noise 0.2
    bench run --train-noise matched,blind --methods "unet,dae[train=0.3]"
    bench run --plugin my_method.py --methods identity,my-method
    """
    _check_room()
    from bench import analysis, api
    from bench.cli.console import Console
    from bench.planning import notation

    settings = given_settings(context, values)
    _end_as_interrupted()
    with Console(debug=debug) as console:
        result = api.run(**settings, command=shlex.join(["bench", *sys.argv[1:]]), listener=console)
    cells = result.cells()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    measured = result.manifest.settings
    draws = len(measured.noise_seeds)
    images = f"{measured.split} images" if draws == 1 else f"noisy {measured.split} images"
    images += f" ({draws} draws of noise each)" if draws > 1 else ""
    say(analysis.text_table(analysis.Scores.of_run(result, cells), cells, width, images))
    for problem in analysis.problems(analysis.with_labels(cells)):
        say(printable(": ".join(problem)))
    unmeasured = Counter(
        (metric, why) for meta in result.metadata() for metric, why in meta.unmeasured.items()
    )
    for (metric, why), count in unmeasured.items():
        say(by_words(printable(f"no {metric} in {count} of {len(cells)} cells: {why}")))
    if absent := len(set(result.manifest.cells) - result.finished()):
        say(f"{absent} of {len(result.manifest.cells)} cells have no result")
    lost = _without_result(cells)
    if most := len(lost) > cells.method.nunique() / 2:
        say(f"{len(lost)} of {cells.method.nunique()} methods have no result: {', '.join(lost)}")
    where = shlex.quote(str(result.path))
    say(f"Run:    {result.path}\nReport: bench report {where}")
    typed = settings.get("methods") or ""
    names = notation.split_list(typed) if isinstance(typed, str) else typed
    asked_for = {notation.parse(name)[0] for name in names}
    bad = cells.status.eq("failed") | (cells.status.eq("skipped") & cells.method.isin(asked_for))
    return EXIT_CELLS_FAILED if absent or unmeasured or most or bad.any() else 0


def _without_result(cells: pd.DataFrame) -> list[str]:
    """The methods none of whose cells is done."""
    done = set(cells.method[cells.status == "done"])
    return [name for name in dict.fromkeys(cells.method) if name not in done]
