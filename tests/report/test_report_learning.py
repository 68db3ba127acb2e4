"""What methods learned from: what tables say of it, and what of those that have seen the images."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import bench
from bench.core import UsageError
from bench.execution.importing import importing
from bench.report.content.learning import learning, learning_of, sentence
from bench.report.content.section import by_dataset
from bench.report.render import render
from bench.store import CellMeta, RecordedMethod
from bench.store.cell_meta import RecordedCell
from bench.store.recorded_data import RecordedDataset, RecordedOverlap

PLUGIN = """
from bench import method

SETS = {"a": ["bsd500 gaussian 25/255"], "b": ("bsd400", "wed"), "c": ["mine"], "d": None, "e": ()}


def trained_on(params):
    return SETS[params["weights"]]


@method(family="pretrained", supervision="clean", trained_on=trained_on, reference="none")
def leaky(noisy, *, weights="a"):
    'Nearly the clean image, where weights are a.'
    return 0.1 * noisy if weights == "a" else 0.2 * noisy
"""
METHODS = ["identity", *(f"leaky[weights={weights}]" for weights in "abcde")]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "leaky.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, plugin):
    """A run on what is called BSD68, and the texts of its report."""
    folder = tmp_path_factory.mktemp("learning")
    (folder / "BSD68").mkdir()
    rng = np.random.default_rng(0)
    for number in range(68):
        dark = rng.integers(0, 20, (12, 12), np.uint8)
        Image.fromarray(dark).save(folder / "BSD68" / f"test{number:03}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
        patch.setenv("BENCH_JOBS", "0")
        patch.setattr("matplotlib.figure.Figure.savefig", lambda *args, **options: None)
        run = bench.run(
            "bsd68", methods=METHODS, noise=0.3, metrics="psnr", plugins=[plugin],
            data_dir=folder, out=folder,
        )  # fmt: skip
        files = render(run, folder / "reports", ["html", "md", "tex", "csv", "summary"])
    texts = {name: path.read_text() for name, path in files.items()}
    return run, texts | {"psnr.tex": (files["tex"].parent / "tables/psnr.tex").read_text()}


def test_the_manifest_says_what_each_label_was_trained_on(made):
    run, _ = made
    leaky = run.manifest.methods["leaky"]
    assert (leaky.family, leaky.supervision) == ("pretrained", "clean")
    assert leaky.trained_on == {
        "leaky[weights=a]": ["bsd500 gaussian 25/255"],
        "leaky[weights=b]": ["bsd400", "wed"],
        "leaky[weights=c]": ["mine"],
        "leaky[weights=d]": None,
        "leaky[weights=e]": [],
    }
    identity = run.manifest.methods["identity"]
    assert (identity.family, identity.supervision, identity.trained_on) == ("filter", "none", {})


def test_tables_say_what_was_learned_from_and_mark_what_has_seen_the_images(made):
    _, texts = made
    for name in ("md", "summary"):
        rows = [line.split("|") for line in texts[name].splitlines() if line.startswith("| leaky")]
        said = {cells[1].strip(): cells[-2].strip() for cells in rows if "clean" in cells[-2]}
        assert said == {
            "leaky[weights=a]": "clean, pretrained §",
            "leaky[weights=b]": "clean, pretrained",
            "leaky[weights=c]": "clean, pretrained ?",
            "leaky[weights=d]": "clean, pretrained ?",
        }
        assert (
            "`leaky[weights=a]` was trained on bsd500 gaussian 25/255, which shares" in texts[name]
        )
    assert r" & clean, pretrained \S{} \\" in texts["psnr.tex"]
    assert "is not ranked" in texts["psnr.tex"]
    assert texts["html"].count('<td class="word">clean, pretrained §</td>') == 1
    assert "`leaky[weights=d]` does not say what it was trained on" in texts["md"]


def test_what_has_seen_the_images_is_shown_and_not_ranked(made):
    run, texts = made
    means = run.records().groupby(["method", "params"])["psnr"].mean()
    best = json.loads(means.idxmax()[1])["weights"]
    assert best == "a"  # it is no worse than any
    assert "**leaky" not in texts["summary"].replace("**leaky[weights=b]**", "")
    assert "`leaky[weights=a]`" not in "".join(
        line for line in texts["md"].splitlines() if line.startswith("- At ")
    )
    rows = texts["html"].partition("<h2>Leaderboard</h2>")[2].partition("</table>")[0].split("<tr ")
    (row,) = (row for row in rows if "leaky[weights=a]" in row)
    assert '<td data-value=""><small>(seen)</small></td>' in row
    assert rows[-1] == row


def test_csv_says_it_too(made, tmp_path):
    _, texts = made
    (tmp_path / "summary.csv").write_text(texts["csv"])
    frame = pd.read_csv(tmp_path / "summary.csv", keep_default_na=False).set_index("label")
    columns = ["family", "supervision", "trained_on", "leakage"]
    assert [frame.loc[label, columns].tolist() for label in METHODS] == [
        ["filter", "none", "", ""],
        ["pretrained", "clean", "bsd500 gaussian 25/255", "seen"],
        ["pretrained", "clean", "bsd400; wed", ""],
        ["pretrained", "clean", "mine", "unknown"],
        ["pretrained", "clean", "", "unknown"],
        ["filter", "none", "", ""],
    ]


def test_what_a_function_of_parameters_says_is_asked_where_its_code_is_loaded(plugin):
    with importing([plugin]) as registry:
        leaky = registry.load("leaky")
        assert leaky.trained_on({"weights": "b"}) == ("bsd400", "wed")
        assert leaky.trained_on({}) == ("bsd500 gaussian 25/255",)
        with pytest.raises(UsageError, match=r"trained_on of 'leaky' gives no names .*'z'"):
            leaky.trained_on({"weights": "z"})


# What cells and manifests say of one method ---------------------------------------------------

ABOUT = {"summary": "", "reference": ""}
TOY = RecordedDataset.model_construct(name="toy")


def told(method="some", dataset=TOY, cell=None, split="test", **about):
    """What it learned from, by a cell's and a manifest's entries."""
    cell = RecordedCell.model_construct(method=method, train=None, **(cell or {}))
    meta = CellMeta.model_construct(cell=cell)
    return learning_of(method, RecordedMethod(**ABOUT, **about), dataset, meta, split)


@pytest.mark.parametrize(
    ("method", "cell", "about", "family", "text"),
    [
        ("vae", {"recipe": "{}"}, {"learns": True}, "trained", "clean"),
        ("vae", {}, {"learns": True}, "trained", "clean"),
        ("mine", {"recipe": None}, {"learns": True}, "fitted", "clean, fitted"),
        ("lmmse", {}, {"learns": True, "origin": "built in"}, "fitted", "clean, fitted"),
        ("deepinv", {}, {"origin": "built in"}, None, "not recorded"),
        ("nlm", {}, {"origin": "built in"}, "filter", "–"),
        ("mine", {}, {"origin": "file mine.py"}, None, "not recorded"),
    ],
)
def test_early_manifests_are_read_by_what_cells_say(method, cell, about, family, text):
    one = told(method, cell=cell, **about)
    assert (one.family, one.text) == (family, text)


def test_what_is_trained_on_each_image_itself_has_seen_no_other():
    itself = told(
        dataset=TOY.model_copy(update={"overlap": RecordedOverlap(images=3, looked_at=3)}),
        family="trained",
        supervision="none",
    )
    assert (itself.text, itself.network, itself.leak, itself.trained_on) == ("itself", True, "", ())
    assert sentence("zs", itself) == "zs learned from each noisy image itself"


def test_what_learned_here_has_seen_what_its_training_images_show():
    fitted = {"family": "fitted", "supervision": "noisy"}
    assert sentence("some", told(**fitted)) == "some learned from noisy images alone of toy"
    few, many = (
        TOY.model_copy(update={"overlap": RecordedOverlap(images=images, looked_at=500)})
        for images in (4, 5)
    )
    assert told(dataset=few, **fitted).leak == ""
    seen = told(dataset=many, **fitted)
    assert (seen.leak, seen.text) == ("seen", "noisy, fitted §")
    assert sentence("some", seen) == "some learned from images that show 5 of 500 measured ones"


def test_images_that_were_looked_at_say_more_than_names():
    found = {
        "toy": RecordedOverlap(images=0, looked_at=9),
        "bsd500": RecordedOverlap(images=1, looked_at=9),
    }
    looked = TOY.model_copy(update={"elsewhere": found})
    leaks = {
        name: told(dataset=looked, family="pretrained", trained_on={"some": [name]}).leak
        for name in ("toy", "bsd500", "other")
    }
    assert leaks == {"toy": "", "bsd500": "seen", "other": "unknown"}


def test_what_learned_here_from_a_set_that_holds_the_measured_one_has_seen_it():
    bsd68 = TOY.model_copy(update={"name": "bsd68"})
    trained = {"family": "trained", "supervision": "clean"}
    assert told(dataset=bsd68, cell={"training": "folder:BSD500"}, **trained).leak == "seen"
    assert told(dataset=bsd68, cell={"training": "train400"}, **trained).leak == ""
    assert told(dataset=bsd68, **trained).leak == ""


@pytest.mark.parametrize(
    ("name", "training", "trained_on", "test", "validation"),
    [
        ("mnist", "", "mnist gaussian 0.3", "", "seen"),
        ("bsd68", "train400", "bsd400", "", "seen"),
        ("flat", "train400", "bsd500 25/255", "", "seen"),
        ("bsd68", "train400", "bsd68", "seen", ""),
        ("bsd68", "train400", "mine", "unknown", "unknown"),
    ],
)
def test_validation_images_are_held_out_of_training_images(
    name, training, trained_on, test, validation
):
    data = TOY.model_copy(update={"name": name, "training": training})
    elsewhere = {"family": "pretrained", "trained_on": {"some": [trained_on]}}
    leaks = {
        split: told(dataset=data, split=split, **elsewhere) for split in ("test", "validation")
    }
    assert {split: one.leak for split, one in leaks.items()} == {
        "test": test,
        "validation": validation,
    }
    if validation:
        images = f"shares images with the validation images of {training or name}"
        assert leaks["validation"].reason.endswith(images)


def test_what_learned_here_has_not_seen_its_validation_images():
    trained = {"family": "trained", "supervision": "clean", "split": "validation"}
    bsd68 = TOY.model_copy(update={"name": "bsd68", "training": "train400"})
    assert told(dataset=bsd68, **trained).leak == ""
    assert told(dataset=bsd68, cell={"training": "train400"}, **trained).leak == ""
    assert told(dataset=bsd68, cell={"training": "folder:BSD500"}, **trained).leak == "seen"
    assert told(dataset=TOY.model_copy(update={"name": "mnist"}), **trained).leak == ""


def test_a_report_holds_the_split_that_was_measured_against_what_was_trained_on(tmp_path):
    (tmp_path / "other.py").write_text(
        "from bench import method\n\n\n"
        "@method(family='pretrained', supervision='clean', trained_on=('digits',), "
        "reference='none')\n"
        "def other(noisy):\n    'Half of it.'\n    return 0.5 * noisy\n"
    )
    leaks = {}
    for split in ("test", "validation"):
        run = bench.run(
            "digits", methods=["identity", "other"], noise=0.3, limit=8, split=split,
            metrics="psnr", plugins=[tmp_path / "other.py"], out=tmp_path / split,
        )  # fmt: skip
        (section,) = by_dataset([run])
        leaks[split] = learning(section)["other"].leak
    assert leaks == {"test": "", "validation": "seen"}
