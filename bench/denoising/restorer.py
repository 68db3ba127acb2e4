"""A method at work: the noise of an image, the model for it, and what is restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import Noise, Unsupported, UsageError, estimate_sigma
from bench.core.noise_level import LEAST
from bench.denoising.models import Model, Models
from bench.evaluation import runner, scoring
from bench.evaluation.blame import ends_the_sweep
from bench.evaluation.tiles import by_tiles
from bench.noises import Gaussian

if TYPE_CHECKING:
    from bench.core import Array

#: A level that is estimated, and one that a model is for, are near within this factor.
_NEAR = 1.25
#: Where more of the values are black or white, a share, noise was cut off, or never there.
_CUT = 0.05
#: What a method is given that asks for no noise.
_NONE = Gaussian(1.0)


class Denoiser:
    """A method at work on images, one after the other.

    Args:
        models: those that it may be by.
        noise: of the images; None to estimate it from each.
        tile: pixels a side of the tiles that large images are cut into; None for none.
    """

    def __init__(self, models: Models, noise: Noise | None, tile: int | None) -> None:
        self._models, self._noise, self.tile = models, noise, tile
        self._asks = True  # it is told the noise, or which model it is depends on it
        if noise is not None:
            models.of(noise)  # or it would be refused once for each image
        elif not models.depends:
            self._asks = models.of(_NONE).form.method.takes_noise

    def __call__(self, noisy: Array) -> tuple[Array, Model, Noise]:
        """An image (C, H, W) in [0, 1] restored, by what, and the noise that was taken for it.

        Raises:
            Unsupported: the method does not take it.
            UsageError: there is no model for its noise; or the method fails on it.
        """
        estimated = self._noise is None
        noise = self._noise or (Gaussian(estimate_sigma(noisy)) if self._asks else _NONE)
        model = self._models.of(noise, estimated)
        denoiser = by_tiles(model.denoiser, model.form, self.tile)
        try:
            with model.form.computing():
                restored = scoring.apply(denoiser, noisy[None], noise)[0]
        except Unsupported:
            raise
        except Exception as error:
            if ends_the_sweep(error, model.form.method):
                raise
            why = runner.explain(error, model.form.method)
            raise UsageError(f"{model.label} fails on it: {why}") from error
        return restored, model, noise

    def words(self, noise: Noise) -> str:
        """The noise that was taken for an image's."""
        if self._noise is not None:
            return str(noise)
        return f"{noise} (estimated)" if self._asks else "noise not told"

    def doubts(self, noisy: Array, model: Model, noise: Noise) -> list[str]:
        """Lines on what was estimated: far from what the model is for, or hardly the noise."""
        if self._noise is not None or not self._asks:
            return []
        lines = []
        if self._models.distance(noise) > _NEAR:
            lines.append(f"the noise is estimated as {noise}, and the model is for {model.trained}")
        cut = float(((noisy == 0) | (noisy == 1)).mean())
        if cut > _CUT:
            lines.append(
                f"{cut:.0%} of its values are exactly black or white, which makes the estimated "
                f"noise, {noise}, too low: if you know its level, give it by --noise"
            )
        elif noise.level <= LEAST:
            lines.append(
                f"hardly any noise is found in it: {noise} is the least that is ever estimated; "
                "if you know its level, give it by --noise"
            )
        return lines
