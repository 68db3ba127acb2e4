"""Thresholds: what is understood of a file, and what its entries match."""

import pandas as pd
import pytest
from judged_runs import GOOD, frame, judged, parse

from bench.core import UsageError
from bench.gate import Threshold


def test_every_key_of_an_entry_is_read():
    text = (
        '[[threshold]]\nmethod = "vae"\ndataset = "mnist"\nnoise = "gaussian"\nlevel = 0.3\n'
        'metric = "images_per_second"\nmin = 1\nmax = 2.5\nrelative_to = "median"\n'
        'made_from = "a run"\nimages = 400\nseeds = 4\npreset = "quick"\n'
    )
    assert parse(text, "limits.toml") == [
        Threshold(
            "images_per_second", method="vae", dataset="mnist", noise="gaussian", level=0.3,
            min=1.0, max=2.5, relative_to="median", made_from="a run", images=400, seeds=4,
            preset="quick",
        )
    ]  # fmt: skip


def test_the_limits_of_a_written_file_may_be_whole_numbers_or_not():
    text = GOOD.replace("10", "1_000") + GOOD.replace("10", "1e1") + GOOD.replace("10", "-0.5")
    assert [threshold.min for threshold in parse(text, "limits.toml")] == [1000.0, 10.0, -0.5]


def test_a_file_without_entries_is_no_error():
    assert parse("# nothing yet\n", "limits.toml") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[threshold]", "limits.toml is not valid TOML"),
        ("min = 1\nmin = 2", "limits.toml is not valid TOML"),
        (f"min = {'[' * 20_000}", "limits.toml is not valid TOML"),
        (f"min = {'{a=' * 20_000}", "limits.toml is not valid TOML"),
        (f"{GOOD}max = 1{'0' * 5000}", "limits.toml is not valid TOML"),
        ('[threshold]\nmetric = "psnr"\nmin = 1', "double brackets"),
        ("threshold = 3", "double brackets"),
        ("threshold = [1, 2]", "double brackets"),
        ("[[thresholds]]\nmin = 1", "unknown entry 'thresholds'"),
        ("min = 3\n" + GOOD, "unknown entry 'min'"),
        ("worst = -3\n" + GOOD, "worst is a drop in dB, and not below 0"),
        ("worst = nan\n" + GOOD, "worst is a finite number"),
    ],
)
def test_a_file_that_is_no_list_of_thresholds_is_named(text, message):
    with pytest.raises(UsageError) as caught:
        parse(text, "limits.toml")
    line = str(caught.value)
    assert line.startswith("limits.toml")
    assert message in line
    assert "\n" not in line


HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('metric = "psnr"\nmn = 1', "unknown key 'mn': did you mean min"),
        ('metric = "psnr"\nmin = 1\nmetod = "vae"', "unknown key 'metod': did you mean method"),
        ("min = 1", "metric is missing: give one of the run's, such as psnr, or images_per_second"),
        ('metric = ""\nmin = 1', "metric is missing"),
        ("metric = 3\nmin = 1", "metric is a text"),
        ('metric = "psnr"\nmin = 1\nmethod = ["vae"]', "method is a text"),
        ('metric = "psnr"\nmin = 1\ndataset = 1', "dataset is a text"),
        ('metric = "psnr"\nmin = 1\nmade_from = true', "made_from is a text"),
        ('metric = "psnr"', "there is neither min nor max"),
        ('metric = "psnr"\nmin = 1\nimages = 0', "images is a whole number from 1 on"),
        ('metric = "psnr"\nmin = 1\nseeds = "4"', "seeds is a whole number from 1 on"),
        ('metric = "psnr"\nmin = 1\npreset = 4', "preset is a text"),
        ('metric = "psnr"\nmin = 2\nmax = 1', "min 2 is over max 1"),
        ('metric = "psnr"\nmin = nan', "min is a finite number"),
        ('metric = "psnr"\nmax = inf', "max is a finite number"),
        ('metric = "psnr"\nmin = -inf', "min is a finite number"),
        ('metric = "psnr"\nmin = true', "min is a finite number"),
        ('metric = "psnr"\nmin = "1"', "min is a finite number"),
        (f'metric = "psnr"\nmin = {HUGE}', "min is a finite number"),
        ('metric = "psnr"\nmin = 1\nlevel = true', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = [0.3]', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = 2020-01-01', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = "loud"', "noise level 'loud' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = "0.1,0.3"', "noise level '0.1,0.3' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = "25/0"', "noise level '25/0' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = 0', "noise level 0 is out of range"),
        ('metric = "psnr"\nmin = 1\nlevel = nan', "level is a finite number"),
        (f'metric = "psnr"\nmin = 1\nlevel = {HUGE}', "level is a finite number"),
        ('metric = "images_per_second"\nmin = 1', "say relative_to which method"),
        ('metric = "psnr"\nmin = 1\nrelative_to = "vae"', "relative_to is for images_per_second"),
    ],
)
def test_an_entry_that_is_not_understood_is_named_by_file_and_number(entry, message):
    with pytest.raises(UsageError) as caught:
        parse(f"{GOOD}[[threshold]]\n{entry}\n", "limits.toml")
    line = str(caught.value)
    assert line.startswith("limits.toml, threshold 2: ")
    assert message in line
    assert "\n" not in line


POINT = {"dataset": "mnist", "label": "vae[latent=5]", "noise": "gaussian", "level": 0.3}
FLAT = 'metric = "psnr"\nmin = 1'


@pytest.mark.parametrize(
    ("keys", "matches"),
    [
        ("", True),
        ('method = "*"\ndataset = "*"\nnoise = "*"\nlevel = "*"', True),
        ('method = "vae"', False),
        ('method = "vae*"', True),
        ('method = "*latent*"', True),
        ('method = "vae[latent=5]"', True),
        ('method = "vae[latent=?]"', True),
        ('method = "vae?latent=5?"', True),
        ('method = "vae[latent=]"', False),
        ('method = "va[e]*"', False),
        ('method = "VAE*"', False),
        ('method = "vae.latent=5."', False),
        ('method = "vae*"\ndataset = "digits"', False),
        ('dataset = "m*"', True),
        ('noise = "gaussian"', True),
        ('noise = "gaussian, clipped"', False),
        ("level = 0.3", True),
        ('level = "0.3"', True),
        ('level = "76.5/255"', True),
        ("level = 0.31", False),
        ("level = 3", False),
    ],
)
def test_what_an_entry_matches(keys, matches):
    (threshold,) = parse(f"[[threshold]]\n{keys}\n{FLAT}\n", "limits.toml")
    assert threshold.matches(**POINT) is matches


@pytest.mark.parametrize("level", ['"25/255"', "0.09803921568627451", "0.0980392156863"])
def test_a_level_typed_as_a_fraction_is_the_level_of_the_run(level):
    (threshold,) = parse(f"[[threshold]]\nlevel = {level}\n{FLAT}\n", "limits.toml")
    assert threshold.matches("toy", "median", "gaussian", 25 / 255)
    assert not threshold.matches("toy", "median", "gaussian", 26 / 255)


def test_clipped_noise_is_another_noise():
    records = pd.concat([frame([1.0, 3.0]), frame([5.0, 7.0], clip=True)])
    values = {
        noise: [
            judgement.value for judgement in judged(Threshold("psnr", noise=noise, min=0), records)
        ]
        for noise in ("gaussian", "gaussian, clipped", "gaussian*")
    }
    assert values == {"gaussian": [2.0], "gaussian, clipped": [6.0], "gaussian*": [2.0, 6.0]}
