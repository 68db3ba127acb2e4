"""`bench denoise`: what noise a method is told, and what noise its model was trained on."""

import numpy as np
import pytest

import bench as package
from bench.core import UsageError


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("empty_cache")
def test_a_model_for_one_noise_is_trained_on_just_that(tmp_path):
    for name, methods, clip in (("r", "dae[train=blind]", False), ("c", "dae[train=0.3]", True)):
        package.run("digits", methods=methods, noise=0.3, clip=clip, epochs=1, limit=1,
                    out=tmp_path, name=name, preset="quick", jobs=0)  # fmt: skip
    grey = np.full((28, 28), 0.5, np.float32)
    with pytest.raises(UsageError, match=r"no fitted model of dae\[train=0\.3\] is in") as refused:
        package.denoise(grey, "dae[train=0.3]", noise=0.3, range=(0, 1))
    assert "trained on gaussian 0 to 0.3, trained on gaussian, clipped 0.3" in str(refused.value)
    assert package.denoise(grey, "dae[train=blind]", noise=0.3, range=(0, 1)).shape == grey.shape


FADING = '''"""Noise that fades."""
from bench import noise


@noise(unit="standard deviation at white", highest=1, reference="folklore")
class Fading:
    """Noise in proportion to the image."""

    def add(self, clean, draws):
        return clean + self.level * clean * draws.normal()

    def std(self, clean):
        return self.level * clean
'''


@pytest.mark.usefixtures("empty_cache")
def test_a_method_is_told_a_plugins_noise(tmp_path):
    plugin = tmp_path / "fading.py"
    plugin.write_text(FADING)
    told = {"noise": "fading:0.2", "plugins": [plugin]}
    grey = np.random.default_rng(0).integers(90, 160, (28, 28)).astype(np.uint8)
    restored = package.denoise(grey, "wavelet", **told)
    assert 0 < restored.std() < grey.std()
    package.run("digits", methods="gaussian,dae[train=fading:0.2]", limit=4, epochs=1, jobs=0,
                preset="quick", out=tmp_path, name="r", **told)  # fmt: skip
    for method in ("gaussian", "dae[train=fading:0.2]"):
        package.denoise(grey, method, run=tmp_path / "r", **told)
    package.denoise(grey, "dae[train=fading:0.2]", **told)  # of the cache
    with pytest.raises(UsageError, match="out of range"):
        package.denoise(grey, "wavelet", **(told | {"noise": "fading:2"}))
    plugin.write_text(FADING + "# other code\n")
    with pytest.raises(UsageError, match="has other code"):
        package.denoise(grey, "gaussian", run=tmp_path / "r", **told)
