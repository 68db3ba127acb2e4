"""Measuring on validation images, to choose by: other noise than tuning's, and never unnamed."""

import numpy as np
import pytest

import bench
from bench import datasets
from bench.core import Dataset, UsageError
from bench.evaluation.noisy_images import NoisyImages
from bench.noises import ImageDraws, make_noise
from bench.planning.cells import plan
from bench.planning.settings import Settings
from bench.report.content.section import by_dataset
from bench.report.render import render

METHODS = ["identity", "median[size=3,weight=1]"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")

    def run(name, **settings):
        return bench.run(
            "digits", methods=METHODS, noise=0.3, limit=15, out=folder, name=name, **settings
        )

    return {"test": run("test"), "validation": run("validation", split="validation")}


def test_validation_images_are_measured_under_noise_that_tuning_does_not_draw(runs):
    digits = datasets.load("digits", datasets.data_folder(None))
    (group,) = digits.groups("validation", 15)
    noise = make_noise("gaussian", 0.3)
    records = runs["validation"].records()
    psnr = records[records["method"] == "identity"]["psnr"].to_numpy()

    def scored(split):
        draws = ImageDraws(group.positions, group.images.shape[1:], "digits", split)
        error = np.clip(noise.corrupt(group.images, draws), 0, 1) - group.images
        return -10 * np.log10((error.astype(float) ** 2).mean(axis=(1, 2, 3)))

    np.testing.assert_allclose(psnr, scored("validation-measured"), atol=1e-4)
    assert (np.abs(psnr - scored("validation")) > 1e-3).all()  # which tuning draws
    samples = runs["validation"].samples(next(iter(runs["validation"].finished())))
    np.testing.assert_array_equal(samples["clean"][0], group.images[0])


def test_only_the_keys_of_validation_images_say_so(runs):
    keys = [set(run.manifest.cells) for run in runs.values()]
    assert keys[0].isdisjoint(keys[1])
    assert "split" not in runs["test"].manifest.as_dict()["settings"]
    assert runs["validation"].manifest.as_dict()["settings"]["split"] == "validation"


@pytest.mark.usefixtures("without_figures")
def test_wherever_test_images_are_named_validation_images_are(runs, bench, tmp_path):
    paths = render(runs["validation"], tmp_path, ("md", "html", "tex", "summary"))
    for path in paths.values():
        text = path.read_text(encoding="utf-8")
        assert "15 validation images" in text, path
        assert "test images" not in text, path
    page = paths["md"].read_text(encoding="utf-8")
    assert page.count("# Denoising digits (validation images)") == 1
    assert "> **Validation images.** These numbers are for choosing" in page
    done = bench(
        "run", "--dataset", "digits", "--methods", "identity", "--limit", 5, "--split", "validation"
    )
    assert done.lines[0].startswith("digits: 5 validation images, ")
    assert "Mean over 5 validation images of digits." in done.out


def test_splits_are_never_put_side_by_side(runs, bench, fails, tmp_path):
    with pytest.raises(UsageError, match=r"differ in split \(test and validation\)"):
        list(by_dataset([runs["test"], runs["validation"]]))
    paths = {name: run.path for name, run in runs.items()}
    compared = bench("compare", paths["test"], paths["validation"])
    assert compared.code != 0
    assert "measured on test images, not on validation images" in compared.out + compared.err
    limits = tmp_path / "limits.toml"
    limits.write_text('[[threshold]]\nmethod = "identity"\npsnr = 1.0\n')
    for extra in ((), ("--update",)):
        line = fails("check", paths["validation"], "--thresholds", limits, *extra, code=2)
        assert "measured validation images; thresholds are of test images" in line


@pytest.mark.parametrize(
    ("sizes", "values", "message"),
    [
        ({"validation": 0}, {}, "made-up has no validation images"),
        (
            {"validation": 9},
            {"methods": "median"},
            "median would be tuned on the validation images",
        ),
    ],
)
def test_what_cannot_be_measured_there_ends_with_one_line(sizes, values, message):
    from bench.planning.request import requested_methods
    from bench.plugins.sources import Registry

    data = Dataset("made-up", "0", {"train": 9, "test": 9, **sizes}, lambda split: [])
    settings = Settings.checked(split="validation", **{"methods": "identity", **values})
    with pytest.raises(UsageError, match=message):
        plan(settings, data, requested_methods(settings, Registry(())).values())
    untuned = Settings.checked(split="validation", tune=False, methods="median")
    if sizes["validation"]:
        assert plan(untuned, data, requested_methods(untuned, Registry(())).values())


def test_images_to_show_are_the_first_where_those_of_the_test_split_mean_nothing():
    data = Dataset("made-up", "0", {"validation": 30, "test": 90}, lambda split: [], samples=(80,))
    assert NoisyImages(data, "validation").sample_positions(None) == list(range(10))
    assert NoisyImages(data).sample_positions(None) == [80]
