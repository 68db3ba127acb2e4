"""Cells -> records: what a record holds, and what becomes of methods that misbehave."""

import json
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.noises import ImageDraws, make_noise
from bench.plugins import sources

GOOD = '"""Do nothing."""\n    return noisy'


@pytest.fixture
def run(plugins, tmp_path):
    """Runs the named plugins, then the identity, on a few digits."""

    def call(*names, **values):
        values = {"noise": 0.3, "limit": 20, "out": tmp_path / "results", **values}
        return bench.run("digits", methods=[*names, "identity"], **values)

    return call


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return noisy[:, :, 1:]", "returned shape (1, 1, 27, 28) for input of shape"),
        ("return noisy.astype(float)", "float64, not float32"),
        ("return noisy * np.nan", "NaN or infinity in 1 of 1 images"),
        ("return noisy.tolist()", "list, not a NumPy array"),
        ("return None", "NoneType, not a NumPy array"),
        (
            "return np.ma.masked_less(noisy, 0)",
            "a MaskedArray, not a plain NumPy array: give its values",
        ),
        ("raise ValueError('it is\\nbroken')", "ValueError: it is broken (bad.py, line 6)"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)
def test_a_method_that_misbehaves_fails_alone_and_says_why(plugins, run, body, reason):
    plugins("bad", f"@method()\ndef bad(noisy):\n    {body}")
    cells = run("bad").cells().set_index("method")
    assert cells.loc["bad", "status"] == "failed"
    assert reason in cells.loc["bad", "reason"]
    assert "\n" not in cells.loc["bad", "reason"]
    assert cells.loc["identity", "status"] == "done"


def test_unsupported_input_is_skipped_with_the_reason(plugins, run):
    plugins("picky", "@method()\ndef picky(noisy):\n    raise Unsupported('RGB only')")
    cells = run("picky").cells().set_index("method")
    assert tuple(cells.loc["picky", ["status", "reason"]]) == ("skipped", "RGB only")


def test_a_method_that_fails_late_leaves_no_rows(plugins, run):
    plugins(
        "late",
        "CALLS = []\n@method()\ndef late(noisy):\n    CALLS.append(1)\n"
        "    return noisy if len(CALLS) < 2 else None",
    )
    result = run("late")
    assert set(result.records()["method"]) == {"identity"}


def test_a_method_that_fails_as_it_was_tuned_says_how_that_was(plugins, run):
    plugins(
        "late",
        'SEEN = []\n@method(tune={"eps": (0.0, 1.0)})\ndef late(noisy, *, eps=1.0):\n'
        "    SEEN.append(len(noisy))\n"
        "    return noisy if sum(SEEN) <= 2 * 200 else None",  # as many as are tuned on
    )
    cells = run("late").cells().set_index("method")
    assert cells.loc["late", "status"] == "failed"
    assert cells.loc["late", "reason"].endswith("not a NumPy array, tuned to eps=0.0")


def test_a_method_that_writes_into_its_input_fails_and_harms_nobody(plugins, run):
    plugins("rude", f"@method()\ndef rude(noisy):\n    noisy[:] = 0\n    {GOOD}")
    result = run("rude")
    cells = result.cells().set_index("method")
    assert cells.loc["rude", "status"] == "failed"
    assert "denoise changed its input: work on a copy" in cells.loc["rude", "reason"]
    assert result.records()["psnr"].mean() == pytest.approx(12.76, abs=0.3)


def test_records_hold_the_scores_of_the_very_test_images(run):
    from bench import metrics
    from bench.datasets import data_folder, load

    result = run("median[size=3]")
    group = next(load("digits", data_folder()).groups("test", 20))
    noise = make_noise("gaussian", 0.3)
    noisy = noise.corrupt(group.images, ImageDraws(group.positions, (1, 28, 28), "digits", "test"))
    restored = sources.load("median").create({"size": 3}).denoise(noisy, noise)
    mse = metrics.mse(group.images, restored.clip(0, 1))
    records = result.records().query("method == 'median'")
    assert list(records["image"]) == list(range(20))
    np.testing.assert_allclose(records["mse"], mse, rtol=1e-5)
    np.testing.assert_allclose(
        records["psnr"], metrics.psnr(group.images, restored.clip(0, 1)), atol=1e-4
    )
    np.testing.assert_allclose(
        records["ssim"], metrics.ssim(group.images, restored.clip(0, 1)), atol=1e-6
    )


def test_quantized_outputs_are_rounded_to_eight_bits(plugins, run):
    plugins("flat", "@method()\ndef flat(noisy):\n    return np.full_like(noisy, 0.5)")
    samples = []
    for quantize in (False, True):
        result = run("flat", quantize=quantize)
        key = result.cells().set_index("method").loc["flat", "key"]
        samples.append(result.samples(key)["restored"][0])
    assert np.unique(samples[0]) == [0.5]
    assert np.unique(samples[1]) == [np.float32(128 / 255)]


def test_cells_hold_times_sizes_and_conditions(run):
    result = run("median")
    cell = result.cells().set_index("method").loc["median"]
    assert json.loads(cell["chosen"])["size"] in (1, 3, 5, 7)
    assert json.loads(cell["chosen"])["weight"] in (1, 3, 5, 7)
    assert cell["chosen_score"] > 15
    assert cell["tune_seconds"] > 0
    assert cell["images_per_second"] > 0
    assert cell["parameters"] == 0
    meta = next(m for m in result.metadata() if m.cell.method == "median")
    assert meta.conditions.batch_size == 20
    assert meta.conditions.jobs == 1
    assert meta.conditions.load >= 0
    assert meta.conditions.cores_used > 0
    assert meta.conditions.calls == 5  # one would do, and says nothing of the spread
    low, middle, high = meta.conditions.seconds_per_image
    assert low <= middle <= high
    assert cell["images_per_second"] == pytest.approx(1 / middle)
    assert len(meta.trials) == 4 * 4
    assert max(score for _, score in meta.trials) == pytest.approx(cell["chosen_score"])


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux measures growth")
def test_memory_is_what_a_call_takes_and_not_what_is_there_before(plugins, run):
    plugins(
        "greedy",
        "KEPT = []\n@method()\ndef greedy(noisy):\n"
        "    if not KEPT:\n        KEPT.append(np.ones(2**24))\n"  # 128 MiB, as a library it loads
        "    np.ones(2**23)\n    return noisy",  # 64 MiB
    )
    growth = run("greedy").cells().set_index("method")["memory_growth_bytes"] / 2**20
    assert 60 < growth["greedy"] < 100
    assert growth["identity"] < 8


def test_libraries_of_a_method_keep_to_the_threads_that_are_recorded(plugins, run):
    plugins(
        "deep",
        "@method()\ndef deep(noisy):\n    import torch\n"
        "    from threadpoolctl import threadpool_info\n"
        "    used = {pool['num_threads'] for pool in threadpool_info()}\n"
        "    raise Unsupported(str(sorted(used | {torch.get_num_threads()})))",
    )
    result = run("deep", threads=3)
    assert result.cells().set_index("method").loc["deep", "reason"] == "[3]"
    (identity,) = (m for m in result.metadata() if m.cell.method == "identity")
    assert identity.conditions.threads == 3


MEAN = """
@method(random=False, tune={{"weight": (0.0, 0.3, 1.0)}})
class Mean:
    \"\"\"Blend with the mean training image.\"\"\"
    weight: float = 0.5
    def fit(self, train, noise, seed):
        assert seed is None
        self.mean = train.mean(axis=0).astype("float32") {change}
        (open({log!r}, "a")).write("fit\\n")
    def denoise(self, noisy, noise):
        return ((1 - self.weight) * noisy + self.weight * self.mean).astype("float32")
    def state(self): return {{"mean": self.mean}}
    def load(self, arrays): self.mean = arrays["mean"]
"""


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_method_that_learns_is_fitted_once_tuned_and_reused(plugins, run, tmp_path):
    log = tmp_path / "fits"
    plugins("mean", MEAN.format(log=str(log), change=""))
    result = run("mean", noise=[0.3, 0.5])
    cells = result.cells().query("method == 'mean'")
    assert list(cells["train"]) == ["gaussian 0.3", "gaussian 0.5"]
    assert cells["seed"].isna().all()
    assert list(cells["parameters"]) == [28 * 28] * 2
    assert [json.loads(chosen)["weight"] for chosen in cells["chosen"]] != [0.5, 0.5]
    assert log.read_text().count("fit") == 2
    run("mean", noise=[0.3, 0.5], limit=10)  # another run, the same fits
    assert log.read_text().count("fit") == 2
    run("mean", noise=[0.3, 0.5], limit=10, fresh=True)
    assert log.read_text().count("fit") == 4
    plugins("mean", MEAN.format(log=str(log), change="* 1"))  # other code, other fits
    run("mean", noise=[0.3, 0.5], limit=10)
    assert log.read_text().count("fit") == 6
    masked = "; self.mean = np.ma.masked_less(self.mean, 0.1)"
    plugins("mean", MEAN.format(log=str(log), change=masked))
    cells = run("mean").cells().set_index("method")
    assert "state gave, as 'mean', a MaskedArray" in cells.loc["mean", "reason"]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_what_is_learned_whatever_the_noise_is_learned_once(plugins, run, tmp_path, render_text):
    log = tmp_path / "fits"
    body = MEAN.format(log=str(log), change="").replace("train, noise, seed", "train, seed")
    plugins("mean", body)
    result = run("mean", noise=[0.3, 0.5], train_noise="matched,blind,0.1")
    cells = result.cells().query("method == 'mean'")
    assert list(cells["status"]) == ["done"] * 2
    assert list(cells["level"]) == [0.3, 0.5]
    assert cells["train"].isna().all()
    assert cells["regime"].isna().all()
    assert log.read_text() == "fit\n"
    assert result.manifest.methods["mean"].learns is True
    page = (
        render_text(result, tmp_path / "reports", ["md"])["md"]
        .read_text()
        .partition("## Parameters")[2]
    )
    row = next(line for line in page.splitlines() if line.startswith("| mean "))
    assert row.split("|")[2].strip() == "is told"


def test_samples_are_a_fixed_handful_and_the_methods_own_worst_median_and_best(run):
    result = run("median", limit=None)
    for key in result.cells()["key"]:
        samples = result.samples(key)
        scores = result.records({key}).set_index("image")["psnr"].sort_values(kind="stable")
        cases = [scores.index[0], scores.index[(len(scores) - 1) // 2], scores.index[-1]]
        assert samples["image"] == list(dict.fromkeys([*range(10), *cases]))
        assert len(samples["image"]) > 10
        assert {image.shape for image in samples["restored"]} == {(1, 28, 28)}
        for image, clean, restored in zip(
            samples["image"], samples["clean"], samples["restored"], strict=True
        ):
            mse = np.square(clean - restored, dtype=np.float64).mean()
            assert scores[image] == pytest.approx(-10 * np.log10(mse), abs=1e-4)
    few = run("median", limit=3)
    assert few.samples(few.cells()["key"][0])["image"] == [0, 1, 2]


def test_a_limit_takes_the_first_images_and_changes_no_pixel(run):
    whole, part = run(limit=400).records(), run(limit=7).records()
    assert list(part["image"]) == list(range(7))
    assert list(part["digest"]) == list(whole["digest"][:7])
    assert list(part["psnr"]) == list(whole["psnr"][:7])


# -- uncertainty -----------------------------------------------------------------------------

UNSURE = """
from torch import nn
from bench import TrainedMethod

@method()
class Unsure(TrainedMethod):
    recipes = {{"default": {{"epochs": 1, "batch_size": 1197}}}}
    def network(self, image_shape):
        return nn.Conv2d(1, 1, 1)
    def loss(self, network, noisy, clean, noise):
        return {{"mse": (network(noisy) - clean).float().square().mean()}}
    def restore(self, network, noisy, noise):
        return noisy
    def uncertainty(self, network, noisy, noise):
        return {}
"""


def test_predicted_deviations_are_kept_and_compared_with_the_errors(plugins, run, one_thread):
    plugins("unsure", UNSURE.format("0 * noisy + noise.level"))
    result = run("unsure")
    cell = next(meta for meta in result.metadata() if meta.cell.method == "unsure")
    predicted, observed, pixels = np.transpose(cell.calibration)
    np.testing.assert_allclose(predicted, 0.3, rtol=1e-6)
    assert pixels.sum() == 20 * 28 * 28
    mse = result.records().query("method == 'unsure'")["mse"].mean()
    assert np.average(observed**2, weights=pixels) == pytest.approx(mse, rel=1e-5)
    keys = result.cells().set_index("method")["key"]
    samples = result.samples(keys["unsure"])
    assert len(samples["deviation"]) == len(samples["image"]) >= 10
    assert {image.shape for image in samples["deviation"]} == {(1, 28, 28)}
    assert result.samples(keys["identity"])["deviation"] == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("noisy[:, :, 1:]", "uncertainty returned shape (20, 1, 27, 28) for input of shape"),
        ("noisy * float('nan')", "uncertainty returned NaN or infinity in 20 of 20 images"),
        ("0 * noisy - 1", "uncertainty returned negative values"),
    ],
)
def test_an_impossible_uncertainty_fails_its_cell_alone(plugins, run, one_thread, value, reason):
    plugins("unsure", UNSURE.format(value))
    cells = run("unsure").cells().set_index("method")
    assert cells.loc["unsure", "status"] == "failed"
    assert reason in cells.loc["unsure", "reason"]
    assert cells.loc["identity", "status"] == "done"


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_parameter_may_be_called_deviation(plugins, run):
    plugins("mean", MEAN.format(log="fits", change="").replace("weight", "deviation"))
    assert set(run("mean").cells()["status"]) == {"done"}


#: A method with parameters that only it knows of.
OPEN = """@method()
def opened(noisy, noise, *, gain=1.0, **options):
    return np.full_like(noisy, gain * options.get("grey", 0.25))
"""


def test_a_methods_further_options_reach_it_in_runs_and_in_denoising(plugins, run):
    plugins("opened", OPEN)
    texts = ["opened", "opened[grey=0.5]", "opened[grey=0.75,sigma=0.5x]"]
    result = run(*texts, limit=2, keep="outputs")
    cells = result.cells().set_index("label")
    for text, grey in zip(texts, (0.25, 0.5, 0.75), strict=True):
        (part,) = result.outputs(cells.loc[text, "key"])
        assert np.unique(part.images) == [grey]
    image = np.eye(4, dtype=np.float32)
    for source in (None, result):  # by what is typed, and as the run has it
        for text, grey in zip(texts[:2], (0.25, 0.5), strict=True):
            restored = bench.denoise(image, text, noise=0.3, run=source, range="0,1")
            assert np.unique(restored) == [grey]
