"""Rician noise: what magnetic resonance images have, which are magnitudes."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise

#: Signals of so many deviations and more have the variance of this one, within a millionth.
_FAR = 1e3


@noise(
    unit="standard deviation of the real and of the imaginary part; images lie in [0, 1]",
    reference="Gudbjartsson and Patz 1995",
)
class Rician(Noise):
    """Magnitude of a complex value: y = |x + sigma (z1 + i z2)|, z standard normal, level = sigma.

    Gudbjartsson and Patz 1995, eq. 1 and 2. Where the signal is weak, the mean is above it: black
    becomes Rayleigh noise of mean 1.25 sigma.
    """

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        real = clean + self.level * draws.normal()
        imaginary = self.level * draws.normal(1)
        return (real**2 + imaginary**2) ** 0.5

    def std(self, clean: Any) -> Any:
        """Sigma times that of a Rice distribution of deviation 1."""
        return self.level * self._share(clean) ** 0.5

    def mean(self, clean: Any) -> Any:
        """The root of what the variance leaves of the mean square, x^2 + 2 sigma^2."""
        return (clean**2 + self.level**2 * (2 - self._share(clean))) ** 0.5

    def _share(self, clean: Any) -> Any:
        """The variance in units of sigma^2: from 2 - pi / 2 at black to 1."""
        # Levels of 0, which training may have, are no noise.
        signal = abs(clean) / (self.level + 1e-30)
        if hasattr(signal, "detach"):  # a tensor
            from torch.special import i0e, i1e

            far, kind = signal.double().clamp(max=_FAR), signal.dtype
        else:
            import numpy as np
            from scipy.special import i0e, i1e

            far, kind = np.minimum(np.float64(signal), _FAR), getattr(signal, "dtype", float)
        # The mean by a Laguerre polynomial of degree 1/2, of Bessel functions that do not overflow.
        half = far**2 / 4
        mean = (1.5707963267948966**0.5) * ((1 + 2 * half) * i0e(half) + 2 * half * i1e(half))
        share = 2 + far**2 - mean**2
        return share.to(kind) if hasattr(share, "detach") else share.astype(kind)[()]
