"""How a metric is read, and what it is given: all that is said of one without its code."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bench.core.errors import Unsupported
from bench.core.protocol import PSNR_CAP

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.core.dataset import Array
    from bench.core.noise import Noise

Better = Literal["higher", "lower"]
#: What a metric may need beside the restored images.
Need = Literal["clean", "noisy", "label", "noise", "frames", "perturbed"]
#: Columns of a record that are no metric's.
RESERVED = ("image", "unit", "digest", "restored", "noise_seed", "bias2", "variance")


@dataclass(frozen=True)
class Scale:
    """How a metric's numbers are read.

    Attributes:
        title: as tables call it, without its unit: "PSNR".
        unit: "dB"; empty for a plain number.
        better: which way is better.
        decimals: that tables show.
        least, most: between which all its values lie.

    >>> Scale("PSNR", "dB", "higher", 2, 0, 100).heading
    'PSNR (dB)'
    """

    title: str
    unit: str = ""
    better: Better = "higher"
    decimals: int = 3
    least: float = -math.inf
    most: float = math.inf

    @property
    def higher(self) -> bool:
        """More is better."""
        return self.better == "higher"

    @property
    def heading(self) -> str:
        """The title with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def cap(self) -> float | None:
        """Where values in dB end: equal images have it, so that means stay finite; else None."""
        return self.most if self.unit == "dB" and math.isfinite(self.most) else None

    def agrees(self, other: Scale) -> bool:
        """Whether numbers of both may stand in one table: one unit, one way that is better."""
        return (self.unit, self.better) == (other.unit, other.better)


#: Of the metrics that are measured unless others are asked for, and of all runs before there were
#: others.
DEFAULT_SCALES = {
    "psnr": Scale("PSNR", "dB", "higher", 2, 0, PSNR_CAP),
    "ssim": Scale("SSIM", "", "higher", 3, -1, 1),
    "mse": Scale("MSE", "", "lower", 5, 0, 1),
}


#: Of what tells how validation images are restored where their clean images do not: in dB, and none
#: of them to be mixed with PSNR.
ESTIMATED_SCALES = {
    "frames": Scale("uPSNR", "dB", "higher", 2),
    "sure": Scale("PSNR estimated by SURE", "dB", "higher", 2),
    "invariance": Scale("PSNR estimated by J-invariance", "dB", "higher", 2),
}


class Perturbed(NamedTuple):
    """What becomes of the images where the noisy ones are changed a little, at random.

    probe: float32 (N, C, H, W), +1 or -1 each, independent of everything; step: by how much of it
    the noisy images were changed; restored: float32 (N, C, H, W), of noisy + step * probe, clamped
    as the images themselves are.
    """

    probe: Array
    step: float
    restored: Array

    def only(self, rows: Any) -> Perturbed:
        """Of the images that a mask, a slice or indices choose."""
        return Perturbed(self.probe[rows], self.step, self.restored[rows])


class Restoration(NamedTuple):
    """Images of one shape that were restored, with all that a metric may be given of them.

    clean, noisy, restored: float32 (N, C, H, W), data range 1; `restored` is clamped to [0, 1],
    `noisy` may leave it; `clean` is None where there is no ground truth. label: int64 (N,), None
    where the data set has none. noise: that was added. frames: float32 (N, F, C, H, W), further
    noisy images of the same scenes, whose noise is independent; None where there are none.
    perturbed: None where no metric asked for it.
    """

    clean: Array | None
    restored: Array
    noisy: Array
    label: npt.NDArray[np.int64] | None
    noise: Noise
    frames: Array | None = None
    perturbed: Perturbed | None = None

    @property
    def truth(self) -> Array:
        """The clean images; raises `Unsupported` where there are none."""
        if self.clean is None:
            raise Unsupported("there are no clean images, which this needs")
        return self.clean

    def only(self, rows: npt.NDArray[Any] | slice) -> Restoration:
        """The images that a mask, a slice or indices choose."""
        return self._each(lambda images: images[rows], lambda perturbed: perturbed.only(rows))

    def copied(self) -> Restoration:
        """The same, to be written into by whoever likes."""
        return self._each(
            lambda images: images.copy(),
            lambda each: Perturbed(each.probe.copy(), each.step, each.restored.copy()),
        )

    def _each(
        self, of_arrays: Callable[[Any], Any], of_perturbed: Callable[[Perturbed], Perturbed]
    ) -> Restoration:
        """With something done to all that there is."""
        arrays: dict[str, Any] = {
            name: None if (images := getattr(self, name)) is None else of_arrays(images)
            for name in ("clean", "restored", "noisy", "label", "frames")
        }
        perturbed = None if self.perturbed is None else of_perturbed(self.perturbed)
        return Restoration(**arrays, noise=self.noise, perturbed=perturbed)
