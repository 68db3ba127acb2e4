"""How methods are found and loaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bench
from bench import make_noise
from bench.core import UsageError
from bench.evaluation.forms import form_of
from bench.plugins import sources
from bench.plugins.kinds import METHODS


def test_the_built_in_methods_are_the_files_of_the_folder():
    names = set(sources.Registry().sources)
    assert {"identity", "gaussian", "median", "nlm", "wavelet", "dae", "vae"} <= names
    assert names == {
        path.stem.replace("_", "-") for path in METHODS.folder.glob("*.py") if path.stem[0] != "_"
    }


def test_methods_inside_the_package_go_before_the_checkouts(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__", "methods")
    shutil.copytree(Path(bench.__file__).parent, tmp_path / "bench", ignore=ignored)
    code = "from bench.plugins import sources; print(*sources.Registry().sources)"

    def names():
        return subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        ).stdout.split()  # fmt: skip

    for folder, name in ((tmp_path / "methods", "beside"), (tmp_path / "bench/methods", "inside")):
        folder.mkdir()
        (folder / f"{name}.py").write_text("")
        assert names() == [name]


@pytest.mark.parametrize("name", sorted(sources.Registry().sources))
def test_a_method_says_what_it_is(name):
    method = sources.load(name)
    assert method.name == name
    assert method.summary.endswith(".")
    assert method.declared.reference
    assert set(method.declared.tune) <= set(method.parameters)
    for parameter, values in method.declared.tune.items():
        assert len(values) > 1, parameter
    learned = {
        "cvae", "dae", "dncnn", "hvae", "lmmse", "n2n", "n2v", "neighbor2neighbor",
        "posterior-mean", "unet", "vae",
    }  # fmt: skip
    assert method.learns == (name in learned)


def test_underscores_of_a_file_are_hyphens_of_a_name(plugins):
    plugins("total_variation", '@method()\ndef tv(noisy):\n    """Do nothing."""\n    return noisy')
    assert sources.load("total-variation").name == "total-variation"


def test_two_files_of_one_name_are_named(plugins):
    one, two = plugins("a_b", "x = 1"), plugins("a-b", "x = 1")
    with pytest.raises(UsageError, match="are both 'a-b': rename one") as error:
        sources.Registry()
    assert str(one) in str(error.value)
    assert str(two) in str(error.value)


def test_parameters_are_the_keyword_only_arguments(plugins):
    body = "@method(tune={'b': (1, 2)})\ndef f(noisy, noise, *, a=1.5, b=2):\n    return noisy"
    plugins("some", body)
    method = sources.load("some")
    assert method.parameters == {"a": 1.5, "b": 2}
    assert method.takes_noise
    assert not sources.load("median").takes_noise


def test_a_function_with_an_argument_for_it_is_told_the_device(plugins):
    plugins("some", "@method()\ndef f(noisy, device):\n    return noisy, device")
    plugins("other", "@method()\ndef f(noisy, *, device='here'):\n    return noisy, device")
    some, other = sources.load("some"), sources.load("other")
    assert some.uses_gpu
    assert not some.uses_torch
    assert not other.uses_gpu
    batch = np.zeros((200, 1, 28, 28), np.float32)

    images, device = form_of(some, "cuda").create({}).denoise(batch, make_noise("gaussian", 1))
    assert (len(images), device) == (200, "cuda")  # the whole batch at once
    assert form_of(some, "cuda", 4).threads_used == 1
    few = batch[:3]
    for method, device, answer in ((some, "cpu", "cpu"), (other, "cuda", "here")):
        form = form_of(method, device)
        assert form.device == "cpu"
        assert form.create({}).denoise(few, make_noise("gaussian", 1))[1] == answer


def test_a_class_of_its_own_learns_and_may_be_random(plugins):
    plugins(
        "mean",
        """
@method(random=False)
class Mean:
    weight: float = 0.5
    def fit(self, train, noise, seed): self.mean = train.mean(axis=0)
    def denoise(self, noisy, noise): return noisy
    def state(self): return {"mean": self.mean}
    def load(self, arrays): self.mean = arrays["mean"]
""",
    )
    method = sources.load("mean")
    assert method.learns
    assert not method.random
    assert not method.uses_torch
    assert method.parameters == {"weight": 0.5}
    assert method.create({"weight": 0.25}).weight == 0.25


def test_other_code_is_another_source(plugins):
    plugins("some", "@method()\ndef f(noisy):\n    return noisy")
    before = sources.load("some").source
    assert sources.load("some").source == before
    plugins("some", "@method()\ndef f(noisy):\n    return 1 * noisy")
    assert sources.load("some").source != before


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("x = 1", "declares no plugin"),
        ("@method()\ndef f(n): return n\n@method()\ndef g(n): return n", "declares 2 methods"),
        ("@method()\ndef f(noisy, *, a): return noisy", "parameter 'a' has no default"),
        ("@method(tune={'sz': (1, 2)})\ndef f(noisy, *, size=1): return noisy", "mean size?"),
        ("@method(inference=['sz'])\ndef f(noisy, *, size=1): return noisy", "inference .* size?"),
        ("@method()\ndef f(noisy, *, train=1): return noisy", "may be called 'train'"),
        (
            "from bench import TrainedMethod\n@method()\nclass N(TrainedMethod):\n"
            "    recipes = {'quick': {'epochs': 1}}",
            "the recipe 'quick' does not say batch_size",
        ),
        ("import nonsense_package", "ModuleNotFoundError.*nonsense_package"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_broken_file_says_what_is_wrong(plugins, body, message):
    path = plugins("broken", body)
    with pytest.raises(UsageError, match=message) as error:
        sources.load("broken")
    assert str(path) in str(error.value)


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(UsageError, match="unknown method 'medain': did you mean median"):
        sources.load("medain")
