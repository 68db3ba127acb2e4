"""`bench new` and `bench test`: for authors of plugins."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main
from bench.core import UsageError, counted, nearest

if TYPE_CHECKING:
    from bench.plugins.sources import Registry, Source

EXIT_CHECK_FAILED = 1
#: Kind of plugin -> how `bench run` is asked for one.
_ASKED_FOR = {
    "method": "--methods identity,{} --noise 0.3",
    "metric": "--metrics psnr,{} --noise 0.3",
    "noise": "--noise {}:0.2",
    "dataset": "--dataset {} --noise 0.1",
}


@main.command(epilog=EPILOG)
@click.argument("name")
@click.option("--learned", is_flag=True, help="A network that is trained, not a function.")
@click.option("--metric", is_flag=True, help="A metric, not a method.")
@click.option("--noise", is_flag=True, help="A kind of noise.")
@click.option("--dataset", is_flag=True, help="A data set.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Where to write it.",
)
@DEBUG
def new(name: str, learned: bool, folder: Path, debug: bool, **kinds: bool) -> None:
    """Begin a method, metric, noise or data set: write a working NAME.py, and a test.

    \b
    bench new sharpen
    bench new my-network --learned --dir methods
    bench new largest-error --metric
    bench new fading --noise
    bench new cells --dataset
    """
    from bench.plugins.kinds import KINDS, METHODS
    from bench.plugins.scaffold import write

    asked = [kind for kind in KINDS if kinds.get(kind.name)]
    if learned and asked:
        raise UsageError(f"--learned is for methods: leave it out, or --{asked[0].name}")
    if len(asked) > 1:
        raise UsageError(f"a file is of one kind: leave out --{asked[0].name} or --{asked[1].name}")
    kind = asked[0] if asked else METHODS
    file, test = write.write(name, folder, learned=learned, kind=kind)
    plugin, path = name.replace("_", "-"), shlex.quote(str(file))
    say(
        f"Wrote {file} and {test}. Now change it, and:\n"
        f"  bench test {plugin} --plugin {path}\n"
        f"  bench run --plugin {path} {_ASKED_FOR[kind.name].format(plugin)}"
    )


@main.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@PLUGINS
@DEBUG
def test(names: tuple[str, ...], plugin: tuple[Path, ...], debug: bool) -> int:
    """Check that methods, metrics, noises and data sets keep the harness's contract.

    A line a check, with what to do.

    Without NAME: those of --plugin, or else all.

    \b
    bench test sharpen --plugin sharpen.py
    bench test median "vae[latent=10]" psnr
    """
    from bench import testing
    from bench.planning import notation, sweeps
    from bench.plugins.kinds import KINDS
    from bench.plugins.sources import Registry

    registries: list[Registry[Any]] = [Registry(plugin, kind=kind) for kind in KINDS]
    for name in names:
        sweeps.expect_one(name, "method or metric")
    parsed = [notation.parse(name) for name in names]
    tested = [
        (source, params) for name, params in parsed for source in _sources(name, params, registries)
    ]
    if not names:
        every = [source for registry in registries for source in registry.sources.values()]
        given = [source for source in every if source.given]
        # A file that declares several is broken as any: it is said once.
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
    say(f"{counted(failed, 'check')} failed." if failed else "All checks passed.")
    return EXIT_CHECK_FAILED if failed else 0


def _sources(
    name: str, params: Mapping[str, str], registries: list[Registry[Any]]
) -> list[Source[Any]]:
    """The plugins of that name, of each kind; where a file of one was given, that alone.

    A kind that has no parameters is not meant where some are typed.
    """
    from bench.plugins.kinds import NOISES
    from bench.plugins.sources import plugin_name

    called = plugin_name(name)
    found = [each.sources[called] for each in registries if called in each.sources]
    found = [source for source in found if source.given] or found
    if params:
        found = [source for source in found if source.kind is not NOISES] or found
    if not found:
        known = [known for each in registries for known in each.sources]
        *first, last = (each.kind.name for each in registries)
        kinds = f"{', '.join(first)} or {last}" if first else last
        raise UsageError(f"unknown {kinds} {name!r}: {nearest(called, known)}")
    # A file that declares several is broken as any: it is said once.
    return list({source.location: source for source in found}.values())
