"""The page by axe-core's rules: for screen readers, keyboards, weak eyes and thumbs."""

from pathlib import Path

import pytest

axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True},
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(opens, report, scheme, size):
    page = opens(report, color_scheme=scheme, bypass_csp=True, **SIZES[size])
    page.evaluate("document.querySelectorAll('details').forEach(each => (each.open = true))")
    page.uncheck("input[data-filter=method][value='1']")
    page.uncheck("input[data-filter=column][value='0']")
    plots = page.locator(".plot:visible")
    for number in range(plots.count()):
        plots.nth(number).scroll_into_view_if_needed()
        plots.nth(number).locator(".main-svg").first.wait_for()
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())
    found = page.evaluate("rules => axe.run({runOnly: rules}).then(r => r.violations)", RULES)
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
