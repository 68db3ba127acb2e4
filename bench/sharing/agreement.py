"""Does a cell that was measured again give what was recorded, and within which tolerance?

On the machine and with the versions that measured, restored images are the same bit for bit, but
for the last bits of large matrix products, which depend on where in memory their arrays lie: see
`SAME_MACHINE`. Elsewhere more of a filter differs, and a network that is trained anew comes out as
another one: see `FILTERS` and `TRAINED`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.metrics.psnr import decibels

if TYPE_CHECKING:
    import numpy.typing as npt

#: In dB, of every image's PSNR, of what is not random: other processors and libraries round
#: otherwise in the last bits, and this is less than the second decimal that tables show.
FILTERS = 0.01
#: In dB, of the mean PSNR, of what is trained anew: other rounding leads a training elsewhere, as
#: another seed does. Four seeds of the networks of the published run differ by 0.01 to 0.04 dB
#: (standard deviation over 10,000 digits); five times the most is allowed.
TRAINED = 0.2
#: In dB, of an image's PSNR, of what is not random, on the machine that measured; and of a metric
#: where pixels are the same: what float32 and its sums may do.
SAME_MACHINE = 1e-3

Columns = Mapping[str, "npt.NDArray[Any]"]


@dataclass(frozen=True)
class Outcome:
    """What came of the comparison; the attributes are those of `VerifiedCell`."""

    held: bool
    how: str
    exact: bool = False
    difference: float | None = None
    largest_difference: float | None = None
    tolerance: float | None = None


def agreement(
    recorded: Columns, measured: Columns, *, random: bool, same: bool, trained: float = TRAINED
) -> Outcome:
    """Compare a cell's columns with those of the same cell measured again.

    Args:
        recorded: as `Run.images` gives them.
        measured: as `Record.images` has them.
        random: a training, or something else that is random, made the images.
        same: the code, the machine and the versions are those that measured.
        trained: tolerance in dB of what is random.
    """
    recorded, measured = _in_order(recorded), _in_order(measured)
    if not _equal("image", recorded, measured) or not _equal("noise_seed", recorded, measured):
        return Outcome(False, "it is of other images than those that were measured")
    if not _equal("digest", recorded, measured):
        other = int(np.count_nonzero(recorded["digest"] != measured["digest"]))
        return Outcome(
            False,
            f"{other} of {len(recorded['digest'])} noisy images are others than those that were "
            "measured",
        )
    ours, theirs = _psnr(measured), _psnr(recorded)
    difference = largest = None
    if ours is not None and theirs is not None:
        known = np.isfinite(ours) & np.isfinite(theirs)
        if known.any():
            largest = float(np.abs(ours - theirs)[known].max())
            difference = float(abs(ours[known].mean() - theirs[known].mean()))
    if "restored" in recorded:
        exact, bits = _equal("restored", recorded, measured), "bit for bit"
    else:  # early records do not say what the images were
        exact = ours is not None and theirs is not None and np.array_equal(ours, theirs)
        bits = "every PSNR to the last digit"
    found = _judged(exact, bits, difference, largest, random=random, same=same, trained=trained)
    if not found.held:
        return found
    wrong = _metric_that_differs(recorded, measured, found, random and not exact)
    return Outcome(False, wrong, exact, difference, largest, found.tolerance) if wrong else found


def _judged(
    exact: bool,
    bits: str,
    difference: float | None,
    largest: float | None,
    *,
    random: bool,
    same: bool,
    trained: float,
) -> Outcome:
    """Of the images alone; whether metrics are what they give is another question."""
    if exact:
        return Outcome(True, bits, True, difference, largest, 0.0)
    if difference is None or largest is None:
        return Outcome(False, "its images are others, and no PSNR tells by how much")
    by = f"PSNR differs by {difference:.2g} dB in the mean, {largest:.2g} dB in an image"
    alike = SAME_MACHINE if same else FILTERS
    tolerance, distance = (trained, difference) if random else (alike, largest)
    where = ", on the machine that measured," if same else ""
    allowed = f"{tolerance:g} dB {'of the mean' if random else 'of an image'}{where}"
    held = distance <= tolerance
    how = f"{by}; {allowed} {'is' if held else 'would be'} allowed"
    return Outcome(held, how, False, difference, largest, tolerance)


def _metric_that_differs(recorded: Columns, measured: Columns, found: Outcome, random: bool) -> str:
    """In words, a metric that the images do not have; empty where all agree.

    An error that is off by so many dB is off by a factor: as much is allowed of every metric.
    """
    decibel = max(found.tolerance or 0.0, SAME_MACHINE)
    share = 10 ** (decibel / 10) - 1
    for label, values in measured.items():
        if label in _NO_METRICS or label not in recorded:
            continue
        ours, theirs = (np.asarray(each, np.float64) for each in (values, recorded[label]))
        if np.isnan(theirs).all():  # it was not measured
            continue
        # What a record leaves out is in no mean, and an infinite value would allow any other.
        missing = int(np.count_nonzero(np.isfinite(ours) & ~np.isfinite(theirs)))
        if missing:
            return f"it has no {label} of {missing} of {len(theirs)} images, which have one here"
        known = np.isfinite(ours) & np.isfinite(theirs)
        if not known.any():
            continue
        means = ours[known].mean(), theirs[known].mean()
        allowed = decibel if label == "psnr" else share * max(np.abs(theirs[known]).mean(), 1e-6)
        away = abs(means[0] - means[1]) if random else np.abs(ours - theirs)[known].max()
        gaps = not random and not np.array_equal(np.isfinite(ours), np.isfinite(theirs))
        if away > allowed or gaps:
            return (
                f"its {label} is not what its images have: {means[1]:.6g} in the mean, and "
                f"{means[0]:.6g} measured again"
            )
    return ""


#: Columns that are no metric's, or need not be the same.
_NO_METRICS = {"image", "unit", "digest", "restored", "noise_seed", "bias2", "variance"}


def _in_order(columns: Columns) -> Columns:
    """Rows by noise seed and image, whatever order they were measured in."""
    seeds = columns.get("noise_seed", np.zeros(len(columns["image"])))
    order = np.lexsort((columns["image"], seeds))
    return {name: np.asarray(values)[order] for name, values in columns.items()}


def _equal(name: str, first: Columns, second: Columns) -> bool:
    return (name in first) == (name in second) and (
        name not in first or np.array_equal(first[name], second[name])
    )


def _psnr(columns: Columns) -> npt.NDArray[np.float64] | None:
    """Of each image, by its MSE where it has no PSNR; None where nothing tells."""
    if "psnr" in columns and not np.isnan(columns["psnr"]).all():
        return np.asarray(columns["psnr"], np.float64)
    if "mse" in columns and not np.isnan(columns["mse"]).all():
        return np.asarray(decibels(columns["mse"]), np.float64)
    return None
