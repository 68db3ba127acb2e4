"""A static leaderboard of packs: pages, images and the packs themselves, as files of one folder.

All text from outside goes through Jinja's escaping and, before that, through `printable`, which no
template can forget; addresses are made of slugs. A content security policy lets the browser run the
pages' own two scripts, by their digests, and load images of the site. Links are relative, so that a
site works under any address and from disk; nothing in it depends on when it was made.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import UsageError, printable
from bench.report.content.boards import boards
from bench.report.formats.html import environment as templates
from bench.report.formats.site import folder
from bench.report.formats.site.boards import BoardPage
from bench.report.formats.site.images import image_pages
from bench.report.formats.site.methods import MethodPage, method_facets, method_pages
from bench.report.formats.site.packs import Change, PackEntry, changes
from bench.report.formats.site.slugs import slugs

if TYPE_CHECKING:
    from bench.report.content.sources import Source

#: The report page's style sheets that the site shares, and its own.
_SHARED = ("page", "filters", "tables", "charts", "provenance", "phone", "print")
TITLE = "Denoising leaderboard"


@dataclass(frozen=True)
class Site:
    """What the pages are of.

    Attributes:
        repository: where packs are sent to, an address on the web; or empty.
        sources: the packs and runs, the newest first.
        boards: the leaderboards.
        methods: the methods' pages, by name.
        packs: the packs, the newest first.
        changes: what the newest packs brought.
    """

    title: str
    repository: str
    sources: Sequence[Source]
    boards: Sequence[BoardPage]
    methods: Sequence[MethodPage]
    packs: Sequence[PackEntry]
    changes: Sequence[Change]

    places = (
        ("Leaderboards", "index.html"),
        ("Methods", "methods/index.html"),
        ("Packs", "packs/index.html"),
        ("How to read this", "about.html"),
        ("Add yours", "add.html"),
    )

    @property
    def packed(self) -> bool:
        """Whether all of it came in packs."""
        return all(source.pack for source in self.sources)


def write_site(
    sources: Sequence[Source], out: Path, title: str = TITLE, repository: str = ""
) -> Path:
    """Write the leaderboard of packs and runs.

    Args:
        sources: see `bench.report.content.sources.sources`.
        out: an empty or new folder, or that of a former site, whose old pages go.
        title: of the site.
        repository: address of the repository that packs are sent to.

    Returns:
        The page to open.

    Raises:
        UsageError: there is nothing to show, or the repository is no address on the web.
        StorageError: the folder holds something else or cannot be written, or a run is damaged.
    """
    if not sources:
        raise UsageError("a site is made of packs or runs: give one or several")
    if repository and not repository.startswith(("https://", "http://")):
        raise UsageError(f"{repository} is no address on the web: it begins with https://")
    folder.check(out)
    files: dict[str, bytes | Path] = {".nojekyll": b""}
    folder.write(out, files | _files(sources, title, repository))
    return out / "index.html"


def _files(sources: Sequence[Source], title: str, repository: str) -> dict[str, bytes | Path]:
    """Path -> content of every file."""
    images: dict[str, bytes] = {}
    site = _site(sources, title, repository, images)
    render = _renderer(site)
    files: dict[str, bytes | Path] = dict(images)
    for template, path in (
        ("index", "index.html"),
        ("packs", "packs/index.html"),
        ("add", "add.html"),
        ("about", "about.html"),
    ):
        files[path] = render(template, path)
    path = "methods/index.html"
    files[path] = render("methods", path, facets=method_facets(site.methods))
    for method in site.methods:
        files[method.path] = render("method", method.path, page=method)
    for board in site.boards:
        files[board.path] = render("board", board.path, page=board)
        for noise in board.noises:
            files[noise.path] = render("noise", noise.path, page=noise, board=board)
        for image in board.images:
            files[image.path] = render("image", image.path, page=image, board=board)
    for pack in site.packs:
        if pack.source.pack:
            files[pack.path] = pack.source.pack
    return files


def _site(sources: Sequence[Source], title: str, repository: str, images: dict[str, bytes]) -> Site:
    """What the pages are of; the files of images are put into `images`."""
    names = slugs((source.run.name for source in sources), taken=("index",))
    keys = [source.run.name for source in sources]
    if len(set(keys)) < len(keys):  # runs of one name are told apart by their time
        keys = [f"{source.run.name}-{source.run.manifest.started}" for source in sources]
        names = slugs(keys, taken=("index",))
    by_run = {
        str(source.run.path): (names[key], source)
        for key, source in zip(keys, sources, strict=True)
    }
    found = list(boards([source.run for source in sources]))
    methods = {str(name) for board in found for name in board.section.cells["method"]}
    paths = {
        name: f"methods/{slug}.html" for name, slug in slugs(methods, taken=("index",)).items()
    }
    folders = slugs(board.title for board in found)
    pages = [BoardPage.of(board, folders[board.title], paths, by_run) for board in found]
    for page in pages:
        name = page.board.section.name
        page.others = [one for one in pages if one.board.section.name == name and one is not page]
        page.images = image_pages(page, images)
    packs, labels = [], {}
    for page in pages:
        cells = page.board.section.runs
        for run in cells:
            slug, source = by_run[str(run.path)]
            labels[slug] = list(dict.fromkeys(run.cells()["label"]))
            packs.append(PackEntry(slug, source, page, len(labels[slug])))
    order = {source.run.path: at for at, source in enumerate(sources)}
    packs.sort(key=lambda pack: order[pack.source.run.path])
    return Site(
        title,
        repository,
        sources,
        pages,
        method_pages(pages, paths, by_run),
        packs,
        changes(packs, labels),
    )


def _renderer(site: Site) -> Callable[..., bytes]:
    """What fills in a template: its name, the page's path, and what the page is of."""
    from markupsafe import Markup

    def shown(value: Any) -> Any:
        """What stands in a page: what is no markup is made visible, then escaped."""
        if isinstance(value, Markup):
            return value
        text = str(value)
        body = "\n".join(map(printable, text.strip(" ").split("\n")))
        before, after = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
        return f"{' ' * before}{body}{' ' * after}" if body else " " * before

    environment = templates.environment(__package__, shown)
    style = "\n".join(
        [
            *(_text("html", f"styles/{name}.css") for name in _SHARED),
            _text("site", "styles/site.css"),
        ]
    )
    head, script = _text("site", "scripts/head.js"), _text("site", "scripts/site.js")
    environment.globals |= {
        "site": site,
        "style": Markup(style),
        "head_script": Markup(head),
        "script": Markup(script),
        "policy": _policy(style, head, script),
    }

    def render(template: str, path: str, **context: Any) -> bytes:
        root = "../" * path.count("/")
        links: Mapping[str, Any] = {"here": path, "link": lambda target: f"{root}{target}"}
        text = environment.get_template(f"{template}.html").render(**links, **context)
        return f"{text}\n".encode("utf-8", "backslashreplace")

    return render


def _policy(style: str, *scripts: str) -> str:
    """What a page may do: load images of the site, and run its own scripts.

    From disk a page has no origin that browsers agree on: `file:` says the same there, and is
    nothing that a page from the web could load.
    """
    run = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; img-src 'self' file: data:; style-src 'sha256-{_digest(style)}'; "
        f"script-src {run}; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(format_: str, name: str) -> str:
    return resources.files(f"bench.report.formats.{format_}").joinpath(name).read_text("utf-8")
