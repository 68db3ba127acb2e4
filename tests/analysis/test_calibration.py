"""Predicted deviations held against the errors made."""

import numpy as np
import pytest

from bench.analysis.calibration import calibration, calibration_error, overconfidence


def predicted_and_drawn(seed=0):
    """Deviations, and Gaussian errors that have them."""
    rng = np.random.default_rng(seed)
    deviation = rng.uniform(0.02, 0.5, (250, 1, 28, 28)).astype(np.float32)
    return deviation, deviation * rng.standard_normal(deviation.shape, dtype=np.float32)


@pytest.mark.parametrize("factor", [1.0, 2.0, 0.5])
def test_errors_of_the_predicted_deviation_are_calibrated_and_others_off_by_their_ratio(factor):
    deviation, error = predicted_and_drawn()
    rows = calibration(factor * deviation, error)
    ratios = [observed / predicted for predicted, observed, _ in rows]
    np.testing.assert_allclose(ratios, 1 / factor, rtol=0.03)
    assert overconfidence(rows) == pytest.approx(1 / factor, rel=0.01)
    expected = abs(factor - 1) * deviation.mean()
    assert calibration_error(rows) == pytest.approx(expected, abs=0.003)


def test_bins_go_from_the_surest_pixels_to_the_least_sure_and_hold_all():
    deviation, error = predicted_and_drawn()
    predicted, observed, pixels = np.transpose(calibration(deviation, error))
    assert len(pixels) == 15
    assert pixels.sum() == error.size
    assert np.ptp(pixels) <= 1
    assert (np.diff(predicted) > 0).all()
    assert np.average(observed**2, weights=pixels) == pytest.approx(np.mean(error**2), rel=1e-5)


def test_a_bin_has_the_root_mean_squares_of_its_pixels():
    deviation = np.array([[3, 0], [1, 0]], np.float32)
    error = np.array([[3, -1], [-4, 1]], np.float32)
    rows = calibration(deviation, error, bins=2)
    np.testing.assert_allclose(rows, [(0, 1, 2), (5**0.5, 12.5**0.5, 2)])
    assert calibration_error(rows) == pytest.approx((1 + 12.5**0.5 - 5**0.5) / 2)
    assert overconfidence(rows) == pytest.approx((13.5 / 5) ** 0.5)


def test_a_background_that_is_certain_and_black_counts_for_little():
    """Relative errors of invisible deviations would rule the mean."""
    rows = [(1e-12, 1e-5, 900), (0.2, 0.21, 100)]
    assert calibration_error(rows) == pytest.approx(0.001, rel=0.01)
    assert overconfidence(rows) == pytest.approx(1.05, rel=0.001)


def test_fewer_pixels_than_bins_are_a_bin_each():
    deviation = np.array([0.3, 0.1], np.float32)
    np.testing.assert_allclose(
        calibration(deviation, 2 * deviation), [(0.1, 0.2, 1), (0.3, 0.6, 1)]
    )


def test_what_is_predicted_to_be_certain_and_is_not_is_overconfident_without_bound():
    assert calibration_error([(0.0, 0.1, 5)]) == pytest.approx(0.1)
    assert overconfidence([(0.0, 0.1, 5)]) == np.inf
    assert np.isnan(overconfidence([(0.0, 0.0, 5)]))
    assert np.isnan(calibration_error([]))
    assert np.isnan(overconfidence([]))
