"""What the page's image inspector is given: pixels, scores and images, against the run's own."""

import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

import bench
from bench.datasets import data_folder, load
from bench.report.content.section import by_dataset
from bench.report.formats.html import inspector_scores
from bench.report.formats.html.inspector import inspector
from bench.report.formats.html.traces import Styles

RNG = np.random.default_rng(0)
SETTINGS = {"noise": [0.1, 0.3], "tune": False}
METHODS = ["identity", "median[size=3]", "gaussian[width=0.7]"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    return bench.run(
        "digits", methods=METHODS, limit=30, keep="outputs", out=folder, name="kept", **SETTINGS
    )


def shown(run, **options):
    """The section and the inspector's data of a run."""
    (section,) = by_dataset([run])
    return section, inspector(section, Styles(section.labels), section.columns, **options)


def layers(data, strip, shape):
    """A strip's layers, uint8 (layers, C, H, W), as another reader of PNG finds them."""
    image = Image.open(io.BytesIO(base64.b64decode(data["strips"][strip])))
    assert image.mode == "L"
    return np.asarray(image).reshape(-1, *shape)


def bytes_of(images):
    return np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)


def values_of(scores, method):
    """A method's values of all points, and the step that they are rounded to."""
    low, step, text = scores["values"][method]
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    high, lower = planes.reshape(2, -1).astype(int)
    numbers = high * 256 + lower
    return np.where(numbers == 65535, np.nan, low + step * numbers), step


def test_all_images_are_there_where_outputs_were_kept_and_are_what_was_scored(kept):
    section, data = shown(kept)
    clean = next(iter(load("digits", data_folder()).groups("test", 30))).images
    cells = {(cell.label, cell.column): cell.key for cell in section.rows()}
    assert "All images are in this page." in data["note"]
    for noise in data["noises"]:
        column = section.columns[noise["column"]]
        assert sorted(one["position"] for one in noise["pictures"]) == list(range(30))
        outputs = {}
        for label in section.labels:
            (chunk,) = kept.outputs(cells[label, column])
            outputs[label] = dict(zip(chunk.positions.tolist(), chunk.images, strict=True))
        for one in noise["pictures"]:
            found = layers(data, one["strip"], one["shape"])
            names = ["identity", *(section.labels[index] for index in one["methods"])]
            assert names == section.labels
            for name, layer in zip(names, found, strict=True):
                assert np.array_equal(layer, bytes_of(outputs[name][one["position"]]))
            (truth,) = layers(data, one["clean"], one["shape"])
            assert np.array_equal(truth, bytes_of(clean[one["position"]]))


def test_scores_and_cases_are_the_records(kept):
    section, data = shown(kept)
    assert [metric["title"] for metric in data["metrics"]] == ["PSNR", "SSIM"]
    records = kept.records()
    for noise in data["noises"]:
        level = section.columns[noise["column"]][1]
        for index, label in enumerate(section.labels):
            part = records[(records["label"] == label) & (records["level"] == level)]
            psnr = part.set_index("image")["psnr"]
            ranked = psnr.sort_values(kind="stable").index.tolist()
            assert noise["cases"][index] == [ranked[0], ranked[14], ranked[-1]]
            assert noise["scores"]["positions"] == 30
            found, step = values_of(noise["scores"], index)
            np.testing.assert_allclose(found, psnr.sort_index(), rtol=0, atol=step)
            assert step < 0.001
            for one in noise["pictures"]:
                row = part[part["image"] == one["position"]].iloc[0]
                assert one["scores"][index] == pytest.approx([row["psnr"], row["ssim"]], rel=1e-4)


def test_samples_are_there_without_outputs_and_a_methods_cases_are_its_own(tmp_path):
    run = bench.run("digits", methods=METHODS, limit=40, out=tmp_path, **SETTINGS)
    _, data = shown(run)
    assert "chosen by position before any method ran" in data["note"]
    for noise in data["noises"]:
        pictures = {one["position"]: one for one in noise["pictures"]}
        assert set(range(10)) <= set(pictures)
        assert all(pictures[position]["methods"] == [1, 2] for position in range(10))
        for index in (1, 2):
            for position in noise["cases"][index]:
                assert index in pictures[position]["methods"]
    some = [one["methods"] for noise in data["noises"] for one in noise["pictures"]]
    assert any(len(methods) < 2 for methods in some)
    assert "each method shows what it made alone" in data["note"]


def test_the_budget_is_kept_with_fewer_or_smaller_images(kept):
    for budget in (60_000, 34_000):
        _, data = shown(kept, budget=budget)
        assert sum(map(len, data["strips"])) <= budget
        assert all(noise["pictures"] for noise in data["noises"])
        said = f"{len({p['position'] for n in data['noises'] for p in n['pictures']})} of 30 images"
        assert said in data["note"] or "middle is shown" in data["note"]
        assert all(len(noise["scores"]["values"]) == 3 for noise in data["noises"])


def test_where_the_images_are_gone_samples_are_shown_and_the_page_says_why(tmp_path):
    clean = RNG.random((12, 1, 20, 24), np.float32)
    images = bench.Dataset(clean, name="own", range=(0, 1))
    run = bench.run(images, methods=METHODS, keep="outputs", out=tmp_path, **SETTINGS)
    _, data = shown(run)
    assert (
        "All restored images were kept, but cannot be shown: unknown data set 'own'"
        in (data["note"])
    )
    assert {tuple(one["shape"]) for noise in data["noises"] for one in noise["pictures"]} == {
        (1, 20, 24)
    }


def test_colour_and_several_shapes(tmp_path):
    for number, (height, width) in enumerate([(20, 40), (600, 30), (20, 40)]):
        pixels = RNG.integers(0, 256, (height, width, 3), np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    run = bench.run(
        f"folder:{tmp_path / 'images'}", methods=METHODS, keep="outputs", out=tmp_path / "runs",
        **SETTINGS,
    )  # fmt: skip
    _, data = shown(run)
    assert data["colour"]
    shapes = {one["position"]: tuple(one["shape"]) for one in data["noises"][0]["pictures"]}
    assert shapes == {0: (3, 20, 40), 1: (3, 512, 30), 2: (3, 20, 40)}
    assert "Of larger images the middle is shown, 512 pixels a side" in data["note"]
    one = next(one for one in data["noises"][0]["pictures"] if one["position"] == 1)
    original = np.asarray(Image.open(tmp_path / "images" / "1.png"))[44:556]
    (clean,) = layers(data, one["clean"], one["shape"])
    assert np.array_equal(clean, np.moveaxis(original, -1, 0))


def test_of_very_many_images_a_part_are_points_and_those_shown_are_among_them(kept, monkeypatch):
    monkeypatch.setattr(inspector_scores, "MOST", 60)
    section, data = shown(kept, budget=34_000)
    assert "One image in 3 is a point" in data["note"]
    for noise in data["noises"]:
        positions = noise["scores"]["positions"]
        assert set(range(0, 30, 3)) <= set(positions)
        assert {one["position"] for one in noise["pictures"]} <= set(positions)
        records = kept.records().query("method == 'median'")
        records = records[records["level"] == section.columns[noise["column"]][1]]
        found, step = values_of(noise["scores"], 1)
        psnr = records.set_index("image")["psnr"][positions]
        np.testing.assert_allclose(found, psnr, rtol=0, atol=step)
