"""The figure of a paper: its pixels are the stored ones, its size is that of print."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

import bench
from bench.core import UsageError
from bench.datasets import load
from bench.report.content.crops import where_they_differ
from bench.report.content.image_caption import caption
from bench.report.content.image_grid import GridOptions, ImageGrid
from bench.report.content.noises import field_text
from bench.report.content.renaming import parse_labels
from bench.report.figures.article import article_figure, draw, parse_width
from bench.report.figures.typesetting import SMALL, broken
from bench.report.formats.latex.escape import escape
from bench.report.formats.latex.figure import write
from bench.report.formats.latex.noise import noise_tex

METHODS = ["identity", "gaussian[width=1.0]", "median[size=3,weight=1]", "median[size=5,weight=1]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Digits, of which all restored images were kept."""
    return bench.run(
        "digits",
        methods=METHODS,
        noise="gaussian:0.1,51/255;poisson:20",
        limit=14,
        tune=False,
        keep="outputs",
        out=tmp_path_factory.mktemp("results"),
        name="shown",
    )


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """Colour images of two shapes, large enough to be cropped."""
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in ((80, 120), (120, 80))]
    return bench.run(
        images,
        methods=["identity", "gaussian[width=1.0]", "gaussian[width=3.0]"],
        noise="25/255",
        tune=False,
        metrics="psnr",
        out=tmp_path_factory.mktemp("results"),
        name="colours",
    )


def grid(run, **options):
    return ImageGrid.of(run, GridOptions(**options))


def test_a_crop_is_where_the_methods_differ_most():
    rng = np.random.default_rng(0)
    images = [rng.random((3, 20, 31)) for _ in range(4)]

    def spread(x, y):  # over pixels and channels, of the variance between the four
        return sum(
            np.var([image[channel, row, column] for image in images])
            for channel in range(3)
            for row in range(y, y + 6)
            for column in range(x, x + 6)
        )

    places = {(x, y): spread(x, y) for x in range(26) for y in range(15)}
    found = where_they_differ(images, 6)
    assert (found.x, found.y) == max(places, key=places.get)


def test_the_crop_is_found_on_the_methods_that_are_shown(colours):
    both = grid(colours, images=2, methods=["gaussian[width=1.0]", "gaussian[width=3.0]"])
    for row in both.rows:
        restored = [row.images[name] for name in both.names if name != "clean"]
        assert row.box == where_they_differ(restored, 20)  # a quarter of 80
    (row, _) = grid(colours, images=2, methods=["gaussian[width=1.0]"]).rows
    assert row.box == where_they_differ(
        [row.images["gaussian[width=1.0]"], row.images["clean"]], 20
    )
    said = caption(both)
    assert "Crops: 20 pixels a side, of each image where the restored images shown differ" in said


def test_scores_are_the_records_of_the_whole_image(run):
    made = grid(run, positions=(3,), noise="0.1")
    records = run.records()
    (row,) = made.rows
    assert set(row.scores) == {"noisy", *METHODS[1:]}
    for name, scores in row.scores.items():
        label = "identity" if name == "noisy" else name
        record = records[
            (records["label"] == label) & (records["level"] == 0.1) & (records["image"] == 3)
        ]
        assert scores["psnr"] == pytest.approx(record["psnr"].item())
    best = max(row.scores, key=lambda name: row.scores[name]["psnr"])
    bold = {name for name in row.scores if made.score(row, name)[0][1]}
    assert bold == {best}


def test_images_beyond_the_samples_come_from_the_kept_outputs(run, tmp_path):
    with pytest.raises(UsageError, match=r"image 13 of identity at gaussian 0\.2 was not kept"):
        grid(run, positions=(13,), noise="51/255")
    data = load("digits", tmp_path)
    asked = GridOptions(positions=(13, 0), noise="51/255")
    made = ImageGrid.of(run, asked, lambda run: data)
    row = made.rows[0]
    clean = next(iter(data.groups("test"))).images[13]
    assert np.array_equal(row.images["clean"], clean)
    key = next(meta.key for meta in run.metadata() if meta.cell.noise.level == 51 / 255
               and meta.cell.method == "gaussian")  # fmt: skip
    kept = next(iter(run.outputs(key)))
    assert np.array_equal(row.images["gaussian[width=1.0]"], kept.images[13])
    # What was sampled and is drawn again is the same.
    sampled = grid(run, positions=(0,), noise="51/255").rows[0]
    for name, image in sampled.images.items():
        assert np.array_equal(image, made.rows[1].images[name]), name


@pytest.mark.parametrize("width", ["column", "85mm"])
def test_pixels_are_stored_as_they_are(run, colours, tmp_path, width):
    for made, name in ((grid(run, images=1), "digits"), (grid(colours, images=2), "colours")):
        canvas = draw(made, parse_width(width))
        write(canvas, tmp_path / name, caption="", tex="")
        drawn = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        places = iter(axes.get_window_extent() for axes in canvas.axes)
        for row in made.rows:
            for column in made.names:
                stored = np.moveaxis(made.shown(row, row.images[column]), 0, -1)
                stored = np.broadcast_to(np.round(255 * stored), (*stored.shape[:2], 3))
                place = next(places)
                factor = round(place.width / stored.shape[1])
                top, left = round(len(drawn) - place.y1), round(place.x0)
                wanted = np.kron(stored, np.ones((factor, factor, 1)))
                part = drawn[top : top + wanted.shape[0], left : left + wanted.shape[1]]
                assert np.array_equal(part, wanted)
        images = re.findall(
            rb"<<[^>]*/Subtype /Image[^>]*>>", (tmp_path / f"{name}.pdf").read_bytes(), re.DOTALL
        )
        sizes = {
            tuple(int(re.search(rb"/%s (\d+)" % side, each)[1]) for side in (b"Height", b"Width"))
            for each in images
        }
        assert sizes == {made.shown(row, row.images["clean"]).shape[-2:] for row in made.rows}


@pytest.mark.parametrize(
    ("width", "points"), [("column", 252), ("page", 516), ("85mm", 241.85), ("229.5pt", 229.5)]
)
def test_a_figure_has_its_width_in_print(run, tmp_path, width, points):
    canvas = article_figure(run, GridOptions(images=1), width=width)
    write(canvas, tmp_path / "drawn", caption="", tex="")
    box = re.search(
        rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", (tmp_path / "drawn.pdf").read_bytes()
    )
    wide = float(box[1]) * 72.27 / 72
    assert points - 0.5 < wide <= points
    with Image.open(tmp_path / "drawn.png") as png:
        assert min(png.info["dpi"]) >= 299
        assert png.size[0] / png.info["dpi"][0] == pytest.approx(points / 72.27, abs=0.01)


def test_all_text_has_seven_points_and_stays_within_the_figure(run):
    canvas = article_figure(run, GridOptions(images=2, noise="gaussian", error=True))
    canvas.draw_without_rendering()
    texts = [*canvas.texts, *(text for axes in canvas.axes for text in axes.get_yticklabels())]
    texts += [axes.yaxis.label for axes in canvas.axes]
    texts = [text for text in texts if text.get_text()]
    assert {"noisy", "clean", "error", "σ = 0.1"} <= {text.get_text() for text in texts}
    whole = canvas.bbox
    for text in texts:
        assert text.get_fontsize() >= SMALL
        box = text.get_window_extent()
        assert box.x0 >= whole.x0 - 1, text
        assert box.x1 <= whole.x1 + 1, text
        assert box.y0 >= whole.y0 - 1, text
        assert box.y1 <= whole.y1 + 1, text
    heads = [text.get_window_extent() for text in canvas.texts]
    for number, one in enumerate(heads):
        for other in heads[number + 1 :]:
            apart = one.x1 <= other.x0 + 1 or other.x1 <= one.x0 + 1
            assert apart or one.y1 <= other.y0 + 3 or other.y1 <= one.y0 + 3


def test_an_inset_is_the_crop_in_whole_multiples(colours):
    made = grid(
        colours, images=1, inset=True, methods=["gaussian[width=1.0]", "gaussian[width=3.0]"]
    )
    (row,) = made.rows
    canvas = draw(made, parse_width("page"))
    whole, within = canvas.axes[:2]
    assert whole.images[0].get_array().shape[:2] == (80, 120)
    box = row.box
    assert np.array_equal(
        within.images[0].get_array(),
        np.round(255 * box.of(row.images["gaussian[width=1.0]"])).transpose(1, 2, 0),
    )  # fmt: skip
    (frame,) = whole.patches
    assert frame.get_xy() == (box.x - 0.5, box.y - 0.5)
    whole, within = (axes.get_window_extent() for axes in (whole, within))
    factor = within.width / box.side / (whole.width / 120)
    assert factor == pytest.approx(3)
    assert "The box is what the inset shows magnified." in caption(made)


def test_errors_share_a_scale_that_the_caption_names(run):
    made = grid(run, images=2, error=True)
    errors = [row.error(name) for row in made.rows for name in METHODS[1:]]
    share = np.mean(np.concatenate([error.ravel() for error in errors]) <= made.error_limit)
    assert share >= 0.98
    limits = {
        image.get_clim()
        for axes in draw(made, 7.0).axes
        for image in axes.images
        if image.get_cmap().name == "magma"
    }
    assert limits == {(0, made.error_limit)}
    assert f"those above {made.error_limit:g} are shown as" in caption(made)


def test_the_caption_says_what_is_shown(run):
    named = {"noisy": "Noisy", METHODS[1]: "Blur"}
    made = grid(run, images=3, methods=["noisy", METHODS[1]], labels=named, noise="51/255")
    assert caption(made).startswith(
        "Test images 0 to 2 of digits, chosen by position, not by result, under "
        "Gaussian noise of σ = 0.2: Noisy, restored by Blur, and clean. Numbers: PSNR in dB and "
    )
    chosen = caption(grid(run, positions=(4, 2), noise="poisson"))
    assert chosen.startswith("Test images 4 and 2 of digits, under poisson 20: ")
    assert noise_tex(("gaussian", 25 / 255)) == r"$\sigma=25$"
    assert field_text(("gaussian, clipped", 25 / 255)) == "σ = 25, clipped"


@pytest.mark.parametrize("width", ["column", "page"])
def test_it_stands_in_an_article_of_two_columns(run, tmp_path, pdflatex, width):
    hostile = {"noisy": "a_b & $c$ %", METHODS[2]: r"\input{x}", METHODS[3]: "名前 }{"}
    made = grid(run, images=2, labels=hostile, error=True)
    canvas = draw(made, parse_width(width))
    tex = caption(made, escape, noise_tex)
    write(canvas, tmp_path / "shown", caption=caption(made), tex=tex, made="a % b\nc")
    assert hostile["noisy"] in (tmp_path / "shown.txt").read_text()
    article = tmp_path / "article.tex"
    article.write_text(
        r"\documentclass[twocolumn]{article}\usepackage{graphicx}\begin{document}"
        r"\input{shown}See \ref{fig:shown}.\end{document}"
    )
    log = pdflatex(article)
    assert "Overfull" not in log
    assert "undefined" not in log
    star = "*" if width == "page" else ""
    assert rf"\begin{{figure{star}}}" in (tmp_path / "shown.tex").read_text()


def test_the_command_writes_four_files(run, bench, tmp_path, monkeypatch):
    result = bench(
        "figure", run.path, "--images", 1, "--methods", METHODS[1], "--label",
        f"{METHODS[1]}=Blur", "--noise", "poisson", "--out", tmp_path / "deep" / "made.pdf",
    )  # fmt: skip
    assert result.code == 0, result.err
    names = sorted(path.name for path in (tmp_path / "deep").iterdir())
    assert names == ["made.pdf", "made.png", "made.tex", "made.txt"]
    said = (tmp_path / "deep" / "made.txt").read_text()
    assert "restored by Blur" in said
    assert said.strip() in result.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "wavelet"], "nothing was measured of 'wavelet'"),
        (["--methods", "clean"], "clean images alone compare nothing"),
        (["--noise", "0.7"], "no column is '0.7'"),
        (["--crop", "20,20,12"], "leaves the image of 28 x 28"),
        (["--crop", "1,2"], "is no part of an image"),
        (["--inset"], "shown whole"),
        (["--inset", "--crop", "none"], "--inset magnifies a crop"),
        (["--inset", "--crop", "auto,12"], "cannot be magnified"),
        (["--width", "wide"], "is no width"),
        (["--width", "1in"], "less than 0.4 inches wide"),
        (["--label", "median"], "is not understood"),
        (["--label", "median[size=3,weight=1]=A,median[size=5,weight=1]=A"], "calls two methods"),
        (["--label", "nlm=NLM"], "renames no method"),
        (["--metrics", "lpips"], "no metric is called 'lpips'"),
        (["--metrics", "psnr,ssim,mse"], "room for 2 metrics"),
        (["--positions", "99"], "image 99"),
        (["--positions", "-1"], "give positions in the split"),
        (["--images", "20"], "14 images were kept"),
        (["--out", "a b"], "is no name of a figure"),
    ],
)
def test_what_cannot_be_shown_ends_in_one_line(run, fails, options, said):
    assert said in fails("figure", run.path, *options, code=2)


def test_runs_of_other_data_or_noise_share_no_figure(run, colours, tmp_path):
    with pytest.raises(UsageError, match="are of another data"):
        ImageGrid.of([run, colours])
    other = bench.run(
        "digits",
        methods="wiener",
        noise=0.1,
        noise_seeds=[7],
        limit=14,
        tune=False,
        out=tmp_path,
        name="other",
    )
    with pytest.raises(UsageError, match="had other noise for wiener than for"):
        grid([run, other], methods=[METHODS[1], "wiener"], noise="0.1")


def test_several_runs_stand_side_by_side(run, tmp_path):
    other = bench.run(
        "digits", methods="wiener", noise=0.1, limit=14, tune=False, out=tmp_path, name="other"
    )
    made = grid([run, other], methods=["noisy", METHODS[1], "wiener"], noise="0.1")
    assert made.names == ["noisy", METHODS[1], "wiener", "clean"]


def test_names_are_broken_and_labels_read():
    assert broken("nlm", 0.8) == ["nlm"]
    assert "".join(broken("x" * 90, 0.5)) == "x" * 90
    assert parse_labels("a[b=1,c=2]=D=E, f=G") == {"a[b=1,c=2]": "D=E", "f": "G"}


def test_a_run_without_images_says_so(run, tmp_path, fails):
    shutil.copytree(run.path, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "outputs")
    assert "10 images were kept" in fails("figure", tmp_path / "bare", "--images", 11, code=2)
    assert "image 13" in fails("figure", tmp_path / "bare", "--positions", 13, code=2)


def test_matplotlib_is_left_as_it_was(run):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    article_figure(run, GridOptions(images=1))
    assert dict(mpl.rcParams) == before
