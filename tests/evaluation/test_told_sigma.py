"""Methods that are told a wrong level of the noise: `[sigma=0.5x]`."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bench as package
from bench.core import Cell, Dataset, Unsupported, UsageError, told_factor
from bench.core.noise_level import estimate_sigma
from bench.datasets import load
from bench.evaluation.noise_mismatch import Mismatched, informed, scaled
from bench.noises import Given, make_noise
from bench.planning.cells import plan
from bench.planning.request import resolve
from bench.planning.settings import Settings
from bench.plugins.sources import Registry
from bench.report.content import prose
from bench.report.content.section import by_dataset

#: A method whose images are what it was told.
ECHO = """
@method(tune={"gain": (0.5, 1.0, 2.0, 4.0)})
def echo(noisy, noise, *, gain=1.0):
    \"\"\"A constant.\"\"\"
    return np.full_like(noisy, gain * noise.sigma)
"""


def cells(*texts, noise="0.1", **settings):
    """The cells of such methods, planned for made-up images."""
    sizes = {"train": 4, "validation": 4, "test": 4}
    requested = [resolve(text, Registry()) for text in texts]
    settings = Settings.checked(dataset="digits", noise=noise, methods=list(texts), **settings)
    return plan(settings, Dataset("digits", "0", sizes, lambda split: []), requested)


class Remembers:
    """A denoiser that notes what it was told."""

    def __init__(self):
        self.told = []

    def denoise(self, noisy, noise):
        self.told.append(noise)
        return noisy

    def deviation(self, noisy, noise):
        self.told.append(noise)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("0.12345678x", "0.12345678x"), ("2.0x", "2x"), ("0.50x", "0.5x"), ("0.00001x", "0.00001x"),
     ("12345678x", "12345678x"), ("100x", "100x")],
)  # fmt: skip
def test_a_factor_is_kept_with_all_its_digits(typed, kept):
    params = resolve(f"nlm[sigma={typed}]", Registry()).params
    assert params == {"sigma": kept}
    assert told_factor(params) == float(typed[:-1])


# -- the noise that is told ------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 1.41, 2])
@pytest.mark.parametrize(
    ("kind", "level"),
    [("gaussian", 0.1), ("uniform", 0.3), ("speckle", 0.2), ("gamma", 0.4), ("poisson", 30),
     ("gaussian-correlated", 0.1)],
)  # fmt: skip
def test_it_has_so_many_times_the_deviation_at_every_grey(kind, level, factor):
    noise, grey = make_noise(kind, level), np.linspace(0, 1, 11)
    told = scaled(noise, factor)
    assert type(told) is type(noise)
    np.testing.assert_allclose(told.std(grey), factor * noise.std(grey), rtol=1e-9)
    assert told.sigma == pytest.approx(factor * noise.sigma)


def test_what_clips_is_told_as_clipping_and_what_is_right_as_it_is():
    noise = make_noise("gaussian", 0.3, clip=True)
    assert scaled(noise, 2) == make_noise("gaussian", 0.6, clip=True)
    pepper = make_noise("salt-pepper", 0.1)
    assert scaled(pepper, 1) is pepper
    assert scaled(Given(0.1), 2) == Given(0.2)


@pytest.mark.parametrize(
    ("kind", "level", "factor"),
    [("salt-pepper", 0.1, 2), ("rician", 0.1, 2), ("poisson-gaussian", 30, 0.5), ("gamma", 0.6, 2),
     ("gaussian", 6, 2)],
)  # fmt: skip
def test_where_no_noise_of_its_kind_has_that_deviation_it_is_refused(kind, level, factor):
    with pytest.raises(Unsupported, match=f"no {kind} noise has {factor:g} times the deviation"):
        scaled(make_noise(kind, level), factor)


def test_it_is_told_wherever_the_method_is_asked():
    inner, image = Remembers(), np.zeros((1, 1, 4, 4), np.float32)
    wrongly = Mismatched(inner, 0.5)
    assert wrongly.deviation(image, make_noise("gaussian", 0.2)) is None
    wrongly.denoise(image, make_noise("gaussian", 0.4))
    assert [noise.level for noise in inner.told] == [0.1, 0.2]
    assert wrongly.told is inner.told


def test_what_is_estimated_of_given_noise_is_scaled_but_not_for_tuning():
    (cell,) = cells("nlm[sigma=2x]")
    given = Cell(**{**vars(cell), "noise": Given(0.0)})
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 1, 64, 64)).astype(np.float32)
    form = SimpleNamespace(method=resolve("nlm", Registry()).method, threads=1)
    estimated = estimate_sigma(noisy[0])
    for truly, told in ((False, 2 * estimated), (True, estimated)):
        inner = Remembers()
        informed(inner, given, form, truly=truly).denoise(noisy, given.noise)
        assert inner.told[0].level == pytest.approx(told)


# -- cells -----------------------------------------------------------------------------------


def test_a_model_serves_all_that_it_is_told_and_a_cell_is_of_one():
    wrong, same, right, known = cells(
        "lmmse[sigma=0.5x]", "nlm[sigma=0.50x]", "lmmse", "nlm[sigma=known]"
    )
    assert wrong.fit_key == right.fit_key
    assert wrong.key != right.key
    assert (wrong.label, same.label) == ("lmmse[sigma=0.5x]", "nlm[sigma=0.5x]")
    assert known.label == "nlm"
    assert [cell.label for cell in cells("nlm[sigma=1x]")] == ["nlm[sigma=1x]"]


@pytest.mark.parametrize("typed", ["0x", "-1x", "x", "0.5", "infx", "1e3x", "half", "0.5 x", "２x"])
def test_what_is_no_factor_is_refused(typed):
    with pytest.raises(UsageError, match=r"write known, estimate, or a factor, as 0\.5x"):
        resolve(f"nlm[sigma={typed}]", Registry())


def test_what_is_blind_or_denoises_ones_own_images_is_told_no_wrong_level(fails, tmp_path):
    line = fails("run", "--dataset", "digits", "--methods", "median[sigma=2x]", code=2)
    assert "'median' is not told the noise: leave sigma=2x out" in line
    denoise = ("denoise", tmp_path, "--method", "nlm[sigma=2x, h=1.0]", "--out", tmp_path / "out")
    assert "leave sigma=2x out" in fails(*denoise, code=2)


# -- runs ------------------------------------------------------------------------------------


def test_in_the_test_it_is_told_wrongly_and_for_tuning_rightly(plugins, tmp_path):
    plugins("echo", ECHO)
    run = package.run(
        "digits", methods="echo,echo[sigma=0.5x],echo[sigma=2x]", noise=0.1, limit=20, out=tmp_path
    )
    chosen = {meta.cell.params: meta.chosen["gain"] for meta in run.metadata()}
    assert len(set(chosen.values())) == 1
    gain, right = chosen["{}"], run.records().groupby("params")["mse"].mean()
    clean = next(load("digits", Path()).groups("test", 20)).images
    for factor, params in ((1, "{}"), (0.5, '{"sigma":"0.5x"}'), (2, '{"sigma":"2x"}')):
        told = min(np.float32(factor * gain * 0.1), 1)
        assert right[params] == pytest.approx(np.square(clean - told).mean(), rel=1e-4)
    run.score("mae")  # which denoises again, and holds the images to their digests
    assert run.records()["mae"].notna().all()
    (section,) = by_dataset([run])
    assert [knows for knows, _ in prose.chosen(section).values()] == [
        "is told", "is told 0.5 times its deviation", "is told 2 times its deviation",
    ]  # fmt: skip


def test_a_noise_that_cannot_be_told_so_skips_the_cell(tmp_path):
    run = package.run(
        "digits", methods="nlm[sigma=2x]", noise="gaussian:0.1;salt-pepper:0.1", limit=2,
        tune=False, out=tmp_path,
    )  # fmt: skip
    found = run.cells().set_index("noise")
    assert found["status"].to_dict() == {"gaussian": "done", "salt-pepper": "skipped"}
    assert "2 times the deviation" in found.loc["salt-pepper", "reason"]
