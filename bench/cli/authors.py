"""`bench new` and `bench test`: for authors of methods and metrics."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main
from bench.core import UsageError, nearest

if TYPE_CHECKING:
    from bench.plugins.sources import Registry, Source

EXIT_CHECK_FAILED = 1


@main.command(epilog=EPILOG)
@click.argument("name")
@click.option("--learned", is_flag=True, help="A network that is trained, not a function.")
@click.option("--metric", is_flag=True, help="A metric, not a method.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Where to write it.",
)
@DEBUG
def new(name: str, learned: bool, metric: bool, folder: Path, debug: bool) -> None:
    """Begin a method or a metric: write a working NAME.py, and a test.

    \b
    bench new sharpen
    bench new my-network --learned --dir methods
    bench new largest-error --metric
    """
    from bench.plugins.kinds import METHODS, METRICS
    from bench.plugins.scaffold import write

    if learned and metric:
        raise UsageError("--learned is for methods: leave it out, or --metric")
    file, test = write.write(name, folder, learned=learned, kind=METRICS if metric else METHODS)
    plugin, path = name.replace("_", "-"), shlex.quote(str(file))
    asked = f"--metrics psnr,{plugin}" if metric else f"--methods identity,{plugin}"
    say(
        f"Wrote {file} and {test}. Now change it, and:\n"
        f"  bench test {plugin} --plugin {path}\n"
        f"  bench run --plugin {path} {asked} --noise 0.3"
    )


@main.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@PLUGINS
@DEBUG
def test(names: tuple[str, ...], plugin: tuple[Path, ...], debug: bool) -> int:
    """Check that methods and metrics keep the harness's contract.

    A line a check, with what to do.

    Without NAME: those of --plugin, or else all.

    \b
    bench test sharpen --plugin sharpen.py
    bench test median "vae[latent=10]" psnr
    """
    from bench import testing
    from bench.planning import notation
    from bench.plugins.kinds import KINDS
    from bench.plugins.sources import Registry

    registries: list[Registry[Any]] = [Registry(plugin, kind=kind) for kind in KINDS]
    parsed = [notation.parse(name) for name in names]
    tested = [(_source(name, registries), params) for name, params in parsed]
    if not names:
        every = [source for registry in registries for source in registry.sources.values()]
        given = [source for source in every if source.given]
        # A file that declares one of each is broken as either: it is said once.
        once = {source.location: source for source in given or every}
        tested = [(source, {}) for source in once.values()]
    failed = 0
    for source, params in tested:
        say(f"{source.name} ({source.kind.name}, {source.origin})")
        for outcome in testing.outcomes(source, params):
            remark = f": {outcome.text}" if outcome.text else ""
            verdict = "FAILED" if outcome.verdict == "failed" else outcome.verdict
            say(f"  {verdict:<8}{outcome.check}{remark}")
            failed += outcome.verdict == "failed"
    say(f"{failed} check{'s' * (failed > 1)} failed." if failed else "All checks passed.")
    return EXIT_CHECK_FAILED if failed else 0


def _source(name: str, registries: list[Registry[Any]]) -> Source[Any]:
    """The plugin of that name, of whichever kind; those of the files that were given go first."""
    from bench.plugins.sources import plugin_name

    called = plugin_name(name)
    found = [each.sources[called] for each in registries if called in each.sources]
    found = [source for source in found if source.given] or found
    if len({source.location for source in found}) > 1:
        both = " and ".join(f"a {source.kind.name} ({source.location})" for source in found)
        raise UsageError(f"{name!r} is {both}: name one by its file, with --plugin")
    if not found:
        known = [known for each in registries for known in each.sources]
        kinds = " or ".join(each.kind.name for each in registries)
        raise UsageError(f"unknown {kinds} {name!r}: {nearest(called, known)}")
    return found[0]
