"""The leaderboard in a browser: from disk and from a server, by link, on a phone, unscripted."""

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest

import bench
from bench.report.content.sources import sources
from bench.report.formats.site.site import write_site
from bench.store import Verified
from bench.store.pack import write_pack
from bench.store.verified import VerifiedCell, pack_digest

PAGES = (
    "index.html", "data/digits/index.html", "data/digits/gaussian-0.3.html",
    "data/digits/images/0.html", "methods/index.html", "methods/median.html", "packs/index.html",
    "add.html", "about.html",
)  # fmt: skip
NOISE, IMAGE = PAGES[2], PAGES[3]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    run = bench.run(
        "digits", methods=["identity", "gaussian[width=0.7]", "median", "lmmse"], noise="0.1,0.3",
        limit=12, tune=False, out=tmp_path_factory.mktemp("results"), name="shown",
    )  # fmt: skip
    packed = run.path.with_name("shown.zip")
    files = {"manifest.json": run.path / "manifest.json"}
    for part in ("cells", "samples"):
        files |= {f"{part}/{path.name}": path for path in (run.path / part).iterdir()}
    said = {"pack": 1, "name": "shown", "runs": ["shown"]}
    write_pack(packed, files | {"pack.json": json.dumps(said).encode()})
    Verified(
        pack=packed.name, sha256=pack_digest(packed), asked=2, seed=0, same_machine=True,
        cells=[VerifiedCell(key=name, cell=name, held=name == "a", how="by 2 dB") for name in "ab"],
        machine=run.manifest.machine, versions={}, date="2026-05-06T00:00:00+00:00",
    ).write_beside(packed)  # fmt: skip
    out = tmp_path_factory.mktemp("made") / "site"
    write_site(sources([str(packed)]), out)
    return out


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(site):
    """The address of a static server that has the site in a folder of its own."""
    handler = functools.partial(_Quiet, directory=site.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/site/"
        server.shutdown()
        thread.join()


@pytest.fixture
def visits(browser, site):
    """Opens an address, and sees at the end that nothing went wrong and nothing left the site."""
    wrong, contexts = [], []

    def visit(address, **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"lost {request.url}"))
        page.on("request", lambda request: asked(request.url))
        page.goto(address)
        return page

    def asked(url):
        if not url.startswith((site.as_uri(), "http://127.0.0.1:", "data:")):
            wrong.append(f"asked for {url}")

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


def shown(page):
    return page.eval_on_selector_all(
        "tbody tr:not([hidden])", "rows => rows.map(r => r.querySelector('th a').textContent)"
    )


def whole(page):
    """Whether every image of a page was loaded."""
    return page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


@pytest.mark.parametrize("where", ["disk", "server"])
def test_it_opens_from_disk_and_from_a_server_and_links_lead_on(visits, site, served, where):
    root = f"{site.as_uri()}/" if where == "disk" else served
    page = visits(root + "index.html")
    page.click("text=gaussian 0.3")
    assert page.url == root + NOISE
    assert len(shown(page)) == 4
    page.click("tbody th a:text-is('median')")
    assert page.url == root + "methods/median.html"
    page.click("text=digits, image 0")
    assert page.url == root + IMAGE
    page.wait_for_load_state("load")
    assert whole(page)
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.gallery img')).imageRendering")
        == "pixelated"
    )


def test_filters_stand_in_the_address_and_a_link_shows_the_same(visits, site):
    address = (site / NOISE).as_uri()
    page = visits(address)
    every = shown(page)
    page.uncheck("input[data-facet=class][value=filter]")
    assert shown(page) == ["lmmse"]
    assert page.url == f"{address}#class=fitted"
    assert page.text_content("#shown") == "1 of 4 shown"
    page.check("input[data-facet=class][value=filter]")
    assert shown(page) == every
    assert page.url == address
    page.fill("#find", "GAU")
    page.click("thead th:nth-child(4) button")
    again = visits(page.url)
    assert shown(again) == ["gaussian[width=0.7]"]
    assert again.get_attribute("thead th:nth-child(4)", "aria-sort") == "descending"
    again.click("#reset")
    assert shown(again) == every
    assert visits(f"{address}#class=no-such&x=%22%3E%3Cb%3E").locator("tbody b").count() == 0


def test_tables_sort_by_keyboard(visits, site):
    page = visits((site / NOISE).as_uri())
    page.focus("thead th:nth-child(4) button")
    page.keyboard.press("Enter")
    values = page.eval_on_selector_all(
        "tbody tr", "rows => rows.map(r => +r.cells[3].dataset.value)"
    )
    assert values == sorted(values, reverse=True)
    page.keyboard.press("Enter")
    again = page.eval_on_selector_all(
        "tbody tr", "rows => rows.map(r => +r.cells[3].dataset.value)"
    )
    assert again == sorted(values)


def test_zoom_is_by_whole_pixels_and_stands_in_the_address(visits, site):
    page = visits((site / IMAGE).as_uri())
    page.click("button[data-zoom='3']")
    assert page.url.endswith("#zoom=3")
    box = page.locator(".gallery img").first.bounding_box()
    assert (box["width"], box["height"]) == (84, 84)
    assert visits(page.url).get_attribute("button[data-zoom='3']", "aria-pressed") == "true"


def test_colours_that_were_chosen_hold_on_other_pages(visits, site):
    page = visits((site / "index.html").as_uri(), color_scheme="light")
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click("text=gaussian 0.3")
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 27)"


def test_it_reads_without_scripts(visits, site):
    page = visits((site / NOISE).as_uri(), java_script_enabled=False)
    assert page.locator("tbody tr").count() == 4
    assert page.locator("tbody tr svg.interval").count() == 4
    assert not page.locator("details.filters").is_visible()
    assert not page.locator("#theme").is_visible()
    page.click("text=digits")
    assert page.url == (site / "data/digits/index.html").as_uri()


@pytest.mark.parametrize(("scheme", "size"), [("light", (1280, 900)), ("dark", (390, 844))])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(visits, site, scheme, size):
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    rules = (Path(axe.__file__).parent / "axe.min.js").read_text()
    width, height = size
    page = visits(
        (site / "index.html").as_uri(),
        color_scheme=scheme,
        viewport={"width": width, "height": height},
    )
    for name in PAGES:
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate(rules)
        found = page.evaluate("axe.run().then(found => found.violations)")
        assert [(name, one["id"], one["nodes"][0]["html"]) for one in found] == []
