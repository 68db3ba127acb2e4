"""The page's charts: what they name, follow, filter and save, and that they ask nobody."""

import re
from itertools import pairwise
from urllib.parse import unquote

import pytest

import bench
from bench.report.render import render


@pytest.fixture
def page(opens, report):
    return opens(report)


def drawn(page, title):
    """The chart of a title, drawn."""
    chart = page.locator("figure.chart", has=page.get_by_role("heading", name=title, exact=True))
    chart.scroll_into_view_if_needed()
    chart.locator(".main-svg").first.wait_for()
    return chart


def data(chart, expression):
    return chart.locator(".plot").evaluate(f"box => {expression}")


def shown(chart):
    """Names of the methods whose traces are seen."""
    return set(
        data(
            chart,
            "box.data.filter(t => t.meta !== undefined && t.visible !== false).map(t => t.name)",
        )
    )


def named(chart):
    return set(data(chart, "box.layout.annotations.map(a => a.text.replace(/<.?b>/g, ''))"))


def test_no_button_of_any_chart_asks_anybody_or_opens_a_window(page):
    charts = page.locator("figure.chart")
    assert charts.count() >= 6
    saved = 0
    for number in range(charts.count()):
        chart = charts.nth(number)
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
        assert chart.locator(".modebar").count() == 0
        for button in chart.locator("button:visible, a:visible, [data-attr]").all():
            if button.get_attribute("data-save"):
                with page.expect_download() as download:
                    button.click()
                assert download.value.url.startswith(("blob:", "data:"))
                saved += 1
            else:
                button.click()
        chart.locator(".plot").click()
        chart.locator(".plot").dblclick()
    assert saved == 2 * charts.count()
    assert len(page.context.pages) == 1  # what `opens` saw of requests it says at the end


def test_lines_are_named_at_their_ends_without_overlap(page):
    chart = drawn(page, "PSNR over noise level")
    methods = {"identity", "gaussian[width=0.7]", "median[size=3,weight=1]"}
    assert named(chart) == shown(chart) == methods
    boxes = [label.bounding_box() for label in chart.locator(".annotation text").all()]
    tops = sorted(box["y"] for box in boxes)
    assert all(later - earlier >= 12 for earlier, later in pairwise(tops))
    right = chart.locator(".plot").bounding_box()
    assert all(box["x"] + box["width"] <= right["x"] + right["width"] for box in boxes)


def test_a_followed_method_is_in_colour_and_on_top_and_the_others_are_grey(page):
    chart = drawn(page, "PSNR over noise level")
    for button in page.locator("[data-choose][aria-pressed=true]").all():
        button.click()
    page.click("[data-choose='0']")
    last = data(chart, "box.data.at(-1)")
    assert last["name"] == "identity"
    others = set(data(chart, "box.data.slice(0, -1).map(t => t.line.color)"))
    assert len(others) == 1
    assert last["line"]["color"] not in others
    assert page.locator("#table-0-psnr tr.chosen").get_attribute("data-method") == "0"
    chart.locator(".annotation", has_text="median").click()  # a name chooses too
    assert page.get_attribute("[data-choose='2']", "aria-pressed") == "true"
    assert page.locator("#table-0-psnr tr.chosen").count() == 2


def test_a_chart_is_read_by_keyboard(page):
    chart = drawn(page, "PSNR over noise level")
    plot = chart.locator(".plot")
    plot.focus()
    page.keyboard.press("ArrowDown")
    first = page.inner_text("#status")
    assert re.search(r": [\d.]+; 1 of 3", first)
    assert plot.locator("g.trace.pointed").count() == 1
    page.keyboard.press("ArrowDown")
    assert "2 of 3" in page.inner_text("#status")
    before = page.locator("[data-choose][aria-pressed=true]").count()
    page.keyboard.press("Enter")
    assert page.locator("[data-choose][aria-pressed=true]").count() in (before - 1, before + 1)


def test_an_axis_of_differences_begins_at_the_noisy_image_or_at_the_best_shown(page):
    chart = drawn(page, "PSNR over noise level")
    means = data(chart, "Object.fromEntries(box.data.map(t => [t.name, t.y]))")
    chart.locator("[data-role=axis]").select_option("over")
    over = data(chart, "Object.fromEntries(box.data.map(t => [t.name, t.y]))")
    assert over["identity"] == [0, 0]
    for name, values in means.items():
        less = [mean - noisy for mean, noisy in zip(values, means["identity"], strict=True)]
        assert over[name] == pytest.approx(less, abs=1e-3)
    assert "noisy image" in chart.locator(".ytitle").text_content()
    chart.locator("[data-role=axis]").select_option("below")
    below = data(chart, "Object.fromEntries(box.data.map(t => [t.name, t.y]))")
    assert [max(column) for column in zip(*below.values(), strict=True)] == [0, 0]
    best = max(means, key=lambda name: means[name][0])
    page.uncheck(f"input[data-name='{best}']")  # the best of what is shown is another
    rest = data(chart, "box.data.filter(t => t.visible !== false).map(t => t.y[0])")
    assert max(rest) == 0


def test_noises_are_filtered_in_charts_and_nothing_is_claimed_of_the_rest(page):
    chart, speed = drawn(page, "PSNR over noise level"), drawn(page, "Quality against speed")
    assert data(chart, "box.data[0].x") == [0.1, 0.3]
    assert page.locator(".of-all:visible").count() == 0
    page.uncheck("input[data-name='gaussian 0.1']")
    assert data(chart, "box.data[0].x") == [0.3]
    assert speed.locator("[data-role=choice]").evaluate("s => s.selectedOptions[0].text") == (
        "gaussian 0.3"
    )
    notes = page.locator(".of-all:visible")
    assert notes.count() >= 2
    assert notes.first.inner_text().startswith("Shown are 3 of 3 methods, 2 of 3 noises.")
    page.uncheck("input[data-name='gaussian 0.3']")
    page.uncheck("input[data-name='poisson 20']")
    assert chart.locator("[data-role=empty]").is_visible()
    page.click("button[data-all=column]")
    assert chart.locator("[data-role=empty]").is_hidden()
    chart.locator("[data-role=choice]").select_option("gaussian")
    assert data(chart, "box.data[0].x") == [0.1, 0.3]


def test_the_pareto_line_and_the_pairs_are_those_of_what_is_shown(page):
    speed = drawn(page, "Quality against speed")
    front = "box.data.find(t => t.front).y"
    best = max(data(speed, front))
    name = data(speed, f"box.data.find(t => t.ranked && t.y[0] === {best}).name")
    page.uncheck(f"input[data-name='{name}']")
    assert max(data(speed, front)) < best
    pairs = drawn(page, "Who can be told apart")
    assert name not in data(pairs, "box.data[0].x")
    assert [len(row) for row in data(pairs, "box.data[0].z")] == [2, 2]


def test_what_is_shown_can_be_sent_as_a_link(page, opens, report):
    page.uncheck("input[data-name='median[size=3,weight=1]']")
    page.uncheck("input[data-name='poisson 20']")
    page.click("[data-choose='1']")
    address = page.evaluate("location.href")
    assert "methods=identity" in unquote(address)
    followed = page.locator("[data-choose][aria-pressed=true]").count()
    other = opens(report)
    other.goto(address)
    other.reload()
    other.wait_for_selector("html[data-ready]", state="attached")
    assert other.inner_text("#shown") == "2 of 3 methods, 2 of 3 noises"
    assert not other.is_checked("input[data-name='median[size=3,weight=1]']")
    assert other.locator("[data-choose][aria-pressed=true]").count() == followed
    page.click("button[data-all=method]")
    page.click("button[data-all=column]")
    page.click("[data-choose='1']")
    assert "=" not in page.evaluate("location.href")


def test_a_link_to_a_hidden_cell_shows_it(page):
    link = page.locator(".findings a").first
    target = link.get_attribute("href")
    page.click("button[data-none=method]")
    assert not page.is_visible(target)
    link.click()
    page.locator(target).wait_for(state="visible")


def test_a_saved_picture_has_its_title_names_and_colours_of_paper(opens, report, tmp_path):
    page = opens(report, color_scheme="dark")
    chart = drawn(page, "PSNR over noise level")
    with page.expect_download() as download:
        chart.locator("[data-save=svg]").click()
    assert download.value.suggested_filename == "psnr-over-noise-level-gaussian.svg"
    download.value.save_as(tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text()
    for part in ("PSNR over noise level", "digits · gaussian", "median[size=3,weight=1]"):
        assert part in text
    assert "rgb(255, 255, 255)" in text


def test_on_a_phone_the_charts_let_the_page_scroll_and_what_is_second_is_folded(opens, report):
    page = opens(report, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    chart = drawn(page, "PSNR over noise level")
    assert data(chart, "box._fullLayout.dragmode") is False
    assert page.evaluate("document.documentElement.scrollHeight") < 14 * 800
    folds = page.locator("details.fold")
    assert folds.count() >= 5
    assert not page.locator("#table-0-mse").is_visible()
    page.evaluate("location.hash = document.querySelector('#table-0-mse td[id]').id")
    page.locator("#table-0-mse").wait_for(state="visible")


def test_on_paper_all_charts_are_drawn_in_its_colours(opens, report, tmp_path):
    page = opens(report, color_scheme="dark")
    page.wait_for_function("() => 'Plotly' in window")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    plots = page.locator(".plot")
    for number in range(plots.count()):
        box = plots.nth(number)
        assert box.locator(".main-svg").count() >= 1
        assert box.evaluate("b => [b.layout.font.color, b.layout.width]") == ["#000000", 660]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_sweeps_curve_has_the_values_of_shown_methods_alone(opens, tmp_path):
    sizes = (3, 5, 7)
    run = bench.run(
        "digits", methods=["identity", "gaussian[width=0.7]", "median[size=3|5|7]"], noise=0.3,
        limit=10, tune=False, out=tmp_path,
    )  # fmt: skip
    page = opens(render(run, tmp_path / "report", ["html"])["html"])
    chart = drawn(page, "Quality over parameters: median, size")
    seen = "box.data.filter(t => t.visible !== false)"

    def curve():
        return data(chart, f"{seen}.filter(t => t.mode === 'lines+markers').map(t => t.x)")

    def references():
        return data(chart, f"{seen}.filter(t => t.mode === 'lines').map(t => t.name.split(' ')[0])")

    assert (curve(), references()) == ([list(sizes)], ["identity", "gaussian[width=0.7]"])
    page.uncheck("input[data-filter=method][data-name='median[size=5]']")
    page.uncheck("input[data-filter=method][data-name='gaussian[width=0.7]']")
    assert (curve(), references()) == ([[3, 7]], ["identity"])
    for size in (3, 7):
        page.uncheck(f"input[data-filter=method][data-name='median[size={size}]']")
    assert chart.locator("[data-role=empty]").is_visible()
