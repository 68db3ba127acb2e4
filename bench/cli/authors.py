"""`bench new` and `bench test`: for authors of methods."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bench.cli.console import say
from bench.cli.options import DEBUG, PLUGINS
from bench.cli.program import EPILOG, main

EXIT_CHECK_FAILED = 1


@main.command(epilog=EPILOG)
@click.argument("name")
@click.option("--learned", is_flag=True, help="A network that is trained, not a function.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=".",
    show_default=True,
    help="Where to write it.",
)
@DEBUG
def new(name: str, learned: bool, folder: Path, debug: bool) -> None:
    """Begin a method: write a working NAME.py, and a test.

    \b
    bench new sharpen
    bench new my-network --learned --dir methods
    """
    from bench.plugins.scaffold import write
    from bench.plugins.sources import Registry

    file, test = write.write(name, folder, learned=learned, taken=Registry().sources)
    method, path = name.replace("_", "-"), shlex.quote(str(file))
    say(
        f"Wrote {file} and {test}. Now change it, and:\n"
        f"  bench test {method} --plugin {path}\n"
        f"  bench run --plugin {path} --methods identity,{method} --noise 0.3"
    )


@main.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@PLUGINS
@DEBUG
def test(names: tuple[str, ...], plugin: tuple[Path, ...], debug: bool) -> int:
    """Check that methods keep the harness's contract.

    A line a check, with what to do.

    Without NAME: the methods of --plugin, or else all.

    \b
    bench test sharpen --plugin sharpen.py
    bench test median "vae[latent=10]"
    """
    from bench import testing
    from bench.planning import notation
    from bench.plugins.sources import Registry

    registry = Registry(plugin)
    failed = 0
    parsed = [notation.parse(name) for name in names or registry.given or registry.sources]
    for source, params in [(registry.find(name), params) for name, params in parsed]:
        say(f"{source.name} ({source.origin})")
        for outcome in testing.outcomes(source, params):
            remark = f": {outcome.text}" if outcome.text else ""
            verdict = "FAILED" if outcome.verdict == "failed" else outcome.verdict
            say(f"  {verdict:<8}{outcome.check}{remark}")
            failed += outcome.verdict == "failed"
    say(f"{failed} check{'s' * (failed > 1)} failed." if failed else "All checks passed.")
    return EXIT_CHECK_FAILED if failed else 0
