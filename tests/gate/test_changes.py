"""What else differs between two runs, beside their scores."""

import numpy as np
import pandas as pd

from bench.analysis import Scores
from bench.gate.changes import changes


def scores(*rows):
    """Cells of (method, level, seed, chosen, images per second); nothing is read of them."""
    cells = pd.DataFrame(rows, columns=["method", "level", "seed", "chosen", "images_per_second"])
    same = {"dataset": "toy", "params": "{}", "noise": "gaussian", "clip": False, "train": None}
    return Scores(cells.assign(**same, regime=None, label=cells["method"]), [])


def test_parameters_that_were_chosen_otherwise_are_named_once_for_all_seeds():
    old = scores(
        ("nlm", 0.1, None, '{"distance":6,"h":0.8}', np.nan),
        ("nlm", 0.3, None, '{"distance":6}', np.nan),
        ("dae", 0.3, 0, '{"a":1}', np.nan),
        ("dae", 0.3, 1, '{"a":1}', np.nan),
        ("tv", 0.3, None, "{}", np.nan),
    )
    new = scores(
        ("nlm", 0.1, None, '{"distance":10,"h":0.8}', np.nan),
        ("nlm", 0.3, None, '{"distance":10,"h":0.9}', np.nan),
        ("dae", 0.3, 0, '{"a":2}', np.nan),
        ("dae", 0.3, 1, '{"a":2}', np.nan),
        ("tv", 0.3, None, "{}", np.nan),
    )
    assert changes(new, old, []) == [
        "nlm chose other parameters: at gaussian 0.1 distance 6 → 10; "
        "at gaussian 0.3 distance 6 → 10, h none → 0.9",
        "dae chose other parameters: at gaussian 0.3 a 1 → 2",
    ]


def test_speeds_are_told_as_a_ratio():
    old = scores(("nlm", 0.1, None, "{}", 10.0), ("nlm", 0.3, None, "{}", 10.0),
                 ("tv", 0.3, None, "{}", 400.0), ("new", 0.3, None, "{}", np.nan))  # fmt: skip
    new = scores(("nlm", 0.1, None, "{}", 50.0), ("nlm", 0.3, None, "{}", 54.0),
                 ("tv", 0.3, None, "{}", 100.0), ("new", 0.3, None, "{}", 3.0))  # fmt: skip
    assert changes(new, old, []) == [
        "images per second, as a ratio to the baseline's: nlm 5.2, tv 0.25"
    ]
