"""Figures are legible in print, and nothing in them lies on something else or outside."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from bench import open_run
from bench.report.content.chart_data import (
    calibration_bins,
    calibration_range,
    transfer_tables,
)
from bench.report.content.losses import PER_IMAGE, PER_PATCH, PER_PIXEL, loss_terms, losses_caption
from bench.report.content.section import Section
from bench.report.content.training import in_relation, trained_on
from bench.report.figures import direct_labels, typesetting
from bench.report.figures.figure import spread
from bench.report.figures.losses import losses
from bench.report.figures.quality import quality
from bench.report.figures.speed import speed
from bench.report.figures.uncertainty import _columns

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def reference():
    typesetting.use()
    return Section.of(open_run(RESULTS / "learned"))


@pytest.fixture(scope="module")
def dncnn():
    return Section.of(open_run(RESULTS / "bsd68-dncnn"))


@pytest.fixture(scope="module")
def drawn(reference):
    return {figure.name: canvas for figure, canvas in [*quality(reference), *speed(reference)]}


@pytest.mark.parametrize("name", ["quality", "quality-2", "speed"])
def test_a_figure_is_as_wide_as_the_text_and_its_letters_are_printed_at_seven_points(drawn, name):
    canvas = drawn[name]
    assert canvas.get_figwidth() == pytest.approx(160 / 25.4, abs=0.01)  # A4 less 25 mm each side
    assert canvas.get_figheight() <= 0.8 * (297 - 50) / 25.4
    texts = [text for text in canvas.findobj(match=_is_text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    file = io.BytesIO()
    canvas.savefig(file, format="pdf")
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", file.getvalue())
    assert float(box[0]) == pytest.approx(72 * typesetting.WIDTH, abs=0.1)


def _is_text(artist):
    return type(artist).__name__ in ("Text", "Annotation")


@pytest.mark.parametrize("name", ["quality", "quality-2", "speed"])
def test_every_method_is_named_beside_its_line_or_point(drawn, reference, name):
    canvas = drawn[name]
    assert not canvas.legends
    canvas.draw_without_rendering()
    renderer = FigureCanvasAgg(canvas).get_renderer()
    panels = [axes for axes in canvas.axes if axes.texts]
    expected = set(reference.labels) - ({"identity"} if name == "speed" else set())
    for axes in panels:
        assert {text.get_text() for text in axes.texts} == expected
        # Without the line to what is named.
        boxes = [Text.get_window_extent(text, renderer).padded(-1) for text in axes.texts]
        assert all(canvas.bbox.padded(1).containsx(box.x1) for box in boxes)
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_a_line_under_another_is_drawn_wider(drawn):
    """Within 0.2 dB of the U-Net's the hierarchical VAE's line was not to be seen."""
    left, right = drawn["quality"].axes
    widths = {
        line.get_color(): line.get_linewidth() for line in left.lines if len(line.get_xdata())
    }
    named = {text.get_text(): text.get_color() for text in right.texts}
    assert widths[named["hvae"]] > 2 * widths[named["unet"]]


def test_of_many_methods_the_best_of_each_name_is_in_colour(drawn):
    colours = {text.get_text(): text.get_color() for text in drawn["quality"].axes[1].texts}
    grey = {label for label, colour in colours.items() if colour == "#6e6e6e"}
    assert grey == {
        "dae", "dae[train=blind]", "vae[train=blind]", "vae[objective=self]", "unet[train=blind]",
    }  # fmt: skip


def test_the_second_panel_says_how_far_below_the_best(drawn, reference):
    axes = drawn["quality"].axes[1]
    assert axes.get_ylabel() == "dB below the best"
    summary = reference.summary[reference.summary["metric"] == "psnr"]
    best = summary.groupby("level")["mean"].max()
    median = summary[summary["label"] == "median"].set_index("level")["mean"]
    expected = (median - best).to_numpy()
    lines = [line.get_ydata() for line in axes.lines]
    assert any(len(y) == len(expected) and np.allclose(y, expected) for y in lines)


@pytest.mark.parametrize("seed", range(5))
def test_places_are_pushed_apart_by_the_least_squares(seed):
    rng = np.random.default_rng(seed)
    places = np.sort(rng.random(12))
    moved = direct_labels.pushed_apart(places, 0.05)
    assert np.diff(moved).min() >= 0.05 - 1e-9
    for _ in range(50):  # no other allowed places are nearer
        other = moved + rng.normal(0, 0.01, 12)
        other = direct_labels.pushed_apart(np.sort(other), 0.05)
        assert ((moved - places) ** 2).sum() <= ((other - places) ** 2).sum() + 1e-12


def test_losses_of_patches_and_of_whole_images_are_compared_by_pixel(dncnn):
    """Summed over 40x40 pixels and over 180x180 they are twentyfold apart."""
    terms = loss_terms(dncnn)
    assert set(terms["axis"]) == {PER_PIXEL}
    last = terms[terms["epoch"] == terms["epoch"].max()].set_index("split")["value"]
    assert last["validation"] == pytest.approx(last["train"], rel=0.02)
    history = dncnn.history(dncnn.rows()[0])
    summed = history[(history["epoch"] == 50) & (history["split"] == "train")]["value"].item()
    assert last["train"] == pytest.approx(summed / 40**2)
    assert "over pixels" in losses_caption(terms)


def test_where_a_run_does_not_say_they_are_not_compared(dncnn, monkeypatch):
    monkeypatch.setattr("bench.report.content.losses._SIDES", {})
    terms = loss_terms(dncnn)
    assert dict(zip(terms["term"], terms["axis"], strict=True)) == {
        "squared error (training)": PER_PATCH,
        "squared error (validation)": PER_IMAGE,
    }
    assert "cannot be compared" in losses_caption(terms)
    typesetting.use()
    ((_, canvas),) = losses(dncnn)
    assert [axes.get_ylabel() for axes in canvas.axes] == [PER_PATCH, PER_IMAGE]


def test_losses_of_small_images_are_by_their_pixels(reference):
    terms = loss_terms(reference)
    assert set(terms["axis"]) == {PER_PIXEL}
    cell = next(cell for cell in reference.rows() if cell.label == "dae" and cell.level == 0.1)
    history = reference.history(cell)
    shown = terms[(terms["label"] == "dae") & (terms["trained"] == "gaussian 0.1")]
    shown = shown[shown["seed"] == cell.seed]
    assert shown["value"].to_numpy() == pytest.approx(history["value"].to_numpy() / 28**2)


def test_what_is_trained_on_clean_images_is_not_said_to_have_seen_noise(reference):
    terms = loss_terms(reference)
    trained = terms.groupby("label")["trained"].unique()
    assert list(trained["vae[objective=self]"]) == ["clean images"]
    assert list(trained["vae"]) == ["gaussian 0.1", "gaussian 0.3", "gaussian 0.5"]
    cells = {cell.label: cell for cell in reference.rows()}
    assert in_relation(cells["vae[objective=self]"]) == "clean images"
    assert (in_relation(cells["vae"]), trained_on(cells["identity"])) == ("it", None)
    assert all("self" not in method for method, _ in transfer_tables(reference))


def test_calibrations_lie_between_the_ends_of_their_axes(reference):
    panels = calibration_bins(reference)
    low, high = calibration_range(panels)
    values = [
        v for lines in panels.values() for bins in lines.values() for b in bins for v in b[:2]
    ]
    assert low == 1e-6  # smaller ones stand on the end
    assert max(values) < high < 2 * max(values)
    near = {("gaussian", 0.1): {"vae": [(0.02, 0.04, 9), (0.1, 0.3, 9)]}}
    assert calibration_range(near) == pytest.approx((0.02 / 1.5, 0.45))


def test_of_many_noises_the_first_middle_and_last_are_shown():
    columns = [("gaussian", level / 10) for level in range(1, 8)]
    samples = dict.fromkeys((label, column) for label in ("vae", "cvae") for column in columns)
    assert _columns(samples) == [columns[0], columns[3], columns[6]]
    assert spread([1, 2], 3) == [1, 2]
