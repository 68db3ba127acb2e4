"""A page to look at, and a browser that opens it: from disk, asking nobody for anything."""

import os
import shutil
from pathlib import Path

import pytest

import bench
from bench.report.render import render

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = bench.run(
        "digits",
        methods=["identity", "gaussian[width=0.7]", "median[size=3,weight=1]"],
        noise="gaussian:0.1,0.3;poisson:20",
        limit=20,
        tune=False,
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )
    return render(run, tmp_path_factory.mktemp("reports"), ["html"])["html"]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with sync_api.sync_playwright() as playwright:
        # Within a container root has no sandbox to build.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def opens(browser):
    """Opens a page, and sees at the end that nothing went wrong and nothing was asked for.

    On a wide screen its filters are unfolded, for tests to use them.
    """
    wrong, pages = [], []

    def open_page(path, folded=False, **options):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        pages.append(page)
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: requested(request.url))
        page.on("popup", lambda opened: wrong.append(f"opened {opened.url}"))
        page.goto(Path(path).as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        filters = page.locator("#filters > summary")
        if page.viewport_size["width"] > 640 and not folded and filters.count():
            filters.click()
        return page

    def requested(url):
        if not url.startswith(("file:", "data:", "blob:")):
            wrong.append(f"asked for {url}")

    yield open_page
    for page in pages:
        page.close()
    assert wrong == []
