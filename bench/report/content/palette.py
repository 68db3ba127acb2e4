"""The colours of methods: hues with their shades, each on a light and on a dark ground.

Found by a random search for as many hues as can be 10 apart (see `colour_vision.distances`) from
each other and from the noisy image's grey on both grounds, with a contrast of 3 to the page; the
shades of a hue are 10 apart as well. A colour stands here once, so that it tells what it is on a
dark ground.
"""

from __future__ import annotations

#: Of the noisy image itself.
GREY = ("#808080", "#a0a0a0")
#: Hues, each as its first colour and shades of it; a colour on light and on dark ground.
HUES: tuple[tuple[tuple[str, str], ...], ...] = (
    # Blue.
    (
        ("#1111ee", "#2288ff"),
        ("#000099", "#2266dd"),
        ("#7755cc", "#99aaff"),
        ("#9977ff", "#ccddff"),
    ),
    # Orange.
    (
        ("#dd5500", "#ccbb66"),
        ("#990001", "#887700"),
        ("#bb3301", "#aa9900"),
        ("#aa8877", "#ffee00"),
    ),
    # Green.
    (
        ("#009966", "#44cc99"),
        ("#003300", "#117755"),
        ("#116644", "#559977"),
        ("#558833", "#33ffbb"),
    ),
    # Red.
    (
        ("#990000", "#ee5566"),
        ("#660012", "#cc2255"),
        ("#bb3302", "#ff0022"),
        ("#ff4422", "#ffdddd"),
    ),
    # Violet.
    (
        ("#bb66ff", "#cc00aa"),
        ("#441155", "#996688"),
        ("#330099", "#cc11ee"),
        ("#2200ff", "#dd66bb"),
    ),
    # Azure.
    (
        ("#0066cc", "#ffccff"),
        ("#444466", "#bb22aa"),
        ("#3388ff", "#cc00ff"),
        ("#8888bb", "#dd66bb"),
    ),
    # Teal.
    (("#446666", "#22ffbb"), ("#004444", "#007755"), ("#3399aa", "#559977")),
    # Magenta.
    (
        ("#bb0099", "#ff99cc"),
        ("#550033", "#cc00aa"),
        ("#660077", "#aa6688"),
        ("#dd66bb", "#dd66bb"),
    ),
    # Olive.
    (
        ("#666644", "#ccff44"),
        ("#333300", "#557700"),
        ("#445500", "#aacc66"),
        ("#779900", "#ddeeaa"),
    ),
    # Brown.
    (
        ("#664444", "#cc2255"),
        ("#660013", "#aa6677"),
        ("#bb0022", "#ee5566"),
        ("#ff0044", "#ffdddd"),
    ),
    # Slate.
    (
        ("#334455", "#99aaff"),
        ("#005588", "#2255ff"),
        ("#3377aa", "#666699"),
        ("#2299dd", "#5588ff"),
    ),
    # Pink.
    (
        ("#cc66aa", "#dd66bb"),
        ("#551134", "#cc00aa"),
        ("#880066", "#996688"),
        ("#bb009a", "#ff99cc"),
    ),
    # Indigo.
    (
        ("#331177", "#4455ee"),
        ("#2200fe", "#666699"),
        ("#554488", "#8877ff"),
        ("#bb66fe", "#aaaaff"),
    ),
    # Plum.
    (
        ("#551133", "#aa6677"),
        ("#bb0088", "#cc2255"),
        ("#ff0077", "#ee6677"),
        ("#ee55aa", "#ffaacc"),
    ),
    # Maroon.
    (
        ("#660011", "#dd1100"),
        ("#990002", "#aa6655"),
        ("#bb3333", "#ff6611"),
        ("#ff4423", "#ffddcc"),
    ),
    # Rust.
    (
        ("#bb3300", "#bb9900"),
        ("#990003", "#887700"),
        ("#ff4400", "#ccbb66"),
        ("#aa8878", "#ffee00"),
    ),
)
#: Whose the hues are, in their order, in every report; others take what is free.
KNOWN = (
    "vae",
    "dae",
    "unet",
    "hvae",
    "cvae",
    "dncnn",
    "gaussian",
    "median",
    "wavelet",
    "nlm",
    "bm3d",
    "tv",
    "bilateral",
    "wiener",
    "lmmse",
    "posterior-mean",
)
