"""The page in a browser: from disk, by keyboard, on a phone, and asking nobody for anything."""

import re

import pytest

import bench
from bench.report.render import render

PLUGIN = '''
import numpy as np
from bench import method


@method()
def {name}(noisy, *, text="x"):
    """Hostile."""
    return np.asarray(noisy)
'''
HOSTILE = "</script><img src=x onerror=window.hit=1><b onmouseover=window.hit=1>{{7*7}}\"'</b>"


def column(page, table, index):
    return page.eval_on_selector_all(
        f"{table} tbody tr:not([hidden])", f"rows => rows.map(r => r.cells[{index}].textContent)"
    )


def numbers(texts):
    return [float(re.search(r"[\d.]+", text)[0]) for text in texts]


def test_tables_sort_by_click_and_by_keyboard(opens, report):
    page = opens(report)
    table = "#table-0-psnr"
    page.click(f"{table} thead th:nth-child(2) button")
    assert page.get_attribute(f"{table} thead th:nth-child(2)", "aria-sort") == "descending"
    psnr = numbers(column(page, table, 1))
    assert psnr == sorted(psnr, reverse=True)
    assert len(psnr) == 3
    page.focus(f"{table} thead th:nth-child(2) button")
    page.keyboard.press("Enter")
    assert numbers(column(page, table, 1)) == sorted(psnr)
    page.click("details.fold:has(#table-0-mse) > summary")
    page.click("#table-0-mse thead th:nth-child(2) button")  # of errors the smallest come first
    mse = numbers(column(page, "#table-0-mse", 1))
    assert mse == sorted(mse)
    page.click(f"{table} thead th:nth-child(1) button")
    names = column(page, table, 0)
    assert [name[1:] for name in names] == sorted(name[1:] for name in names)


def test_filters_hide_methods_and_noises_in_tables_and_charts(opens, report):
    page = opens(report)
    names = column(page, "#table-0-psnr", 0)
    page.uncheck("input[data-filter=method][value='1']")
    assert column(page, "#table-0-psnr", 0) == [names[0], names[2]]
    assert page.inner_text("#shown").startswith("2 of 3 methods")
    page.uncheck("input[data-filter=column][value='0']")
    assert not page.is_visible("#table-0-psnr thead th[data-column='0']")
    assert page.is_visible("#table-0-psnr thead th[data-column='1']")
    page.uncheck("input[data-kind='0']")  # a kind with all its levels
    assert not page.is_visible("#table-0-psnr thead th[data-column='1']")
    page.locator("#chart-0-0").scroll_into_view_if_needed()
    page.wait_for_selector("#chart-0-0 .main-svg")
    visible = "box => box.data.filter(t => t.visible !== false).map(t => t.meta).sort()"
    assert page.eval_on_selector("#chart-0-0", visible) == [0, 2]
    page.click("button[data-all=method]")
    assert page.eval_on_selector("#chart-0-0", visible) == [0, 1, 2]
    assert len(column(page, "#table-0-psnr", 0)) == 3


def test_charts_are_drawn_when_they_are_seen_and_choose_their_noise(opens, report):
    page = opens(report)
    charts = page.locator(".plot")
    assert charts.count() >= 6
    assert page.locator(".main-svg").count() == 0  # below the screen
    for index in range(charts.count()):
        charts.nth(index).scroll_into_view_if_needed()
        charts.nth(index).locator(".main-svg").first.wait_for()
    select = page.locator("figure:has-text('Quality against speed') select")
    first = page.eval_on_selector("figure:has-text('Quality against speed') .plot", "b => b.data")
    select.select_option(index=2)
    later = page.eval_on_selector("figure:has-text('Quality against speed') .plot", "b => b.data")
    assert [trace["name"] for trace in first] == [trace["name"] for trace in later]
    assert [trace["y"] for trace in first] != [trace["y"] for trace in later]


def test_the_theme_follows_the_system_and_the_button(opens, report):
    page = opens(report, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.click("#theme")
    light = page.evaluate(ground)
    assert sum(map(int, re.findall(r"\d+", dark))) < 150 < sum(map(int, re.findall(r"\d+", light)))
    page.locator("#chart-0-0").scroll_into_view_if_needed()
    page.wait_for_selector("#chart-0-0 .main-svg")
    colour = "document.querySelector('#chart-0-0').layout.font.color"
    before = page.evaluate(colour)
    page.click("#theme")
    assert page.evaluate(ground) == dark
    assert page.evaluate(colour) != before


def test_findings_lead_to_their_cells(opens, report):
    page = opens(report)
    links = page.locator(".findings a")
    assert links.count() >= 1
    for index in range(links.count()):
        target = links.nth(index).get_attribute("href")
        assert page.locator(target).count() == 1
    links.first.click()
    assert page.locator("td:target").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only(opens, report, scheme):
    page = opens(report, viewport={"width": 390, "height": 800}, color_scheme=scheme)
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 700):
        page.evaluate(f"scrollTo(0, {top})")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_tables_stand(browser, report):
    page = browser.new_page(java_script_enabled=False)
    page.goto(report.as_uri())
    assert page.locator("#table-0-psnr tbody tr").count() == 3
    assert not page.is_visible("#filters")
    assert page.is_visible("noscript p")
    page.close()


def test_hostile_names_are_text(opens, tmp_path):
    (tmp_path / "evil.py").write_text(PLUGIN.format(name="evil"))
    run = bench.run(
        "digits",
        methods=["identity", f"evil[text={HOSTILE.replace(',', ';')}]"],
        plugins=[tmp_path / "evil.py"],
        noise=[0.1, 0.3],
        limit=12,
        tune=False,
        out=tmp_path / "results",
        command=HOSTILE,
    )
    page = opens(render(run, tmp_path / "reports", ["html"])["html"])
    for index in range(page.locator(".plot").count()):
        page.locator(".plot").nth(index).scroll_into_view_if_needed()
        page.locator(".plot").nth(index).locator(".main-svg").first.wait_for()
    page.locator(".plot").nth(1).hover()
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.locator("b").all_text_contents() == ["A", "B"]  # the page's own, of its images
    assert "{{7*7}}" in page.inner_text("#table-0-psnr")
    assert "</script><img" in page.inner_text(".command")
    shown = page.evaluate("[...document.querySelectorAll('.plot')].map(p => p.textContent).join()")
    assert "<img src=x" in shown  # plotly too takes it for text
