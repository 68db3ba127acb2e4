"""What methods say of themselves before a run: in which process, how early, and what goes wrong."""

import pytest

import bench
from bench.core import UsageError
from bench.execution.importing import importing
from bench.noises import make_noise

PLUGIN = """
from bench import method
from bench.core import Unsupported


class Refused(Unsupported):
    "One that no other process knows."


def remark(params, noise):
    factor = params["factor"]
    if factor == 2:
        raise Refused("factor 2 is too much")
    return {3: None, 4: ""}[factor] if factor in (3, 4, 5) else f"{factor} of {noise}"


@method(reference="none", remark=remark)
def talker(noisy, *, factor=1):
    'Its product with a factor.'
    return factor * noisy
"""
NOISE = make_noise("gaussian", 0.3)


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "talker.py"
    path.write_text(PLUGIN)
    return path


def test_a_remark_is_asked_where_its_code_is_loaded(plugin):
    with importing([plugin]) as registry:
        talker = registry.load("talker")
        assert talker.remark({}, NOISE) == f"1 of {NOISE}"
        assert talker.remark({"factor": 4}, NOISE) == ""
        with pytest.raises(bench.Unsupported, match="factor 2 is too much"):
            talker.remark({"factor": 2}, NOISE)
        with pytest.raises(UsageError, match=r"remark of 'talker' fails: KeyError: 5"):
            talker.remark({"factor": 5}, NOISE)


def test_a_run_with_workers_notes_it(plugin, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.warns(match="talker: 1 of"):
        run = bench.run(
            "digits", methods="talker", noise=0.3, limit=2, metrics="psnr", jobs=1,
            plugins=[plugin], out=tmp_path,
        )  # fmt: skip
    assert any(note.startswith("talker: 1 of ") for note in run.manifest.notes)


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (2, r"^talker\[factor=2\]: factor 2 is too much$"),
        (3, "^remark of 'talker' fails: TypeError: it gives None, which is no text$"),
        (5, "^remark of 'talker' fails: KeyError: 5$"),
    ],
)
def test_wrong_parameters_are_found_before_metrics_learn(
    plugin, tmp_path, monkeypatch, factor, message
):
    monkeypatch.setattr("bench.api._described", lambda *args: pytest.fail("metrics learned first"))
    with pytest.raises(UsageError, match=message):
        bench.run(
            "digits", methods=f"talker[factor={factor}]", noise=0.3, limit=2, jobs=0,
            plugins=[plugin], out=tmp_path,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_mistyped_parameter_of_a_plugin_ends_a_run_with_workers_at_once(plugin, tmp_path):
    with pytest.raises(UsageError, match=r"'talker' has no parameter 'facto': did you mean factor"):
        bench.run(
            "digits", methods="talker[facto=2]", noise=0.3, limit=2, jobs=1, plugins=[plugin],
            out=tmp_path,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())
