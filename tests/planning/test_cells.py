"""Settings -> cells: what identifies a result, and in which order results are made."""

import json
from dataclasses import fields, replace

import pytest

from bench.core import Dataset, TrainNoise, UsageError
from bench.noises import make_noise
from bench.planning import notation
from bench.planning.cells import plan
from bench.planning.request import RequestedMethod
from bench.planning.settings import Settings
from bench.plugins import sources

DATA = Dataset("toy", "f00d", {"train": 1000, "validation": 200, "test": 50}, lambda split: [])


def settings(dataset, **values):
    return Settings.checked(dataset=dataset, **values)


def cells(names="median,vae", **values):
    chosen_settings = settings("toy", methods=notation.split_list(names), **values)
    chosen = []
    for text in chosen_settings.methods:
        name, params = notation.parse(text)
        method, regime = sources.load(name), params.pop("train", None)
        chosen.append(RequestedMethod(method, notation.typed_params(method, params), regime))
    return plan(chosen_settings, DATA, chosen)


def test_cells_that_share_noisy_images_are_neighbours():
    order = [(c.noise.level, c.method, c.seed) for c in cells(noise=[0.1, 0.5], seeds=(3, 4))]
    assert order == [
        (0.1, "median", None),
        (0.1, "vae", 3),
        (0.1, "vae", 4),
        (0.5, "median", None),
        (0.5, "vae", 3),
        (0.5, "vae", 4),
    ]


def test_only_what_is_trained_has_a_seed_a_recipe_and_a_training_noise():
    median, vae = cells(noise=0.3)
    assert (median.seed, median.recipe, median.train) == (None, None, None)
    assert (vae.seed, vae.train) == (0, TrainNoise("matched", make_noise("gaussian", 0.3)))
    assert json.loads(vae.recipe)["epochs"] > 0


def test_keys_depend_on_all_that_a_result_depends_on():
    cell = cells("vae", noise=0.3)[0]
    other_noise = make_noise("gaussian", 0.4)
    changes = {
        "dataset": "other", "fingerprint": "beef", "method": "dae", "params": '{"latent":2}',
        "fit_params": '{"latent":2}', "source": "0", "train": TrainNoise("matched", other_noise),
        "noise": other_noise, "seed": 1, "recipe": "{}", "limit": 5, "tune": 7, "quantize": True,
        "noise_seeds": (1,), "split": "validation", "tile": 512,
    }  # fmt: skip
    only_of_some = {"training", "training_fingerprint", "tune_by", "tune_on"}
    assert set(changes) | only_of_some == {field.name for field in fields(cell)}
    keys = {
        replace(cell, **{name: value}).key
        for name, value in changes.items()
        if name != "fit_params"  # the parameters and the code tell
    }
    assert len(keys | {cell.key}) == len(changes)
    fit_keys = {
        name: replace(cell, **{name: value}).fit_key != cell.fit_key
        for name, value in changes.items()
    }
    assert {name for name, changed in fit_keys.items() if not changed} == {
        "params", "noise", "limit", "tune", "quantize", "noise_seeds", "split", "tile",
    }  # fmt: skip


def test_a_key_is_a_fixed_function_of_the_cell():
    # A change of this value orphans every result on disk: raise the protocol's version instead.
    cell = replace(cells("median", noise=0.3)[0], source="0123456789abcdef")
    assert cell.key == "fd689c3a281c9473"


def test_typed_parameters_are_not_tuned():
    assert cells("median", noise=0.3)[0].tune == 200
    assert cells("median[size=5]", noise=0.3)[0].tune == 200
    assert cells("median[size=5,weight=3]", noise=0.3)[0].tune == 0
    assert cells("median", noise=0.3, tune=False)[0].tune == 0
    assert cells("median", noise=0.3, preset="quick")[0].tune == 100
    assert cells("identity", noise=0.3)[0].tune == 0


def test_a_recipe_is_the_presets_with_what_was_asked_for():
    recipe = {**sources.load("vae").recipes["default"], "threads": 1}
    assert json.loads(cells("vae", noise=0.3)[0].recipe) == recipe
    asked = json.loads(cells("vae", noise=0.3, batch_size=100)[0].recipe)
    assert asked == {**recipe, "batch_size": 100}
    paper = json.loads(cells("vae", noise=0.3, preset="paper")[0].recipe)
    assert paper == {"epochs": 100, "batch_size": 64, "lr": 0.001, "threads": 1}
    assert json.loads(cells("dncnn", noise=0.3)[0].recipe)["threads"] == 2
    assert json.loads(cells("dncnn", noise=0.3, threads=3)[0].recipe)["threads"] == 3


def test_epochs_that_were_typed_are_kept_to_however_few_updates_they_make():
    typed = json.loads(cells("vae", noise=0.3, epochs=3)[0].recipe)
    assert typed["epochs"] == 3
    assert "min_updates" not in typed


def test_equal_settings_have_equal_names_and_others_others():
    one = settings("toy", noise="0.1,0.3")
    assert one.folder == settings("toy", noise=[0.1, 0.3]).folder
    others = [
        settings("toy", noise="0.1"),
        settings("toy", noise="0.1,0.3", clip=True),
        settings("toy", noise="0.1,0.3", seeds=(1,)),
        settings("toy", noise="0.1,0.3", methods=("median",)),
        settings("toy", noise="0.1,0.3", quantize=True),
        settings("toy", noise="0.1,0.3", tune=False),
        settings("toy", noise="0.1,0.3", limit=1),
        settings("toy", noise="0.1,0.3", train_noise="blind"),
        settings("toy", noise="0.1,0.3", batch_size=64),
    ]
    assert len({s.folder for s in [one, *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"methods": ()}, "no method"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (-1,)}, "seeds"),
        ({"limit": 0}, "--limit 0"),
        ({"epochs": 0}, "--epochs 0"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"preset": "papr"}, "unknown preset 'papr': did you mean paper"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"noise": []}, "no noise level"),
        ({"train_noise": []}, "no training noise"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        settings("toy", **values)


# -- training noise --------------------------------------------------------------------------


def trained(names, **values):
    return [(c.label, c.noise.level, str(c.train)) for c in cells(names, **values)]


def test_what_learns_is_trained_in_each_way_asked_for():
    assert trained("median,dae", noise=[0.1, 0.3], train_noise="matched, blind,0.20") == [
        ("median", 0.1, "None"),
        ("dae", 0.1, "gaussian 0.1"),
        ("dae[train=blind]", 0.1, "gaussian 0 to 0.3"),
        ("dae[train=0.2]", 0.1, "gaussian 0.2"),
        ("median", 0.3, "None"),
        ("dae", 0.3, "gaussian 0.3"),
        ("dae[train=blind]", 0.3, "gaussian 0 to 0.3"),
        ("dae[train=0.2]", 0.3, "gaussian 0.2"),
    ]


def test_a_methods_own_training_noise_goes_before_the_runs():
    found = trained("dae[train=blind],vae[latent=2,train=matched],vae", noise=0.3, train_noise=0.5)
    assert found == [
        ("dae[train=blind]", 0.3, "gaussian 0 to 0.3"),
        ("vae[latent=2]", 0.3, "gaussian 0.3"),
        ("vae[train=0.5]", 0.3, "gaussian 0.5"),
    ]


def test_the_training_noise_is_clipped_as_the_tests_is():
    found = trained("dae", noise=0.3, clip=True, train_noise=["blind", 0.1])
    assert [noise for *_, noise in found] == ["gaussian, clipped 0 to 0.3", "gaussian, clipped 0.1"]


def test_a_training_asked_for_in_two_ways_is_one_cell():
    found = trained(
        "dae,dae[train=matched],dae[train=blind]", noise=0.3, train_noise="blind,matched"
    )
    assert [label for label, *_ in found] == ["dae[train=blind]", "dae"]
    assert settings("toy", train_noise="0.3,0.30,matched,matched").train_noise == (
        "0.3",
        "matched",
    )


def test_cells_share_what_was_trained_alike():
    found = cells("dae", noise=[0.1, 0.3], train_noise="matched,blind,0.3")
    assert len({cell.key for cell in found}) == 6
    key = {(cell.train.regime, cell.noise.level): cell.fit_key for cell in found}
    assert key["blind", 0.1] == key["blind", 0.3]
    assert key["0.3", 0.1] == key["0.3", 0.3] == key["matched", 0.3]
    assert len(set(key.values())) == 3


def test_a_level_that_has_no_short_form_is_the_one_tested():
    matched, asked = cells("dae", noise="25/255", train_noise="matched,25/255")
    assert asked.label == "dae[train=25/255]"
    assert asked.fit_key == matched.fit_key


def test_parameters_of_inference_alone_share_a_training():
    found = cells("vae,vae[samples=4],vae[latent=2]", noise=0.3)
    assert len({cell.key for cell in found}) == 3
    default, sampled, other = (cell.fit_key for cell in found)
    assert default == sampled != other


@pytest.mark.parametrize("level", ["bling", "", "matched,", "-1", "0", "nan", "inf", "1e9", "1/0"])
def test_a_training_noise_that_is_none_is_refused(level):
    with pytest.raises(UsageError, match="noise"):
        settings("toy", train_noise=level)


def test_what_it_is_tuned_by_counts_where_something_is_tuned():
    median = cells("median", noise=0.3)[0]
    assert median.tune
    assert replace(median, tune_by="ssim").key != median.key == replace(median, tune_by="psnr").key
    untuned = replace(median, tune=0)
    assert replace(untuned, tune_by="ssim").key == untuned.key
