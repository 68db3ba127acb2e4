"""Settings -> cells: what identifies a result, and in which order results are made."""

import json
from dataclasses import replace

import pytest

from bench import plan, registry, spec
from bench.core import Dataset, UsageError
from bench.noise import make_noise

DATA = Dataset("toy", "f00d", {"train": 1000, "validation": 200, "test": 50}, lambda split: [])


def cells(names="median,vae", **values):
    settings = plan.settings("toy", methods=spec.split_list(names), **values)
    chosen = []
    for text in settings.methods:
        name, params = spec.parse(text)
        method = registry.load(name)
        chosen.append((method, spec.typed_params(method, params)))
    return plan.plan(settings, DATA, chosen)


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
    assert (vae.seed, vae.train) == (0, make_noise("gaussian", 0.3))
    assert json.loads(vae.recipe)["epochs"] > 0


def test_keys_depend_on_all_that_a_result_depends_on():
    cell = cells("vae", noise=0.3)[0]
    other_noise = make_noise("gaussian", 0.4)
    changes = {
        "dataset": "other", "fingerprint": "beef", "method": "dae", "params": '{"latent":2}',
        "source": "0", "train": other_noise, "noise": other_noise, "seed": 1, "recipe": "{}",
        "limit": 5, "tune": 7, "quantize": True, "noise_seed": 1,
    }  # fmt: skip
    assert set(changes) == set(cell.as_dict())
    keys = {replace(cell, **{name: value}).key for name, value in changes.items()}
    assert len(keys | {cell.key}) == len(changes) + 1
    fit_keys = {
        name: replace(cell, **{name: value}).fit_key != cell.fit_key
        for name, value in changes.items()
    }
    assert {name for name, changed in fit_keys.items() if not changed} == {
        "noise", "limit", "tune", "quantize", "noise_seed",
    }  # fmt: skip


def test_a_key_is_a_fixed_function_of_the_cell():
    # A change of this value orphans every result on disk: raise the protocol's version instead.
    cell = replace(cells("median", noise=0.3)[0], source="0123456789abcdef")
    assert cell.key == "e65d956e19fc0774"


def test_typed_parameters_are_not_tuned():
    assert cells("median", noise=0.3)[0].tune == 200
    assert cells("median[size=5]", noise=0.3)[0].tune == 0
    assert cells("median", noise=0.3, tune=False)[0].tune == 0
    assert cells("median", noise=0.3, preset="quick")[0].tune == 100
    assert cells("identity", noise=0.3)[0].tune == 0


def test_epochs_are_the_presets_but_small_sets_get_enough_updates():
    recipe = registry.load("vae").recipes["quick"]
    resolved = json.loads(cells("vae", noise=0.3, preset="quick")[0].recipe)
    updates = -(-1000 // recipe["batch_size"])
    assert resolved["epochs"] * updates >= recipe["min_updates"]
    assert (resolved["epochs"] - 1) * updates < recipe["min_updates"]
    assert "min_updates" not in resolved
    paper = json.loads(cells("vae", noise=0.3, preset="paper")[0].recipe)
    assert paper == {"epochs": 100, "batch_size": 64, "lr": 0.001}
    assert json.loads(cells("vae", noise=0.3, epochs=3)[0].recipe)["epochs"] == 3


def test_equal_settings_have_equal_names_and_others_others():
    one = plan.settings("toy", noise="0.1,0.3")
    assert one.default_name == plan.settings("toy", noise=[0.1, 0.3]).default_name
    others = [
        plan.settings("toy", noise="0.1"),
        plan.settings("toy", noise="0.1,0.3", clip=True),
        plan.settings("toy", noise="0.1,0.3", seeds=(1,)),
        plan.settings("toy", noise="0.1,0.3", methods=("median",)),
        plan.settings("toy", noise="0.1,0.3", quantize=True),
        plan.settings("toy", noise="0.1,0.3", tune=False),
        plan.settings("toy", noise="0.1,0.3", limit=1),
    ]
    assert len({s.default_name for s in [one, *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"methods": ()}, "no method"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (-1,)}, "seeds"),
        ({"limit": 0}, "--limit 0"),
        ({"epochs": 0}, "--epochs 0"),
        ({"preset": "papr"}, "unknown preset 'papr': did you mean paper"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
        ({"noise": []}, "no noise level"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        plan.settings("toy", **values)
