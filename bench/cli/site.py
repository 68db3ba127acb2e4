"""`bench site`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.console import say
from bench.cli.options import DEBUG
from bench.cli.program import EPILOG, main


@main.command(epilog=EPILOG)
@click.argument("packs", metavar="[PACK]...", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="site",
    show_default=True,
    help="Folder of the site: a new or empty one, or that of a former site, whose old pages go.",
)
@click.option("--title", default="Denoising leaderboard", show_default=True, help="Of the site.")
@click.option(
    "--repository",
    default="",
    metavar="URL",
    help="Where packs are sent to, named on the page that says how to add a method.",
)
@click.option(
    "--workflow",
    is_flag=True,
    help="Print a workflow for GitHub that verifies packs and publishes the site, and do nothing "
    "else.",
)
@click.option("--open", "opens", is_flag=True, help="Open the site when it is written.")
@DEBUG
def site(
    packs: tuple[str, ...],
    out: Path,
    title: str,
    repository: str,
    workflow: bool,
    opens: bool,
    debug: bool,
) -> None:
    """Make a static leaderboard of PACKs, as `bench pack` writes them.

    A PACK may also be a run's folder, or its name in results/. The site opens from disk and from
    any server, and loads nothing from elsewhere. Methods that cannot be told apart share a place.

    \b
    bench site packs/*.zip --out site
    bench site packs/*.zip --title "Denoising at our lab" --repository https://github.com/us/packs
    bench site --workflow > .github/workflows/leaderboard.yml
    """
    if workflow:
        from importlib import resources

        text = resources.files("bench.report.formats.site").joinpath("workflow.yml")
        say(text.read_text("utf-8").removesuffix("\n"))
        return
    from bench.core import counted
    from bench.report.content.sources import sources
    from bench.report.formats.site.site import write_site

    found = sources(packs)
    for source in found:
        cells = len(source.run.finished())
        say(f"{source.run.name}: {counted(cells, 'cell')}, {source.verdict_text}", err=True)
    page = write_site(found, out, title, repository)
    say(f"Site: {page}")
    if opens:
        click.launch(str(page))
