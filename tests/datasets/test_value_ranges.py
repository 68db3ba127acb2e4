"""What stored values mean: stated or the format's, never guessed, and held to what is found."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench import datasets, open_run
from bench.core import DataError, Range, UsageError
from bench.core.value_range import UNIT_RANGE
from bench.datasets.value_scale import Extremes, Found, ValueScale

RNG = np.random.default_rng(24)
TWELVE = RNG.integers(0, 4096, (20, 24)).astype(np.uint16)
TWELVE[0, 0] = 4095


def load(folder, stated=None, form="folder"):
    return datasets.load(f"{form}:{folder}", Path("nowhere"), stated=stated)


def only(dataset, split="test"):
    """The images of a split, one by one, in their order."""
    found = {}
    for group in dataset.groups(split):
        found |= dict(zip(group.positions.tolist(), group.images, strict=True))
    return [found[position] for position in sorted(found)]


def folder_of(tmp_path, **arrays):
    """A folder of files, of a suffix by type: PNG of 8 bits, TIFF of 16, npy of all else."""
    folder = tmp_path / "own"
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        if array.dtype == np.uint8:
            Image.fromarray(array).save(folder / f"{name}.png")
        elif array.dtype == np.uint16:
            tifffile.imwrite(folder / f"{name}.tif", array)
        else:
            np.save(folder / f"{name}.npy", array)
    return folder


def describe(folder, text):
    (folder / "dataset.toml").write_text(text)
    return folder


@pytest.mark.parametrize("kind", ["i4", "u4", "i8", "u8", "f8"])
def test_values_far_from_0_keep_their_differences(kind):
    far = Range(1e9, 1e9 + 4095)
    values = np.array([0, 1, 33, 64, 4095])
    np.testing.assert_array_equal(
        far.scaled((values + 10**9).astype(kind)), (values / 4095).astype(np.float32)
    )


def test_a_float32_far_from_0_is_subtracted_from_exactly():
    low = 16777217.0  # no float32
    scaled = Range(low, low + 4095).scaled(np.float32([16777218, 16777220]))
    np.testing.assert_array_equal(scaled, np.float32([1 / 4095, 3 / 4095]))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float16])
@pytest.mark.parametrize("stated", [Range(0, 4095), Range(0, 255), Range(0.1, 0.7)])
def test_up_to_16_bits_values_are_divided_in_float32_as_those_of_published_sets(kind, stated):
    values = np.arange(100).astype(kind)
    expected = (values.astype(np.float32) - np.float32(stated.low)) / np.float32(
        stated.high - stated.low
    )
    np.testing.assert_array_equal(stated.scaled(values), expected)


def test_a_range_that_is_stated_is_0_and_1_in_whichever_way_it_is_stated(tmp_path):
    folder = folder_of(tmp_path, a=TWELVE)
    typed = load(folder, Range(0, 4095))
    describe(folder, 'range = [0, 4095]\nunit = "counts"\n')
    written = load(folder)
    both = load(folder, Range(0, 4095))
    np.testing.assert_allclose(only(typed)[0][0], TWELVE / 4095, atol=1e-7)
    np.testing.assert_array_equal(only(written)[0], only(typed)[0])
    assert typed.range == Range(0, 4095)
    assert written.range == both.range == Range(0, 4095, "counts")
    assert typed.fingerprint == written.fingerprint == both.fingerprint
    assert typed.warnings == written.warnings == ()
    assert load(folder, written.range).range == written.range  # as a manifest opens it again
    with pytest.raises(UsageError, match=r"--range 0,1023: .*dataset\.toml says 0 to 4095; leave"):
        load(folder, Range(0, 1023))


def test_a_range_is_part_of_the_fingerprint_unless_it_is_the_formats_own(tmp_path):
    folder = folder_of(tmp_path, a=TWELVE)
    usual = load(folder)
    assert usual.range == Range(0, 65535)
    same = load(folder, Range(0, 65535))
    assert (same.fingerprint, same.range) == (usual.fingerprint, usual.range)
    others = [load(folder, Range(*sides)).fingerprint for sides in ((0, 4095), (0, 5000))]
    unclamped = load(folder, Range(0, 4095, clamp=False)).fingerprint
    assert len({usual.fingerprint, unclamped, *others}) == 4


def test_eight_bits_need_no_range_and_may_have_one(tmp_path):
    bits = RNG.integers(0, 2, (20, 24)).astype(bool)
    folder = folder_of(tmp_path, a=RNG.integers(16, 236, (20, 24)).astype(np.uint8))
    Image.fromarray(bits).save(folder / "b.png")
    usual = load(folder)
    assert usual.range == UNIT_RANGE
    for stated in (Range(0, 255), UNIT_RANGE):
        again = load(folder, stated)
        assert (again.fingerprint, again.range) == (usual.fingerprint, UNIT_RANGE)
    video = load(folder, Range(16, 235))
    grey = np.asarray(Image.open(folder / "a.png"), np.float64)
    np.testing.assert_allclose(only(video)[0][0], (grey - 16) / 219, atol=1e-6)
    np.testing.assert_array_equal(only(video)[1][0], bits)  # black and white are what they are


def test_16_bits_that_are_hardly_used_are_loudly_warned_of(tmp_path, bench):
    folder = folder_of(tmp_path, a=TWELVE, b=TWELVE // 2)
    (line,) = load(folder).warnings
    assert "the greatest value of all is 4095 (in a.tif), as of 12 bits" in line
    assert "--range LOW,HIGH, or as range = [LOW, HIGH] in" in line
    assert line.endswith("the values of black and white")
    # Whatever is run, and in its report.
    arguments = ("run", "--noise", "0.1", "--methods", "identity", "--dataset", f"folder:{folder}")
    result = bench(*arguments, "--name", "r")
    assert result.code == 0
    assert line in result.err
    assert any("as of 12 bits" in note for note in open_run("results/r").manifest.notes)
    result = bench(*arguments, "--range", "0,4095", "--name", "s")
    assert result.code == 0
    assert "bits" not in result.err
    recorded = open_run("results/s").manifest.dataset.range
    assert (recorded.low, recorded.high) == (0, 4095)


def test_a_quarter_used_is_no_cause_for_a_warning(tmp_path):
    assert load(folder_of(tmp_path, a=TWELVE * 4 + 4)).warnings == ()  # up to 16384
    (line,) = load(folder_of(tmp_path, a=TWELVE * 4 + 3)).warnings
    assert "16383 (in a.tif)" in line


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.uint32])
def test_values_that_say_nothing_of_white_are_refused_with_what_was_found(tmp_path, dtype, fails):
    dim, bright = (TWELVE / 2).astype(dtype), TWELVE.astype(dtype)
    dim[3, 3] = 0
    folder = folder_of(tmp_path, bright=bright, dim=dim)
    line = fails("run", "--dataset", f"folder:{folder}", code=2)
    assert "the least is 0 (in " in line
    assert "the greatest 4095 (in bright.npy)" in line
    assert "as --range LOW,HIGH, or as range = [LOW, HIGH] in" in line  # no numbers to paste
    image = only(load(folder, Range(0, 4095)))[0][0]
    np.testing.assert_allclose(image, TWELVE / 4095, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_a_range_far_too_wide_is_warned_of_or_refused(tmp_path, dtype):
    values = np.linspace(0, 200, 400).reshape(20, 20).astype(dtype)
    folder = folder_of(tmp_path, a=values)
    (line,) = load(folder, Range(-1000, 255)).warnings
    assert "from 0 (in a." in line
    assert "to 200 (in a." in line
    assert "less than a quarter of the range -1000 to 255" in line
    assert load(folder, Range(-500, 255)).warnings == ()
    describe(folder, "range = [0, 100000]")
    if dtype in (np.uint8, np.uint16):
        with pytest.raises(UsageError, match=r"bits is more than (255|65535), and the range 0 to"):
            load(folder)
    else:
        assert "less than a quarter of the range 0 to 100000" in load(folder).warnings[0]


def test_an_array_that_leaves_its_range_is_not_told_of_dataset_toml():
    scale = ValueScale("the array", None, Range(0, 1), frozenset({None}))
    with pytest.raises(DataError, match=r"state the range that they have$"):
        scale.check([Found(Path("test image 0"), Extremes(0, 2), noisy=False)])
    with pytest.raises(UsageError, match=r"--range LOW,HIGH, or in Python as range=\(LOW, HIGH\)"):
        ValueScale("the array", None, None, frozenset({None})).check(
            [Found(Path("test image 0"), Extremes(-0.3, 1.2), noisy=True)]
        )


def test_a_run_on_floats_from_0_to_1_finds_its_images_again(tmp_path, bench):
    folder = folder_of(tmp_path, a=RNG.random((16, 16)).astype(np.float32))
    arguments = ("run", "--dataset", f"folder:{folder}", "--range", "0,1", "--noise", "0.1")
    assert bench(*arguments, "--methods", "identity", "--name", "r").code == 0
    scored = bench("score", "results/r", "--metrics", "mae", "--dataset", f"folder:{folder}")
    assert scored.code == 0, scored.err


def test_a_range_that_clips_is_refused_unless_values_may_leave_it(tmp_path):
    folder = folder_of(tmp_path, a=TWELVE, b=TWELVE // 8)
    with pytest.raises(DataError, match=r"a\.tif holds values from \d+ to 4095, outside the range"):
        load(folder, Range(0, 1023))
    describe(folder, "range = [0, 1023]\nclamp = false\n")
    assert only(load(folder))[0].max() == pytest.approx(4095 / 1023)


def test_mixed_depths_are_refused_unless_a_range_is_of_both(tmp_path):
    eight = (TWELVE // 16).astype(np.uint8)
    folder = folder_of(tmp_path, a=eight, b=TWELVE)
    with pytest.raises(DataError, match=r"a\.png white is 255 and of b\.tif 65535: store all"):
        load(folder)
    first, second = only(load(folder, Range(0, 4095)))
    np.testing.assert_allclose(first[0], eight / 4095, atol=1e-6)
    np.testing.assert_allclose(second[0], TWELVE / 4095, atol=1e-6)
    folder_of(tmp_path, c=TWELVE.astype(np.float32))
    with pytest.raises(DataError, match=r"a\.png holds whole numbers and c\.npy floating-point"):
        load(folder, Range(0, 4095))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_image_with_what_is_no_number_is_left_out_by_name(tmp_path, wrong):
    good = RNG.random((8, 9)).astype(np.float32)
    bad = good.copy()
    bad[2, 3] = wrong
    folder = folder_of(tmp_path, a=good, b=bad)
    dataset = load(folder, Range(0, 1))
    assert dataset.sizes["test"] == 1
    assert dataset.left_out == ("b.npy is left out: 1 of its values are NaN or infinite",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rnage = [0, 1]", "unknown key 'rnage': did you mean range?"),
        ("range = 4095", "range is the stored values of black and white, as [0, 4095]; not 4095"),
        ("range = [0, true]", "range is the stored values"),
        ("range = [4095, 0]", "range 4095,0: give the least and the greatest value"),
        ("range = [0, inf]", "range 0,inf: give"),
        ("range = [0, 1]\nclamp = 1", "clamp is true or false; not 1"),
        ("clamp = false", "unit and clamp are of a range: state it"),
        ("group = '(a)(b)'", "group is a regular expression with one group"),
        ("group = '('", "group is a regular expression with one group"),
        ("validation = -1", "validation is how many units are held out for tuning"),
        ("validation = 2", "2 units are to be held out of 2"),
        ("group = '^x(.*)'", "group '^x(.*)' does not match a.tif, so its unit is open"),
        ("range = [", "is no TOML"),
    ],
)
def test_what_dataset_toml_cannot_say_is_one_line(tmp_path, text, message):
    folder = describe(folder_of(tmp_path, a=TWELVE, b=TWELVE), text)
    with pytest.raises(DataError) as refused:
        load(folder)
    assert message in str(refused.value)
    assert "dataset.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


# -- units -----------------------------------------------------------------------------------


def test_pages_of_a_file_are_images_of_one_unit(tmp_path):
    stack = RNG.integers(0, 65536, (3, 10, 12)).astype(np.uint16)
    folder = folder_of(tmp_path, a=stack[0], c=stack[2])
    tifffile.imwrite(folder / "b.tif", stack, photometric="minisblack")
    dataset = load(folder)
    assert dataset.sizes["test"] == 5
    assert dataset.units("test").tolist() == [0, 1, 1, 1, 2]
    np.testing.assert_allclose(
        np.concatenate(only(dataset)), [stack[0], *stack, stack[2]] / np.float64(65535), atol=1e-6
    )
    (folder / "b.tif").unlink()
    assert load(folder).units is None  # each is one by itself


def test_names_tell_units_which_no_split_cuts_in_two(tmp_path):
    names = [f"p{patient:02}_{image}" for patient in range(10) for image in range(3)]
    images = {name: RNG.integers(0, 256, (8, 8), np.uint8) for name in names}
    folder = folder_of(tmp_path, **images)
    single = load(folder)
    describe(folder, "group = '^(p\\d+)_'")
    grouped = load(folder)
    assert grouped.units("test").tolist() == [patient for patient in range(10) for _ in range(3)]
    assert grouped.fingerprint != single.fingerprint  # its intervals are others
    describe(folder, "group = '^(p\\d+)_'\nvalidation = 2\ntrain = 3")
    split = load(folder)
    assert split.sizes == {"train": 9, "validation": 6, "test": 15}
    for part, units in (("train", 3), ("validation", 2), ("test", 5)):
        assert split.units(part).tolist() == [unit for unit in range(units) for _ in range(3)]
    # Spread over all names, in their order; each image in one split.
    found = [image.tobytes() for part in split.sizes for image in only(split, part)]
    assert sorted(found) == sorted((images[n] / np.float32(255)).tobytes() for n in names)
    held_out = [image.tobytes() for image in only(split, "validation")]
    assert held_out == [
        (images[f"p{patient:02}_{image}"] / np.float32(255)).tobytes()
        for patient in (2, 7)
        for image in range(3)
    ]


def test_a_unit_in_two_folders_of_splits_is_refused(tmp_path):
    top = tmp_path / "set"
    for split, name in (("train", "a_1"), ("test", "a_2")):
        (top / split).mkdir(parents=True)
        tifffile.imwrite(top / split / f"{name}.tif", TWELVE)
    describe(top, "group = '(.)_'")
    with pytest.raises(DataError, match=r"a_1\.tif \(train\) and a_2\.tif \(test\) are"):
        load(top)
    describe(top, "validation = 1")
    with pytest.raises(DataError, match="leave these keys out"):
        load(top)


def test_units_are_those_of_the_data_set_that_the_images_are_of(tmp_path):
    images = {f"p{index // 2}_{index}": np.full((8, 8), index, np.uint8) for index in range(8)}
    grouped = describe(
        folder_of(tmp_path, **images), "group = '^(p\\d)'\ntrain = 1\nvalidation = 1"
    )
    other = tmp_path / "plain"
    for split, names in (("train", "ab"), ("val", "cde"), ("test", "fgh")):
        (other / split).mkdir(parents=True)
        for name in names:
            Image.fromarray(np.full((8, 8), 99, np.uint8)).save(other / split / f"{name}.png")
    one, two = load(grouped), load(other)
    assert datasets.with_training(one, two).units("validation").tolist() == [0, 1, 2]
    assert datasets.with_training(one, two).units("test").tolist() == [0, 0, 1, 1]
    assert datasets.with_training(two, one).units("validation").tolist() == [0, 0]
    assert datasets.with_training(two, one).units("test").tolist() == [0, 1, 2]
    assert datasets.with_training(two, two).units is None
