import gc
import hashlib
import json
import math
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.core import Dataset, Group, UsageError
from bench.evaluation.noisy_images import NoisyImages
from bench.noises import Gaussian, ImageDraws, digests, doubts, make_noise, parse_noise

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "noise.json").read_text())
MNIST = {"dataset": "mnist", "split": "test"}
SHAPE = (1, 28, 28)


def draws(positions, shape=SHAPE, **key):
    return ImageDraws(np.asarray(positions), shape, **{**MNIST, **key})


def normals(positions, shape=SHAPE, **key):
    return draws(positions, shape, **key).normal()


# -- draws ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "golden", GOLDEN, ids=lambda g: f"{g['dataset']}-{g['split']}-{g['seed']}-{g['position']}"
)
def test_draws_and_digest_equal_the_golden_ones(golden):
    key = {name: golden[name] for name in ("dataset", "split", "seed")}
    random = draws([golden["position"]], tuple(golden["shape"]), **key)
    z = random.normal()
    noisy = Gaussian(0.3).corrupt(np.full_like(z, 0.5), random)
    assert z.dtype == noisy.dtype == np.float32
    assert z.ravel()[:4].tolist() == golden["first"]
    assert z.ravel()[-1] == golden["last"]
    assert f"{int(digests(noisy)[0]):016x}" == golden["digest"]


@pytest.mark.parametrize("position", [0, 1, 9999, 2**40])
def test_uniforms_are_numpys_philox_keyed_by_seed_dataset_and_split(position):
    key = hashlib.blake2b(b"7/kmnist/validation", digest_size=16).digest()
    philox = np.random.Philox(
        key=np.frombuffer(key, "<u8").astype(np.uint64),
        counter=np.array([0, 0, 0, position], np.uint64),
    )
    # NumPy's own uniforms have 53 bits; the last gives way to the half that keeps off 0 and 1.
    expected = np.floor(np.random.Generator(philox).random((2, 5, 3)) * 2**52) / 2**52 + 2.0**-53
    got = draws([position], (2, 5, 3), dataset="kmnist", split="validation", seed=7).uniforms()
    np.testing.assert_array_equal(got[0], expected)


def test_numbers_that_are_made_piece_by_piece_are_the_same(monkeypatch):
    rate = np.linspace(0, 3, 5 * 70, dtype=np.float32).reshape(5, 1, 7, 10)

    def numbers():
        random = draws(range(5), (1, 7, 10))
        return random.uniforms(), random.normal(), random.uniform(), random.poisson(rate)

    expected = numbers()
    for piece in (3 * 70, 33):  # of whole images, and of parts of one
        monkeypatch.setattr("bench.noises.draws._PIECE", piece)
        monkeypatch.setattr("bench.noises.draws._KEPT", 0)
        for got, whole in zip(numbers(), expected, strict=True):
            np.testing.assert_array_equal(got, whole)


def test_a_level_that_was_hardly_meant_in_its_unit_is_told(bench):
    arguments = ("run", "--dataset", "digits", "--methods", "identity,gaussian", "--no-tune")
    result = bench(*arguments, "--limit", "2", "--noise", "5,0.1;poisson:0.5,30")
    assert result.code == 0
    assert (
        "noise level 5 is 5 times the range of the images: for 5 of 255 write 5/255" in result.err
    )
    assert "poisson noise level 0.5 is less than one photon at white" in result.err
    assert result.err.count("noise level") == 2
    assert doubts([make_noise("gaussian", 1.0), make_noise("salt-pepper", 1.0)]) == []


def test_normals_are_the_normal_quantiles_of_the_uniforms():
    u = draws(range(20)).uniforms()
    np.testing.assert_allclose(normals(range(20)), stats.norm.ppf(u), rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(positions=st.lists(st.integers(0, 60_000), min_size=1, max_size=8))
def test_an_images_draws_do_not_depend_on_the_others_asked_for(positions):
    together = normals(positions, (1, 6, 5))
    alone = np.concatenate([normals([position], (1, 6, 5)) for position in positions])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    "other",
    [
        {"split": "validation"},
        {"split": "train"},
        {"dataset": "digits"},
        {"seed": 1},
        {"positions": [4]},
    ],
    ids=str,
)
def test_draws_differ_by_each_part_of_their_key(other):
    first, second = normals([3]).ravel(), normals(**{"positions": [3], **other}).ravel()
    assert not np.isin(first, second).any()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


def test_no_two_pixels_of_neighbouring_images_share_a_draw():
    u = draws(range(200)).uniforms()
    assert len(np.unique(u)) == u.size


def test_uniform_draws_are_the_uniforms_rounded():
    random = draws(range(3))
    np.testing.assert_array_equal(random.uniform(), random.uniforms().astype(np.float32))


def test_draws_are_standard_normal():
    z = normals(range(300)).ravel().astype(np.float64)
    assert stats.kstest(z, "norm").pvalue > 0.01
    pixels = z.reshape(300, 784)
    assert abs(np.corrcoef(pixels[:, :-1].ravel(), pixels[:, 1:].ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(pixels[:-1].ravel(), pixels[1:].ravel())[0, 1]) < 0.01


# -- Gaussian noise ------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.5])
def test_noise_of_1000_images_has_the_analytic_psnr_before_clamping(sigma):
    clean = np.random.default_rng(0).random((1000, *SHAPE), np.float32)
    noisy = Gaussian(sigma).corrupt(clean, draws(range(1000)))
    mse = np.mean((noisy.astype(np.float64) - clean) ** 2)
    assert -10 * math.log10(mse) == pytest.approx(-20 * math.log10(sigma), abs=0.02)


def test_corrupt_adds_sigma_z_and_leaves_the_clean_image():
    clean = np.random.default_rng(0).random((4, *SHAPE), np.float32)
    before, z = clean.copy(), normals(range(4))
    noisy = Gaussian(0.25).corrupt(clean, draws(range(4)))
    np.testing.assert_allclose(noisy, clean.astype(np.float64) + 0.25 * z, atol=1e-6)
    np.testing.assert_array_equal(clean, before)
    assert noisy.dtype == np.float32
    assert noisy.min() < 0
    assert noisy.max() > 1


def test_clip_limits_the_noisy_image_to_0_1_and_changes_nothing_else():
    clean = np.random.default_rng(0).random((4, *SHAPE), np.float32)
    noisy, clipped = (Gaussian(0.5, clip).corrupt(clean, draws(range(4))) for clip in (False, True))
    np.testing.assert_array_equal(clipped, np.minimum(np.maximum(noisy, 0), 1))
    assert (clipped.min(), clipped.max()) == (0, 1)


def test_std_and_sigma_are_the_level_for_every_clean_value():
    noise = Gaussian(0.3)
    assert noise.sigma == pytest.approx(0.3)
    np.testing.assert_allclose(noise.std(np.array([0, 0.2, 1])), [0.3, 0.3, 0.3])


def test_clipping_is_part_of_the_name():
    assert str(Gaussian(0.3)) == "gaussian 0.3"
    assert str(Gaussian(0.3, clip=True)) == "gaussian, clipped 0.3"


def test_each_field_and_the_kind_identify_a_noise():
    assert Gaussian(0.3).as_dict() == {"kind": "gaussian", "level": 0.3, "clip": False}
    assert len({Gaussian(0.3), Gaussian(0.3), Gaussian(0.3, True), Gaussian(0.1)}) == 3


# -- digests -------------------------------------------------------------------------------


def reference_digest(image):
    data = np.asarray(image, "<f4").tobytes()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def test_digests_are_blake2b_of_the_little_endian_pixels():
    images = normals(range(5), (3, 6, 4))
    got = digests(images)
    assert got.dtype == np.uint64
    assert got.tolist() == [reference_digest(image) for image in images]


def test_digests_do_not_depend_on_memory_layout_or_byte_order():
    images = normals(range(4), (1, 6, 4))
    expected = digests(images)
    np.testing.assert_array_equal(digests(np.asfortranarray(images)), expected)
    np.testing.assert_array_equal(digests(images.astype(">f4")), expected)
    np.testing.assert_array_equal(digests(images[::-1])[::-1], expected)


@settings(deadline=None, max_examples=25)
@given(pixel=st.integers(0, 783), up=st.booleans())
def test_one_pixels_last_bit_changes_its_images_digest_only(pixel, up):
    images = normals(range(3))
    changed = images.copy()
    value = changed[1].reshape(-1)[pixel]
    changed[1].reshape(-1)[pixel] = np.nextafter(value, np.float32(np.inf if up else -np.inf))
    np.testing.assert_array_equal(digests(changed) != digests(images), [False, True, False])


# -- how levels are written ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ("0.1", [0.1]),
        ("0.1,25/255", [0.1, 25 / 255]),
        (" 15 / 255 , 0.3 ", [15 / 255, 0.3]),
        ("1e-2", [0.01]),
        (0.3, [0.3]),
        (1, [1.0]),
        ([0.5, 0.1], [0.5, 0.1]),
        (["25/255", 0.1], [25 / 255, 0.1]),
        ((level for level in (0.2, 0.4)), [0.2, 0.4]),
        ("0.3,0.1,0.3,0.30,51/510", [0.3, 0.1]),
        ("10", [10]),
    ],
)
def test_parse_noise_understands(levels, expected):
    noises = parse_noise(levels)
    assert [noise.level for noise in noises] == pytest.approx(expected, rel=1e-15)
    assert all(type(noise) is Gaussian and type(noise.level) is float for noise in noises)


def test_parse_noise_sets_clipping():
    assert [noise.clip for noise in parse_noise("0.1,0.3", clip=True)] == [True, True]


@pytest.mark.parametrize("levels", ["", "   ", [], ()])
def test_parse_noise_refuses_no_level(levels):
    with pytest.raises(UsageError, match="no noise level given"):
        parse_noise(levels)


@pytest.mark.parametrize(
    ("levels", "named"),
    [
        ("loud", "'loud'"),
        ("0.1,loud", "'loud'"),
        ("0.1,,0.3", "''"),
        ("0.1 0.3", "'0.1 0.3'"),
        ("1/0", "'1/0'"),
        ("25/", "'25/'"),
        ("1/2/3", "'1/2/3'"),
        (["0.1", "x/255"], "'x/255'"),
        ("-0.1", "-0.1"),
        ("0", "0"),
        (0, "0"),
        ("0/255", "0/255"),
        ("nan", "nan"),
        (math.nan, "nan"),
        ("inf", "inf"),
        (-math.inf, "-inf"),
        (25, "25"),
    ],
)
def test_parse_noise_refuses_and_names(levels, named):
    with pytest.raises(UsageError, match=r"^noise level ") as refused:
        parse_noise(levels)
    assert str(refused.value).startswith(f"noise level {named} is ")
    assert "25/255" in str(refused.value)


@pytest.mark.parametrize("level", ["1e9", "-25/255", "10.00001"])
def test_a_level_out_of_range_is_refused(level):
    with pytest.raises(UsageError, match="out of range"):
        parse_noise(level)


@pytest.mark.parametrize("level", ["1e9", "-25/255", "10.00001"])
def test_a_level_out_of_range_is_named_as_it_was_written(level):
    with pytest.raises(UsageError) as refused:
        parse_noise(level)
    assert level in str(refused.value).partition(":")[0]


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean gaussian"):
        make_noise("gausian", 0.1)


# -- the noisy test images -----------------------------------------------------------------


def two_groups(sizes, reads=None):
    """Twelve test images in two groups whose positions interleave."""
    rng = np.random.default_rng(0)
    groups = [
        Group(np.arange(start, 12, 2), rng.random((6, 1, *size), np.float32))
        for start, size in enumerate(sizes)
    ]

    def read(split):
        assert split == "test"
        if reads is not None:
            reads.append(split)
        return groups

    return Dataset("made-up", "0", {"test": 12}, read)


def two_shapes(reads=None):
    return two_groups([(8, 8), (5, 9)], reads)


def one_shape(reads=None):
    return two_groups([(8, 8), (8, 8)], reads)


def noisy_images(images, noise=None, limit=None, seed=0):
    return {
        int(position): noisy
        for batch in images.batches(noise or Gaussian(0.3), limit, (seed,))
        for position, noisy in zip(batch.positions, batch.noisy, strict=True)
    }


def test_noisy_images_are_the_clean_ones_under_their_own_draws():
    for batch in NoisyImages(two_shapes()).batches(Gaussian(0.3), None, (4,)):
        z = normals(batch.positions, batch.clean.shape[1:], dataset="made-up", seed=4)
        np.testing.assert_array_equal(batch.noisy, batch.clean + np.float32(0.3) * z)
        np.testing.assert_array_equal(batch.digests, digests(batch.noisy))


@settings(deadline=None, max_examples=15)
@given(limit=st.integers(1, 20))
def test_a_limit_changes_no_pixel(limit):
    images = NoisyImages(two_shapes())
    everything, few = noisy_images(images), noisy_images(images, limit=limit)
    assert sorted(few) == list(range(min(limit, 12)))
    assert images.count(limit) == len(few)
    for position, noisy in few.items():
        np.testing.assert_array_equal(noisy, everything[position])


def test_all_levels_share_their_draws():
    images = NoisyImages(two_shapes())
    low, high = (noisy_images(images, Gaussian(level)) for level in (0.125, 0.5))
    clean = {
        position: image
        for group in two_shapes().groups("test")
        for position, image in zip(group.positions, group.images, strict=True)
    }
    for position, image in clean.items():
        np.testing.assert_allclose(
            4 * (low[position] - image), high[position] - image, rtol=0, atol=2e-6
        )


def test_the_same_request_is_answered_from_memory_and_another_level_reads_nothing():
    reads = []
    images = NoisyImages(one_shape(reads))
    first = noisy_images(images)
    again = noisy_images(images)
    noisy_images(images, Gaussian(0.1))
    assert len(reads) == 1
    for position, noisy in first.items():
        np.testing.assert_array_equal(again[position], noisy)
    assert noisy_images(images, limit=3).keys() == {0, 1, 2}
    assert len(reads) == 2


@pytest.mark.parametrize("change", [{"limit": 5}, {"seed": 1}, {"noise": Gaussian(0.3, True)}])
def test_what_is_kept_is_not_given_to_another_request(change):
    kept = NoisyImages(one_shape())
    noisy_images(kept)
    got, fresh = noisy_images(kept, **change), noisy_images(NoisyImages(one_shape()), **change)
    assert got.keys() == fresh.keys()
    for position in fresh:
        np.testing.assert_array_equal(got[position], fresh[position])


def test_a_pass_that_was_broken_off_or_too_large_leaves_nothing_half_kept(monkeypatch):
    images = NoisyImages(one_shape())
    next(images.batches(Gaussian(0.3), None))
    assert len(noisy_images(images)) == 12

    monkeypatch.setattr("bench.evaluation.noisy_images._KEPT_VALUES", 6 * 64)
    images = NoisyImages(one_shape())
    assert len(noisy_images(images)) == len(noisy_images(images)) == 12


def test_of_several_shapes_one_is_in_memory_at_a_time():
    """When a shape's images are read, no more than those of the last one are still there."""
    alive = []

    def read(split):
        for size in ((8, 8), (5, 9), (7, 7)):
            gc.collect()
            assert sum(ref() is not None for ref in alive) <= 1
            images = np.random.default_rng(0).random((4, 1, *size), np.float32)
            alive.append(weakref.ref(images))
            yield Group(np.arange(4), images)
            del images

    images = NoisyImages(Dataset("made-up", "0", {"test": 12}, read))
    for _ in range(2):
        shapes = []
        for batch in images.batches(Gaussian(0.3), None):
            shapes.append(batch.noisy.shape)
        assert len(shapes) == 3
        del batch
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 1
        alive.clear()
