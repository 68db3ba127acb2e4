"""The page of two runs in a browser: it asks nobody for anything, and fits a phone."""

import shutil

import pytest

import bench
from bench.gate.check import allowed, check_run
from bench.report.render import render_comparison

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    old, new = (
        bench.run(
            "digits", methods="identity,gaussian", noise=0.3, limit=20, tune=tune,
            out=folder, name=f"tuned-{tune}",
        )
        for tune in (False, True)
    )  # fmt: skip
    verdict = check_run(new, baseline=old.path)
    return render_comparison(old, new, verdict, allowed(new), folder / "comparison.html")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_request_and_is_no_wider_than_the_screen(comparison, width, scheme):
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        asked, wrong = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(comparison.as_uri())
        assert [url for url in asked if not url.startswith("data:")] == [comparison.as_uri()]
        assert not wrong
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        pictures = page.locator("figure.moved img")
        assert pictures.count() == 10
        for at in range(10):
            assert pictures.nth(at).evaluate("image => image.naturalWidth") > 0
            assert pictures.nth(at).get_attribute("alt")
        browser.close()
