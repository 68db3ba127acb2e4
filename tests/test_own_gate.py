"""The project's own gate turns red when one of its methods is made worse."""

import re
from pathlib import Path

import pytest

LIMITS = Path(__file__).parent.parent / ".ci" / "thresholds.toml"
MEASURE = re.search(r"^#     bench (run .*)$", LIMITS.read_text(), re.M)[1].split()


@pytest.fixture
def verdicts(bench):
    """Measures one method as the gate does: its verdicts by metric, and the exit code."""

    def call(method):
        done = bench(*MEASURE, "--methods", method, "--name", "gate")
        assert done.code == 0, done.err
        done = bench("check", "gate", "--thresholds", LIMITS)
        rows = [line for line in done.out.splitlines() if f" {method} at " in line]
        return done.code, {row.split()[0] for row in rows}

    return call


def replace(plugins, name, pattern, text):
    """The built-in method `name`, with its code changed."""
    from bench.plugins.kinds import METHODS

    path = METHODS.folder / f"{name}.py"
    code, count = re.subn(pattern, text, path.read_text(), flags=re.S)
    assert count == 1
    path.write_text(code)


def test_the_ci_runs_what_the_thresholds_were_made_from():
    assert "make setup check" in (LIMITS.parent / "run").read_text()
    tasks = (LIMITS.parents[1] / "Makefile").read_text()
    assert re.search(r"^check:.* gate\b", tasks, re.M)
    assert " ".join(MEASURE) in tasks
    assert "check gate --thresholds" in tasks


def test_a_method_as_it_is_holds(plugins, verdicts):
    # The other methods' limits match nothing in such a run.
    assert verdicts("gaussian") == (4, {"held"})


def test_a_gaussian_filter_of_the_wrong_width_turns_it_red(plugins, verdicts):
    replace(plugins, "gaussian", r"noisy, width, ", "noisy, width + 5, ")
    assert verdicts("gaussian") == (1, {"REGRESSED"})


def test_a_vae_trained_for_one_step_turns_it_red(plugins, verdicts):
    one_step = '"quick": {"epochs": 1, "batch_size": 1197}'
    replace(plugins, "vae", r'"quick": \{.*?\}', one_step)
    code, found = verdicts("vae")
    assert code == 1
    assert found == {"REGRESSED", "held"}  # its size is as it was
