"""The image inspector in a browser: what it shows, by pointer, keys and touch, and computes."""

import re

import numpy as np
import pytest

import bench
from bench.report.render import render

METHODS = ["identity", "gaussian[width=0.7]", "median[size=3,weight=1]"]
READY = "[data-inspector][data-shows]"
#: Of the large view, the image's pixels as they are seen: each is a block of whole device pixels.
SEEN = """() => {
  const { stage } = inspectors[0], { scale } = stage.view, [left, top] = stage.corner();
  const context = stage.canvas.getContext("2d"), { width, height } = stage.shown, rows = [];
  for (let y = 0; y < height; y++) {
    const row = [];
    for (let x = 0; x < width; x++) {
      const block = context.getImageData(left + x * scale, top + y * scale, scale, scale).data;
      const reds = [...block].filter((_, at) => at % 4 === 0);
      row.push(reds.every((red) => red === reds[0]) ? reds[0] : -1);
    }
    rows.push(row);
  }
  return rows;
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bench.run(
        "digits",
        methods=METHODS,
        noise=[0.1, 0.3],
        limit=20,
        tune=False,
        keep="outputs",
        out=tmp_path_factory.mktemp("results"),
        name="kept",
    )


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    return render(run, tmp_path_factory.mktemp("reports"), ["html"])["html"]


@pytest.fixture
def page(opens, report):
    return opened(opens, report)


def opened(opens, report, **options):
    page = opens(report, **options)
    page.wait_for_selector(READY)
    return page


def state(page):
    """What is shown, once all that was asked for is drawn."""
    page.wait_for_function(
        "i => i.picture.position == i.element.dataset.position && i.a == i.element.dataset.a"
        " && i.b == i.element.dataset.b && i.mode == i.element.dataset.shows",
        arg=page.evaluate_handle("inspectors[0]"),
    )
    return page.evaluate(
        "(({position, a, b, shows}) => [Number(position), a, b, shows])"
        "(inspectors[0].element.dataset)"
    )


def restored(run, method, level):
    """A method's images by position, in 8 bits."""
    (key,) = [
        meta.key
        for meta in run.metadata()
        if meta.cell.method == method and meta.cell.noise.level == level
    ]
    (chunk,) = run.outputs(key)
    images = np.round(np.clip(chunk.images[:, 0], 0, 1) * 255).astype(int)
    return dict(zip(chunk.positions.tolist(), images, strict=True))


def clean(run):
    sample = run.samples(next(run.metadata()).key)
    images = (np.round(image[0] * 255).astype(int) for image in sample["clean"])
    return dict(zip(sample["image"], images, strict=True))


def test_the_slider_parts_two_images_whose_pixels_are_whole(page, run):
    position, a, b, shows = state(page)
    assert (a, b, shows) == ("noisy", "1", "slider")  # the best mean is the first choice
    noisy = restored(run, "identity", 0.1)[position]
    best = restored(run, "gaussian", 0.1)[position]
    slider = page.locator("[data-role=border]")
    slider.fill("0")
    seen = np.array(page.evaluate(SEEN))
    assert np.array_equal(seen[:, 1:], best[:, 1:])
    slider.fill("1000")
    seen = np.array(page.evaluate(SEEN))
    assert np.array_equal(seen[:, :-1], noisy[:, :-1])
    slider.focus()
    for _ in range(3):
        page.keyboard.press("PageDown")
    assert int(slider.input_value()) < 1000
    stage = page.locator(".stage").bounding_box()
    middle = stage["y"] + stage["height"] / 2
    page.mouse.move(stage["x"] + stage["width"] * 0.9, middle)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] * 0.25, middle, steps=4)
    page.mouse.up()
    assert 150 < int(slider.input_value()) < 350
    seen = np.array(page.evaluate(SEEN))
    assert np.array_equal(seen[:, :4], noisy[:, :4])
    assert np.array_equal(seen[:, -4:], best[:, -4:])


def test_keys_choose_methods_images_and_the_place(page):
    page.focus(".stage")
    page.keyboard.press("2")
    assert state(page)[1:3] == ["noisy", "2"]
    page.keyboard.press("Shift+Digit1")
    assert state(page)[1:3] == ["1", "2"]
    assert "left gaussian[width=0.7], right median" in page.inner_text("[data-role=caption]")
    page.keyboard.press("x")
    assert state(page)[1:3] == ["2", "1"]
    pressed = page.locator(".card[aria-pressed=true]")
    assert pressed.get_attribute("data-source") == "1"
    page.keyboard.press("9")  # there is none
    assert state(page)[1:3] == ["2", "1"]
    first = state(page)[0]
    page.keyboard.press("n")
    assert state(page)[0] == first + 1
    page.keyboard.press("p")
    assert state(page)[0] == first
    view = "({...inspectors[0].stage.view})"
    before = page.evaluate(view)
    page.keyboard.press("+")
    nearer = page.evaluate(view)
    assert nearer["scale"] > before["scale"]
    page.keyboard.press("ArrowRight")
    assert page.evaluate(view)["x"] > nearer["x"]
    page.keyboard.press("0")
    assert page.evaluate(view) == before


@pytest.mark.parametrize("ratio", [1, 1.5, 2, 3])
def test_no_image_is_shown_smaller_than_it_is(opens, photographs, ratio):
    page = opened(opens, photographs, device_scale_factor=ratio)
    page.wait_for_selector(".thumbnails canvas[data-scale]")
    scales = page.eval_on_selector_all(
        "canvas[data-scale]", "all => all.map(c => Number(c.dataset.scale))"
    )
    assert len(scales) >= 5
    assert all(scale >= 1 and scale == int(scale) for scale in scales)
    exact = "all => all.map(c => c.getBoundingClientRect().width * devicePixelRatio / c.width)"
    for share in page.eval_on_selector_all(".inspector canvas[data-scale], .stage canvas", exact):
        assert share == pytest.approx(1, abs=0.01)
    assert np.array(page.evaluate(SEEN)).min() >= -1
    page.locator("[data-role=border]").fill("0")
    seen = np.array(page.evaluate(SEEN))
    assert (seen[:, 1:] >= 0).mean() > 0.9  # but for what lies outside the view


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A page of images larger than a thumbnail, without outputs."""
    folder = tmp_path_factory.mktemp("photographs")
    images = np.random.default_rng(0).random((3, 3, 150, 200), np.float32)
    run = bench.run(
        bench.Dataset(images, name="photographs", range=(0, 1)), methods=METHODS, noise=0.1,
        tune=False, out=folder,
    )  # fmt: skip
    return render(run, folder / "reports", ["html"])["html"]


def test_blinking_alternates_and_does_not_under_reduced_motion(opens, report):
    page = opened(opens, report)
    page.check("input[value=blink]")
    assert state(page)[3] == "blink"
    label = page.locator("[data-role=left]")
    shown = label.inner_text()
    page.wait_for_function("text => inspectors[0].roles.left.textContent !== text", arg=shown)
    page.wait_for_function("text => inspectors[0].roles.left.textContent === text", arg=shown)
    page.click("[data-role=pause]")
    assert page.evaluate("inspectors[0].timer") is None
    page = opened(opens, report, reduced_motion="reduce")
    page.check("input[value=blink]")
    assert state(page)[3] == "blink"
    assert page.evaluate("inspectors[0].timer") is None
    assert page.locator("[data-role=pause]").is_hidden()
    label = page.locator("[data-role=left]")
    shown = label.inner_text()
    page.focus(".stage")
    page.keyboard.press("Space")
    page.wait_for_function("text => inspectors[0].roles.left.textContent !== text", arg=shown)


def test_the_difference_is_signed_and_has_its_scale(page, run):
    page.locator("[data-role=a]").select_option("clean")
    page.check("input[value=difference]")
    position, *_ = state(page)
    apart = restored(run, "gaussian", 0.1)[position] - clean(run)[position]
    # Orange where B is brighter has more red than grey, blue where it is darker less.
    seen = np.array(page.evaluate(SEEN))
    assert seen.min() >= 0
    assert np.array_equal(seen < 245, apart != 0) or (apart[seen == 245] != 0).mean() < 0.1
    strong = abs(apart) > 20
    assert (seen[strong & (apart < 0)] < 200).all()
    assert (seen[strong & (apart > 0)] >= 213).all()
    assert page.locator("[data-role=legend]").inner_text().split("\n")[0] == "darker, −0.25"
    page.locator("[data-role=range]").select_option("25.5")
    page.wait_for_function("() => inspectors[0].roles.low.textContent === 'darker, −0.10'")


def test_images_are_sorted_by_a_score_and_by_a_difference(page, run):
    records = run.records()
    psnr = records[records["level"] == 0.1].pivot_table("psnr", "image", "method")
    order = "all => all.map(b => Number(b.dataset.position))"
    page.locator("[data-role=sort]").select_option("worst")
    shown = page.eval_on_selector_all(".thumbnails button", order)
    assert shown == psnr["gaussian"].sort_values(kind="stable").index.tolist()
    first = page.locator(".thumbnails button").first
    assert "worst of gaussian" in first.get_attribute("aria-label")
    first.click()
    assert state(page)[0] == shown[0]
    page.locator("[data-role=a]").select_option(label="median[size=3,weight=1]")
    page.locator("[data-role=sort]").select_option("gains")
    gain = (psnr["gaussian"] - psnr["median"]).sort_values(ascending=False, kind="stable")
    assert page.eval_on_selector_all(".thumbnails button", order) == gain.index.tolist()
    assert f"{gain.iloc[0]:+.2f} dB" in page.locator(".thumbnails button").first.inner_text()


def test_psnr_of_a_box_is_that_of_its_pixels(page, run):
    position, *_ = state(page)
    page.click("[data-role=box]")
    stage = page.locator(".stage").bounding_box()
    at = [
        (stage["x"] + stage["width"] * x, stage["y"] + stage["height"] * y)
        for x, y in ((0.3, 0.25), (0.7, 0.6))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=3)
    page.mouse.up()
    left, top, right, bottom = page.evaluate("inspectors[0].stage.box")
    assert 0 < left < right < 28
    said = page.inner_text("[data-role=boxed]")
    assert f"x {left} to {right}, y {top} to {bottom}" in said
    assert "8 bits" in said
    truth = clean(run)[position]
    best = {}
    for source, method in {"noisy": "identity", "1": "gaussian", "2": "median"}.items():
        error = (restored(run, method, 0.1)[position] - truth)[top:bottom, left:right]
        best[source] = 10 * np.log10(255**2 / (error**2).mean())
        text = page.inner_text(f".card[data-source='{source}'] .box")
        assert float(re.search(r"[\d.]+", text)[0]) == pytest.approx(best[source], abs=0.006)
    bold = page.locator(".card:has(.box.best)").get_attribute("data-source")
    assert bold == max(best, key=best.get)
    page.focus(".stage")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    moved = page.evaluate("inspectors[0].stage.box")
    assert moved == [left + 1, top, right + 1, bottom + 1]
    page.keyboard.press("Escape")
    assert page.inner_text("[data-role=boxed]") == ""


def test_points_of_the_chart_open_their_image(page, run):
    page.locator("[data-role=a]").select_option(label="median[size=3,weight=1]")
    state(page)
    records = run.records()
    psnr = records[records["level"] == 0.1].pivot_table("psnr", "image", "method")
    better = int((psnr["gaussian"] > psnr["median"]).sum())
    said = page.locator(".scatter figcaption")
    assert f"better than median[size=3,weight=1] on {better} of 20 images" in said.inner_text()
    wanted = int(psnr["gaussian"].idxmax())
    place = page.evaluate(
        "wanted => { const s = inspectors[0].scatter;"
        " const p = s.points.find(p => p.position === wanted);"
        " return [s.x(p.x), s.y(p.y)]; }",
        wanted,
    )
    page.locator(".scatter canvas").scroll_into_view_if_needed()
    page.locator(".scatter canvas").hover(position={"x": place[0], "y": place[1]})
    assert f"Image {wanted}: median" in said.inner_text()
    page.locator(".scatter canvas").click(position={"x": place[0], "y": place[1]})
    assert state(page)[0] == wanted
    page.evaluate("inspectors[0].open(4711)")
    assert page.inner_text("#status") == "The pixels of image 4711 are not in this page"


def test_the_image_is_on_the_first_screen(opens, report):
    page = opens(report, folded=True)
    page.wait_for_selector(READY)
    box = page.locator(".stage").bounding_box()
    assert box["y"] + box["height"] / 2 < 900


def test_filters_hide_methods_and_noises(page):
    choose = "input[data-filter=method][value='1']"
    page.uncheck(choose)
    assert state(page)[1:3] == ["noisy", "2"]
    assert page.locator(".card[data-source='1']").count() == 0
    page.check(choose)
    page.wait_for_selector(".card[data-source='1']")
    page.uncheck("input[data-filter=column][value='0']")
    page.wait_for_function("() => inspectors[0].roles.caption.textContent.includes('gaussian 0.3')")
    assert page.locator("[data-role=noise] option").count() == 1
    page.uncheck("input[data-filter=column][value='1']")
    assert page.is_visible("[data-role=nothing]")
    assert page.locator(".stage").is_hidden()


def test_touch_moves_the_border_and_names_say_what_is_seen(opens, report):
    page = opened(
        opens, report, viewport={"width": 390, "height": 800}, has_touch=True, device_scale_factor=3
    )
    page.locator(".stage").scroll_into_view_if_needed()
    stage = page.locator(".stage").bounding_box()
    page.touchscreen.tap(stage["x"] + stage["width"] * 0.2, stage["y"] + stage["height"] / 2)
    assert 100 < int(page.locator("[data-role=border]").input_value()) < 300
    page.locator(".thumbnails button").nth(3).tap()
    assert state(page)[0] == 3
    name = page.get_attribute(".stage canvas", "aria-label")
    assert name == "Image 3 at gaussian 0.1: left noisy, right gaussian[width=0.7]"
    unnamed = ".inspector canvas:not([aria-label]):not([aria-hidden=true])"
    assert page.locator(unnamed).count() == 0


def test_without_truth_nothing_is_held_to_it(opens, tmp_path):
    frames = np.random.default_rng(0).random((6, 2, 1, 24, 24), np.float32)
    run = bench.run(
        bench.Dataset(None, noisy=frames, name="frames", range=(0, 1)),
        methods=METHODS,
        tune=False,
        out=tmp_path,
    )
    page = opened(opens, render(run, tmp_path / "reports", ["html"])["html"])
    assert page.locator("[data-role=a] option[value=clean]").count() == 0
    assert page.locator(".card[data-source=clean]").count() == 0
    page.click("[data-role=box]")
    assert "no ground truth" in page.inner_text("[data-role=boxed]")
    assert page.locator(".card .box:not(:empty)").count() == 0


def test_the_inspector_comes_before_the_findings_and_the_tables(page):
    tops = page.evaluate(
        "[...document.querySelectorAll('[data-inspector], .findings, table')]"
        ".map(e => [e.matches('[data-inspector]'), e.getBoundingClientRect().top])"
    )
    assert min(tops, key=lambda one: one[1])[0]
