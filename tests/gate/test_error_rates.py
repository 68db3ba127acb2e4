"""The gate errs as rarely as docs/gate.md says: a few runs of what `error_rates` simulates."""

import re
from pathlib import Path

import numpy as np
import pytest
from error_rates import LIMIT, SCENARIOS, method, rates

from bench.gate.baseline import decide

DOCS = (Path(__file__).parents[2] / "docs" / "gate.md").read_text()
RUNS = 30


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_gate_errs_as_rarely_as_the_documentation_says(name):
    make, regressed, held = SCENARIOS[name]
    row = re.search(
        rf"^\| {re.escape(name)} \| ([\d.]+)% \| ([\d.]+)% \| ([\d.]+)% \|$", DOCS, re.M
    )
    said = dict(zip(("regressed", "undecided", "held"), map(float, row.groups()), strict=True))
    assert sum(said.values()) == pytest.approx(100, abs=0.2)
    assert regressed[0] <= said["regressed"] <= regressed[1]
    assert held[0] <= said["held"] <= held[1]
    found = rates(make, RUNS)
    for verdict, percent in said.items():
        share = percent / 100
        # Three and a half standard errors of so few runs, and never none at all.
        error = 3.5 * (max(share * (1 - share), 0.5 / RUNS) / RUNS) ** 0.5
        assert found.get(verdict, 0) == pytest.approx(share, abs=error)


@pytest.mark.parametrize("paired", [True, False])
def test_many_learned_methods_of_unequal_spreads_err_no_more_than_promised(paired):
    # The hardest case for so few seeds: the error is shared by many, deep in the tails.
    alarms = wrong = 0
    runs = 150
    for run in range(runs):
        rng = np.random.default_rng(run)
        options = {"drops": LIMIT, "both": True, "paired": paired, "images": 100, "ratio": 0.1}
        found = decide([one for _ in range(7) for one in method(rng, seeds=4, sd=0.2, **options)])
        alarms += any(comparison.verdict == "regressed" for comparison in found)
        wrong += np.mean([comparison.verdict == "held" for comparison in found])
    error = 2 * (0.05 * 0.95 / runs) ** 0.5
    assert alarms / runs <= 0.05 + error
    assert wrong / runs <= 0.05 + error  # of each comparison, a drop of the tolerance
