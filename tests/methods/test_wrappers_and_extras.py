"""Methods that need another method or another package, and the word `classical`."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bench import Unsupported, get_method, make_noise, open_run
from bench.core import UsageError
from bench.noises import ImageDraws
from bench.planning import request
from bench.plugins import sources

ROOT = Path(__file__).parent.parent.parent


def needs(package, extra=""):
    reason = f"needs {package}: pip install 'denoise-bench[{extra or package}]'"
    return pytest.mark.skipif(find_spec(package) is None, reason=reason)


def even(noise, value, count=40):
    clean = np.full((count, 1, 32, 32), value, np.float32)
    return noise.corrupt(clean, ImageDraws(np.arange(count), clean.shape[1:], "made-up", "test"))


# -- anscombe --------------------------------------------------------------------------------


class Noted:
    """An inner method that notes what it is given, and gives its mean over each image."""

    def denoise(self, noisy, noise):
        Noted.given, Noted.told = noisy, noise
        return np.broadcast_to(noisy.mean(axis=(2, 3), keepdims=True), noisy.shape)


@pytest.fixture
def inner(monkeypatch):
    target = sources.load("anscombe").target
    monkeypatch.setitem(target.__globals__, "get_method", lambda name: Noted())
    return target


@pytest.mark.parametrize("kind", ["poisson", "poisson-gaussian"])
@pytest.mark.parametrize(("value", "photons"), [(0.3, 100), (0.9, 30), (0.6, 300)])
def test_the_inner_method_meets_the_gaussian_noise_that_it_is_told(inner, kind, value, photons):
    noise = make_noise(kind, photons)
    inner(even(noise, value), noise)
    assert Noted.told.kind == "gaussian"
    assert Noted.given.std() == pytest.approx(Noted.told.sigma, rel=0.03)
    assert abs(stats.skew(Noted.given.ravel())) < 0.2
    assert 0 < Noted.given.mean() < 1


@pytest.mark.parametrize("kind", ["poisson", "poisson-gaussian"])
@pytest.mark.parametrize(("value", "photons"), [(0.2, 30), (0.5, 10), (0.9, 5), (0.5, 1000)])
def test_the_inverse_is_unbiased(inner, kind, value, photons):
    """The mean of the transformed values goes back to the mean of the counts."""
    noise = make_noise(kind, photons)
    noisy = even(noise, value, 200)
    restored = inner(noisy, noise)
    assert restored.mean() == pytest.approx(noisy.mean(), abs=0.004 + 0.02 / photons)


def test_strength_scales_what_the_inner_method_is_told(inner):
    noise = make_noise("poisson", 20)
    noisy = even(noise, 0.5, 2)
    told = []
    for strength in (1.0, 2.0):
        inner(noisy, noise, strength=strength)
        told.append(Noted.told.sigma)
    assert told[1] == pytest.approx(2 * told[0])


def test_other_noises_and_methods_to_be_trained_are_refused():
    noisy = np.zeros((1, 1, 20, 20), np.float32)
    with pytest.raises(Unsupported, match="not for gaussian"):
        get_method("anscombe").denoise(noisy, make_noise("gaussian", 0.1))
    with pytest.raises(Unsupported, match="must not have to be trained"):
        get_method("anscombe", inner="lmmse").denoise(noisy, make_noise("poisson", 10))


def test_the_inner_methods_code_is_part_of_the_results_key():
    def source(text):
        return request.resolve(text, sources.Registry()).method.source

    assert source("anscombe") == source("anscombe[inner=nlm]")
    assert source("anscombe[inner=median]") != source("anscombe")
    assert source("anscombe") != sources.load("anscombe").source


@pytest.mark.parametrize(
    ("inner", "message"),
    [("nlmm", "did you mean nlm"), ("anscombe", "anscombe wraps another method itself")],
)
def test_an_inner_method_that_cannot_be_is_refused_before_the_run(inner, message, fails):
    line = fails("run", "--dataset", "digits", "--methods", f"anscombe[inner={inner}]", code=2)
    assert message in line


# -- what is not installed -------------------------------------------------------------------

LACKING = """
@method(reference="none", requires=("no_such_package",), note="ask its owner")
def lacking(noisy):
    \"\"\"Nothing.\"\"\"
    import no_such_package
"""


def test_a_missing_package_disables_one_method_and_says_what_to_do(plugins, bench, fails):
    plugins("lacking", LACKING)
    reason = "lacking needs the package no_such_package: pip install 'denoise-bench[lacking]'"
    assert fails("run", "--methods", "lacking", "--dataset", "digits", code=2).endswith(reason)
    listed = bench("methods")
    assert listed.code == 0
    assert f"cannot run here: {reason}" in listed.out
    assert "ask its owner" in listed.out
    assert "Median over" in listed.out
    with pytest.raises(UsageError, match="no_such_package"):
        get_method("lacking")


# -- classical -------------------------------------------------------------------------------


def test_classical_is_all_that_needs_no_torch_no_extra_and_no_other_method(monkeypatch):
    monkeypatch.setattr(sources, "JOINING", ())
    assert sources.Registry().classical == [
        "bilateral", "gaussian", "identity", "lmmse", "median", "nlm", "posterior-mean", "tv",
        "wavelet", "wiener",
    ]  # fmt: skip


def test_a_free_extra_joins_classical_where_it_is_installed():
    assert ("bm3d-free" in sources.Registry().classical) == (find_spec("bmnd") is not None)
    assert "bm3d" not in sources.Registry().classical


@pytest.mark.parametrize("name", sources.Registry().sources)
def test_no_trained_method_is_loaded_to_find_the_classical_ones(name):
    source = sources.Registry().find(name)
    if source.load().uses_torch:
        assert sources._needs_torch(source.path)
    if source.load().classical:
        assert not sources._needs_torch(source.path)


def test_a_method_may_declare_its_family(plugins):
    plugins("mine", '@method(family="pretrained")\ndef f(noisy):\n    return noisy')
    plugins("own", "@method()\ndef f(noisy):\n    return noisy")
    assert sources.load("mine").family == "pretrained"
    assert sources.load("own").family == "filter"
    assert sources.load("posterior-mean").family == "fitted"
    assert sources.load("vae").family == "trained"
    classical = sources.Registry().classical
    assert "own" in classical
    assert "mine" not in classical


def test_a_classical_run_measures_each_once_and_loads_only_what_it_needs(tmp_path):
    code = (
        "import sys; from bench.cli import main\n"
        "from bench.plugins import sources; sources.JOINING = ()\n"
        "try: main(['run', '--dataset', 'digits', '--methods', 'identity,classical', '--noise',\n"
        f"  '0.3', '--limit', '3', '--no-tune', '--out', {str(tmp_path)!r}, '--name', 'r'])\n"
        "except SystemExit as end: print('CODE', end.code)\n"
        "print('UNUSED', *{'torch', 'sklearn', 'matplotlib'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "CODE 0" in done.stdout
    assert "UNUSED\n" in done.stdout
    methods = list(open_run(tmp_path / "r").cells()["method"])
    assert methods[0] == "identity"
    assert len(methods) == len(set(methods)) == 10


# -- extras ----------------------------------------------------------------------------------


@needs("bm3d")
def test_bm3d_restores_and_refuses_what_its_package_cannot_take():
    rng = np.random.default_rng(0)
    clean = np.zeros((1, 1, 32, 32), np.float32)
    clean[..., 8:24, 8:24] = 0.8
    noisy = clean + 0.2 * rng.standard_normal(clean.shape).astype(np.float32)
    restored = get_method("bm3d").denoise(noisy, make_noise("gaussian", 0.2))
    assert restored.dtype == np.float32
    assert np.mean((restored - clean) ** 2) < 0.1 * np.mean((noisy - clean) ** 2)
    colour = np.repeat(noisy, 3, axis=1)
    assert get_method("bm3d").denoise(colour, make_noise("gaussian", 0.2)).shape == colour.shape
    with pytest.raises(Unsupported, match="smaller than 9 pixels"):
        get_method("bm3d").denoise(noisy[..., :8], make_noise("gaussian", 0.2))


@needs("bmnd", "bm3d-free")
def test_bm3d_free_restores_grey_images_and_refuses_colours():
    rng = np.random.default_rng(0)
    clean = np.zeros((1, 1, 24, 24), np.float32)
    clean[..., 6:18, 6:18] = 0.8
    noise = make_noise("gaussian", 0.2)
    noisy = clean + 0.2 * rng.standard_normal(clean.shape).astype(np.float32)
    restored = get_method("bm3d-free").denoise(noisy, noise)
    assert restored.dtype == np.float32
    assert np.mean((restored - clean) ** 2) < 0.25 * np.mean((noisy - clean) ** 2)
    as_rgb = get_method("bm3d-free").denoise(np.repeat(noisy, 3, axis=1), noise)
    np.testing.assert_array_equal(as_rgb, np.repeat(restored, 3, axis=1))
    with pytest.raises(Unsupported, match="not colours"):
        get_method("bm3d-free").denoise(np.concatenate([noisy, clean, noisy], axis=1), noise)
    with pytest.raises(Unsupported, match="smaller than 9 pixels"):
        get_method("bm3d-free").denoise(noisy[..., :8], noise)
