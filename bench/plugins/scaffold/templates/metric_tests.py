"""Does my-metric keep the contract of a metric, and does it measure what it says?"""

from pathlib import Path

import numpy as np
from my_metric import my_metric

from bench.testing import check_metric

FILE = Path(__file__).with_name("my_metric.py")


def test_my_metric_keeps_the_contract():
    check_metric(FILE)


def test_my_metric_of_images_whose_errors_are_known():
    clean = np.full((2, 1, 16, 16), 0.5, np.float32)
    restored = clean.copy()
    restored[1] += 0.1
    np.testing.assert_allclose(my_metric(clean, restored), [0, 25.5], rtol=1e-4)
