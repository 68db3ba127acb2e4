"""Options that several commands share."""

from pathlib import Path

import click

DEBUG = click.option("--debug", is_flag=True, help="Show tracebacks.")
PLUGINS = click.option(
    "--plugin",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A plugin's file, or a folder of some; may be repeated. [also: $BENCH_PLUGINS]",
)
