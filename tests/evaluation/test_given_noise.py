"""Images that came noisy: nothing is drawn, and what is told, scored and recorded is theirs."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import bench
from bench.core import Dataset, Group, Range, Unsupported, UsageError, estimate_sigma
from bench.evaluation import noisy_images
from bench.evaluation.noise_estimate import Estimating
from bench.evaluation.noisy_images import NoisyImages
from bench.evaluation.outputs import outputs
from bench.evaluation.restoring import cell_of
from bench.evaluation.runner import run_cells
from bench.noises import Given, digests, make_noise
from bench.planning.cells import plan
from bench.planning.request import requested_methods
from bench.planning.settings import Settings
from bench.plugins.sources import Registry, load
from bench.store.cell_meta import CellMeta

COUNT, SIDE = 6, 24


def scene():
    """Clean images and three noisy frames of each."""
    rng = np.random.default_rng(5)
    clean = np.kron(rng.random((COUNT, 1, 4, 4)), np.ones((6, 6))).astype(np.float32)
    noise = rng.normal(0, 0.1, (COUNT, 3, 1, SIDE, SIDE)).astype(np.float32)
    return clean, clean[:, None] + noise


CLEAN, FRAMES = scene()


def dataset(frames=1, *, truth=True, clamp=True, units=None):
    group = Group(np.arange(COUNT), CLEAN if truth else None, FRAMES[:, :frames])
    return Dataset(
        "toy", "cafe", {"train": 0, "validation": 0, "test": COUNT}, lambda split: [group],
        range=Range(0, 4095, "counts", clamp), frames=frames, truth=truth, units=units,
    )  # fmt: skip


class Forgetful:
    """A cache of fits that keeps nothing."""

    def get(self, key):
        return None

    put = remove = lambda self, *arguments: None


def records(data, **settings):
    """A record of each method, with its method's name."""
    asked = Settings.checked(**settings)
    methods = requested_methods(asked, Registry())
    resolved = asked.resolved(data, methods)
    cells = plan(resolved, data, methods.values())
    found = run_cells(cells, data, {m.method.name: m.method for m in methods.values()}, Forgetful())
    return {record.cell.method: record for record in found}


def test_the_noisy_images_are_the_first_frames_and_the_rest_is_kept_for_scoring():
    (batch,) = NoisyImages(dataset(3)).batches(Given(0.0), None)
    assert np.array_equal(batch.noisy, FRAMES[:, 0])
    assert np.array_equal(batch.frames, FRAMES[:, 1:])
    (pairs,) = NoisyImages(dataset(1)).batches(Given(0.0), 2)
    assert pairs.frames is None
    assert len(pairs.noisy) == 2
    assert np.array_equal(pairs.digests, digests(FRAMES[:2, 0]))


def test_images_whose_further_frames_are_others_are_others():
    """What uMSE tells of them is something else."""
    (two,), (three,) = (NoisyImages(dataset(n)).batches(Given(0.0), None) for n in (2, 3))
    assert np.array_equal(two.noisy, three.noisy)
    assert not np.isin(two.digests, three.digests).any()
    assert np.array_equal(three.digests, digests(FRAMES))


def test_what_an_explanation_makes_again_has_the_digests_of_the_record():
    record = records(dataset(3), methods="identity")["identity"]
    (made,) = outputs(record.cell, load("identity").create({}), dataset(3), ["unclipped"])
    assert np.array_equal(made.digests, record.images["digest"])


@pytest.mark.parametrize("frames", [1, 3])
def test_further_frames_count_in_what_is_in_memory(monkeypatch, frames):
    images = NoisyImages(dataset(frames))
    (whole,) = images.batches(Given(0.0), None)
    assert whole.values == FRAMES[:, :frames].size
    assert next(images.batches(Given(0.0), None)) is whole  # it was kept
    monkeypatch.setattr(noisy_images, "_KEPT_VALUES", CLEAN.size)
    images = NoisyImages(dataset(frames))
    (first,) = images.batches(Given(0.0), None)
    assert (next(images.batches(Given(0.0), None)) is first) == (frames == 1)


def test_identity_scores_the_noise_that_came_along():
    record = records(dataset(), methods="identity")["identity"]
    error = ((np.clip(FRAMES[:, 0], 0, 1) - CLEAN) ** 2).mean(axis=(1, 2, 3))
    assert record.images["mse"] == pytest.approx(error, rel=1e-5)


def test_outputs_are_left_where_they_are_if_the_range_is_not_clamped():
    record = records(dataset(clamp=False), methods="identity")["identity"]
    error = ((FRAMES[:, 0] - CLEAN) ** 2).mean(axis=(1, 2, 3))
    assert record.images["mse"] == pytest.approx(error, rel=1e-5)


def test_methods_are_told_what_is_estimated_from_each_image_or_what_was_stated():
    estimated, stated = (
        records(dataset(), methods="wavelet", **sigma)["wavelet"]
        for sigma in ({}, {"sigma": "25/255"})
    )
    wavelet = load("wavelet").create({})
    for record, told in (
        (estimated, [estimate_sigma(image) for image in FRAMES[:, 0]]),
        (stated, [25 / 255] * COUNT),
    ):
        restored = np.concatenate(
            [
                wavelet.denoise(FRAMES[i : i + 1, 0].copy(), make_noise("gaussian", sigma))
                for i, sigma in enumerate(told)
            ]
        )
        error = ((np.clip(restored, 0, 1) - CLEAN) ** 2).mean(axis=(1, 2, 3))
        assert record.images["mse"] == pytest.approx(error, rel=1e-4)
    assert estimated.cell.key != stated.cell.key


def test_without_truth_networks_learn_from_noisy_images_alone():
    data = dataclasses.replace(
        dataset(2, truth=False), sizes=dict.fromkeys(("train", "validation", "test"), COUNT)
    )
    found = records(data, methods="n2v[width=2],n2n[width=2]", epochs=1)
    status = {name: record.status for name, record in found.items()}
    assert status == {"n2v": "done", "n2n": "done"}


def test_without_truth_what_needs_clean_images_says_so_and_nothing_is_shown_as_clean():
    record = records(dataset(2, truth=False), methods="identity")["identity"]
    assert record.status == "done"
    assert record.unmeasured["psnr"] == "there are no clean images, which it needs"
    assert "clean" not in record.samples
    assert len(record.samples["noisy"]) == COUNT


def test_what_learns_from_clean_images_is_skipped_where_there_are_none():
    data = dataset(2, truth=False)
    data = dataclasses.replace(data, sizes={"train": COUNT, "validation": COUNT, "test": COUNT})
    record = records(data, methods="dae", epochs=1)["dae"]
    assert record.status == "skipped"
    assert "clean images" in record.reason
    with pytest.raises(Unsupported):
        next(data.groups("train")).images  # noqa: B018


def test_units_stand_in_the_records():
    data = dataset(units=lambda split: np.array([0, 0, 1, 1, 1, 2]))
    record = records(data, methods="identity")["identity"]
    assert record.images["unit"].tolist() == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("option", "value"),
    [("noise", 0.1), ("clip", True), ("noise_seeds", "0,1"), ("train_noise", "blind")],
)
def test_what_draws_noise_is_refused(option, value):
    settings = Settings.checked(**{option: value})
    with pytest.raises(UsageError, match="came with its noise, and none is drawn"):
        settings.resolved(dataset(), ["identity"])


def test_a_told_deviation_is_refused_where_noise_is_drawn():
    clean = dataclasses.replace(dataset(), frames=0)
    with pytest.raises(UsageError, match="--sigma is told of noise that came with the images"):
        Settings.checked(sigma=0.1).resolved(clean, ["identity"])


def test_a_cell_is_found_again_in_its_record():
    for sigma in (None, 0.02):
        (record,) = records(dataset(), methods="identity", sigma=sigma).values()
        assert cell_of(CellMeta.of(record).cell) == record.cell


def test_blind_training_is_refused_however_it_is_asked_for():
    with pytest.raises(UsageError, match="no range of levels"):
        records(dataset(), methods="dae[train=blind]", epochs=1)


class Doubtful:
    """Says what it was told, as its output and as its doubt."""

    def denoise(self, noisy, noise):
        return np.full_like(noisy, noise.sigma)

    deviation = denoise


def test_doubt_is_asked_for_with_the_noise_that_was_told():
    told = Estimating(Doubtful(), 1)
    noisy = np.ascontiguousarray(FRAMES[:, 0])
    expected = [np.float32(estimate_sigma(image)) for image in noisy]
    for call in (told.denoise, told.deviation):
        assert call(noisy, Given(0.0))[:, 0, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    "described", ["range = [0, 255]\n", "range = [0, 255]\nclamp = false\n", ""]
)
def test_a_run_of_own_images_is_scored_again(tmp_path, described):
    folder = tmp_path / "own"
    folder.mkdir()
    for index, image in enumerate(CLEAN[:2]):
        Image.fromarray((image[0] * 255).astype(np.uint8)).save(folder / f"{index}.png")
    (folder / "dataset.toml").write_text(described)
    run = bench.run(f"folder:{folder}", methods="identity", noise=0.1, out=tmp_path / "runs")
    run.score("mae", dataset=f"folder:{folder}")
    assert run.records()["mae"].notna().all()


def test_floats_of_a_stated_range_are_scored_again(tmp_path):
    run = bench.run(CLEAN, range=(0, 1), methods="identity", noise=0.1, out=tmp_path)
    run.score("mae", dataset=CLEAN)
    assert run.records()["mae"].notna().all()
