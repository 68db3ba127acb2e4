"""Methods are told apart by everybody, on paper and on a dark screen."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from bench.report.content import colour_vision
from bench.report.content.palette import GREY, HUES, KNOWN
from bench.report.content.style import APART, DASHES, MARKERS, looks, method_name

STYLES = Path(__file__).parents[2] / "bench/report/formats/html/styles/page.css"
#: What the published reference run compares.
REFERENCE = [
    "identity", "gaussian", "median", "nlm", "wavelet", "dae", "dae[latent=0]", "dae[train=blind]",
    "vae", "vae[objective=self]", "vae[train=blind]", "cvae", "hvae", "unet", "unet[train=blind]",
]  # fmt: skip
THIRTY = [
    *REFERENCE, "unet[width=64]", "bilateral", "wiener", "tv", "lmmse", "bm3d", "bm3d[step=1]",
    "dncnn", "dncnn[train=blind]", "dncnn[conditioned=true]", "n2n", "n2v", "n2v[train=blind]",
    "posterior-mean", "ours",
]  # fmt: skip
MIXED = [f"m{family}[k={variant}]" for family in range(10) for variant in range(3)]
SWEEP = [f"vae[latent={number}]" for number in range(30)]
STRANGERS = [f"method-{number}" for number in range(30)]


def apart(one, other, ground):
    """CIEDE2000 between two looks by the sight that sees the smallest difference."""
    return colour_vision.distances([getattr(one, ground), getattr(other, ground)])[0, 1]


@pytest.mark.parametrize("ground", ["colour", "on_dark"])
@pytest.mark.parametrize("labels", [REFERENCE, THIRTY, THIRTY[::-1], MIXED, SWEEP, STRANGERS])
def test_neighbours_of_a_report_are_told_apart(labels, ground):
    look = looks(labels)
    near = {
        (one, other): apart(look[one], look[other], ground)
        for one, other in itertools.pairwise(labels)
    }
    assert min(near.values()) >= APART == 10, min(near, key=near.get)


@pytest.mark.parametrize("ground", ["colour", "on_dark"])
def test_families_are_told_apart_while_there_are_colours(ground):
    every = looks(["identity", *(f"method-{number}" for number in range(len(HUES)))])
    known = looks(name for name in ("identity", *KNOWN))
    for look in (every, known):
        for one, other in itertools.combinations(look, 2):
            assert apart(look[one], look[other], ground) >= APART, (one, other)


@pytest.mark.parametrize("labels", [REFERENCE, THIRTY, MIXED, SWEEP, STRANGERS])
def test_what_colours_do_not_tell_apart_dashes_and_markers_do(labels):
    look = looks(labels)
    for one, other in itertools.combinations(labels, 2):
        a, b = look[one], look[other]
        if min(apart(a, b, "colour"), apart(a, b, "on_dark")) < APART:
            assert a.dash != b.dash, (one, other)
            assert a.marker != b.marker, (one, other)


def test_variants_share_the_hue_of_their_method():
    look = looks(THIRTY)
    for label in THIRTY:
        place = [
            number
            for number, hue in enumerate([(GREY,), *HUES])
            if (look[label].colour, look[label].on_dark) in hue
        ]
        first = next(one for one in THIRTY if method_name(one) == method_name(label))
        assert (look[first].colour, look[first].on_dark) in [(GREY,), *HUES][place[0]]
    assert (look["identity"].colour, look["identity"].on_dark) == GREY


def test_a_known_method_looks_the_same_in_each_report():
    assert looks(["vae", "median", "new"])["vae"] == looks(["median", "vae"])["vae"]
    assert {look.dash for look in looks(KNOWN).values()} == {()}


def test_a_colour_goes_with_one_on_dark_ground():
    """The page knows a trace's colour only."""
    pairs = [GREY, *itertools.chain(*HUES)]
    assert len(dict(pairs)) == len(set(pairs))


def test_every_colour_is_seen_on_the_page():
    papers = re.findall(r"--paper: (#\w{6})", STYLES.read_text())
    light, dark = papers[0], papers[1]
    assert set(papers[1:]) == {dark}
    for colour, on_dark in (GREY, *itertools.chain(*HUES)):
        assert contrast(colour, light) >= 3, colour
        assert contrast(on_dark, dark) >= 3, on_dark


def contrast(one, other):
    """Of WCAG 2.2, 1 to 21."""
    low, high = sorted(
        colour_vision.linear(colour_vision.rgb([colour]))[0] @ [0.2126, 0.7152, 0.0722]
        for colour in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # known as just failing


@pytest.mark.parametrize(
    ("sight", "red"),
    [("protanopia", [109, 95, 0]), ("deuteranopia", [163, 144, 0]), ("tritanopia", [255, 0, 15])],
)
def test_sights_are_simulated_as_machado_et_al_say(sight, red):
    """Red is a matrix's first column, as light: 0.152, 0.115, -0.004 for protanopes, and so on."""
    greys = colour_vision.rgb(["#000000", "#3c3c3c", "#ffffff"])
    assert np.allclose(colour_vision.seen(greys, sight), greys, atol=0.002)
    seen = 255 * colour_vision.seen(colour_vision.rgb(["#ff0000"]), sight)[0]
    assert seen == pytest.approx(red, abs=0.6)


def test_looks_come_from_the_lists():
    for look in looks(THIRTY).values():
        assert look.dash in DASHES
        assert look.marker in MARKERS
