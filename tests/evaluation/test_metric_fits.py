"""What metrics learn: fitted once, and found in the cache by whoever scores."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import datasets, make_noise, metric
from bench.core import DataError, Restoration, UsageError
from bench.datasets.training_images import labelled_split
from bench.evaluation.metric_fits import fit_key, fitted_measure
from bench.evaluation.scoring import BadOutput
from bench.metrics.recognised import Recognised
from bench.plugins.metric import Metric
from bench.store import FitCache


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", Path("nowhere"))


@pytest.fixture
def fits(tmp_path):
    return FitCache(tmp_path / "fits", warn=pytest.fail)


def found(target, parameters=None, source="c0de"):
    """A class as the registry finds it."""
    return Metric(
        name=target.__name__.lower(),
        origin="file",
        file=Path(__file__),
        target=target,
        declared=target.__bench_metric__,
        parameters=parameters or {},
        summary="",
        source=source,
        needs=("label",),
    )


@metric(better="higher", between=(0, 1))
class Brightest:
    """Whether an image's mean is nearest to the mean of its class."""

    sharpness: float = 1.0

    def fit(self, train, validation):
        torch.set_grad_enabled(False)
        self.means = np.array([train.images[train.labels == c].mean() for c in range(10)])

    def measure(self, restored, label):
        distance = abs(restored.mean(axis=(1, 2, 3))[:, None] - self.means)
        return distance.argmin(axis=1) == label

    def state(self):
        return {"means": self.means}

    def load(self, arrays):
        self.means = arrays["means"]


BRIGHTEST = found(Brightest, {"sharpness": 1.0})


def restoration(data, images=None):
    clean, labels = labelled_split(data, "test")
    restored = clean if images is None else images
    return Restoration(clean, restored, clean, labels, make_noise("gaussian", 0.1))


def test_a_reader_is_fitted_once_and_read_from_the_cache(digits, fits, one_thread):
    recognised, told = found(Recognised, {"seed": 0}), []
    measure, digest = fitted_measure(recognised, {}, digits, fits, told.append)
    assert told[0] == 0
    assert told == sorted(told)
    assert told[-1] == 1
    again, same = fitted_measure(recognised, {}, digits, fits, pytest.fail)
    assert same == digest
    noise = np.random.default_rng(0).random((400, 1, 28, 28), np.float32)
    for each in (measure, again):
        assert each(restoration(digits)).mean() > 0.95
        assert each(restoration(digits, noise)).mean() < 0.25


def test_it_learns_from_clean_training_images_and_their_labels(digits, fits):
    seen = {}

    class Noted(Brightest):
        def fit(self, train, validation):
            seen.update(train=train, validation=validation)
            super().fit(train, validation)

    measure, _ = fitted_measure(found(metric(better="higher")(Noted)), {}, digits, fits)
    for split, given in seen.items():
        expected = labelled_split(digits, split)
        np.testing.assert_array_equal(given.images, expected.images)
        np.testing.assert_array_equal(given.labels, expected.labels)
    assert set(seen) == {"train", "validation"}
    assert measure(restoration(digits)).mean() > 0.1
    assert torch.is_grad_enabled()


def test_the_key_tells_apart_all_that_it_learns_from(digits):
    key = fit_key(BRIGHTEST, {}, digits)
    assert fit_key(BRIGHTEST, {"sharpness": 1.0}, digits) == key
    assert fit_key(BRIGHTEST, {}, dataclasses.replace(digits, note="a stand-in")) == key
    others = [
        fit_key(BRIGHTEST, {"sharpness": 2.0}, digits),
        fit_key(dataclasses.replace(BRIGHTEST, name="other"), {}, digits),
        fit_key(dataclasses.replace(BRIGHTEST, source="other"), {}, digits),
        fit_key(BRIGHTEST, {}, dataclasses.replace(digits, fingerprint="other")),
    ]
    assert len({key, *others}) == 5


def test_it_learns_of_its_own_set_whatever_methods_train_on(digits, fits):
    others = dataclasses.replace(
        digits,
        name="others",
        fingerprint="others",
        read=lambda split: pytest.fail("read"),
        labels=None,
    )
    mixed = datasets.with_training(digits, others)
    assert fit_key(BRIGHTEST, {}, mixed) == fit_key(BRIGHTEST, {}, digits)
    _, digest = fitted_measure(BRIGHTEST, {}, mixed, fits)
    assert fitted_measure(BRIGHTEST, {}, digits, fits)[1] == digest


def test_images_without_labels_are_refused_with_the_sets_that_have_some(digits, fits):
    bare = dataclasses.replace(digits, name="bare", labels=None)
    with pytest.raises(UsageError, match=r"those of bare have no labels; .*: mnist, .*, digits$"):
        fitted_measure(BRIGHTEST, {}, bare, fits)


@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_that_cannot_be_read_are_named_whether_the_fit_is_there_or_not(digits, fits, split):
    def labels(asked):
        if asked == split:
            raise DataError("the labels are damaged")
        return digits.labels(asked)

    damaged = dataclasses.replace(digits, labels=labels)
    with pytest.raises(DataError, match="the labels are damaged"):
        fitted_measure(BRIGHTEST, {}, damaged, fits)
    assert not fits.has(fit_key(BRIGHTEST, {}, digits))
    fitted_measure(BRIGHTEST, {}, digits, fits)
    if split == "test":
        with pytest.raises(DataError, match="the labels are damaged"):
            fitted_measure(BRIGHTEST, {}, damaged, fits)


def test_a_process_that_is_late_takes_what_lies_in_the_cache(digits, fits):
    """Two fit at once; what both then load is one and the same."""
    _, digest = fitted_measure(BRIGHTEST, {}, digits, fits)

    class Late:
        """A cache that has it only after it has been fitted again, and keeps the first."""

        def __init__(self):
            self.puts = 0

        def get(self, key):
            return fits.get(key) if self.puts else None

        def check(self):
            pass

        def put(self, key, fit):
            self.puts += 1

    late = Late()
    assert fitted_measure(BRIGHTEST, {}, digits, late)[1] == digest
    assert late.puts == 1


def test_a_state_that_is_no_plain_array_is_refused(digits, fits):
    class Masked(Brightest):
        def state(self):
            return {"means": np.ma.masked_less(self.means, 0.2)}

    masked = found(metric(better="higher")(Masked))
    with pytest.raises(BadOutput, match="state of masked gave, as 'means', a MaskedArray"):
        fitted_measure(masked, {}, digits, fits)
