"""Linear minimum mean square error estimator: what linearity alone can reach."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import solve

from bench import Unsupported, method

#: Images up to this side are estimated as a whole, larger ones patch by patch.
WHOLE = 32
PATCH = 8
# Rows of patches that are estimated at once: their values take a few hundred MB at most.
ROWS = 64
# No pixel's noise is taken for less: a black one under photon noise has none at all.
LEAST_VARIANCE = 1e-6


@method(least={"patch": 0}, reference="Kay 1993, theorem 12.1", random=False)
class LMMSE:
    """Best linear estimator, from the mean and covariance of the training images.

    x = E[x] + C_xy C_yy^-1 (y - E[y]), of whole images up to 32 pixels a side, of all patches
    of 8 x 8 where images are larger, their estimates averaged where they overlap. With `patch`
    of patches of that side in any case. Noise is taken for white; its mean and variance given the
    clean value are known.
    """

    patch: int = 0

    def fit(self, train, seed):
        channels, height, width = train.shape[1:]
        whole = not self.patch and max(height, width) <= WHOLE
        sides = (height, width) if whole else (self.patch or PATCH,) * 2
        _check_size(train, sides)
        count = 0
        total = squares = np.zeros(())
        blocks = np.array_split(train, max(1, len(train) // 1000)) if whole else train[:, None]
        for images in blocks:
            vectors = _patches(images, sides).reshape(-1, channels * sides[0] * sides[1])
            count += len(vectors)
            total = total + vectors.sum(axis=0, dtype=np.float64)
            squares = squares + vectors.T @ vectors.astype(np.float64)
        self._mean = total / count
        self._covariance = squares / count - np.outer(self._mean, self._mean)
        self._shape = (channels, *sides)
        self._whole = whole
        self._filters = {}

    def denoise(self, noisy, noise):
        fits = noisy.shape[1:] == self._shape if self._whole else noisy.shape[1] == self._shape[0]
        if not fits:
            trained, given = ("x".join(map(str, s)) for s in (self._shape, noisy.shape[1:]))
            raise Unsupported(f"it was trained on images of {trained} and is given {given}")
        _check_size(noisy, self._shape[1:])
        # Made once for all batches: solving takes longer than applying it.
        if noise not in self._filters:
            self._filters = {noise: self._filter(noise)}
        gain, offset = self._filters[noise]
        if self._whole:
            restored = noisy.reshape(len(noisy), -1) @ gain.T + offset
            return restored.reshape(noisy.shape)
        return np.stack([self._averaged(image, gain, offset) for image in noisy])

    def _filter(self, noise):
        """Matrix and offset that give the estimate of a vector of noisy pixels, float32."""
        black, grey, white = (float(noise.std(value)) ** 2 for value in (0.0, 0.5, 1.0))
        # A noise's variance is a polynomial of the clean value, of at most the second degree.
        linear, square = 4 * grey - 3 * black - white, 2 * (black - 2 * grey + white)
        power = np.diag(self._covariance) + self._mean**2
        variance = black + linear * self._mean + square * power
        scale = float(noise.mean(1.0) - noise.mean(0.0))
        noisy_covariance = scale**2 * self._covariance
        noisy_covariance.flat[:: len(self._mean) + 1] += np.maximum(variance, LEAST_VARIANCE)
        gain = solve(noisy_covariance, scale * self._covariance, assume_a="pos").T
        offset = self._mean - gain @ (scale * self._mean + float(noise.mean(0.0)))
        return gain.astype(np.float32), offset.astype(np.float32)

    def _averaged(self, image, gain, offset):
        """The estimates of all patches of an image (C, H, W), averaged where they overlap."""
        channels, side, _ = self._shape
        height = image.shape[1]
        total, count = np.zeros_like(image), np.zeros_like(image[0])
        for top in range(0, height - side + 1, ROWS):
            strip = image[:, top : top + ROWS + side - 1]
            patches = _patches(strip[None], (side, side))
            rows, columns = patches.shape[1:3]
            estimates = patches.reshape(-1, len(offset)) @ gain.T + offset
            estimates = estimates.reshape(rows, columns, channels, side, side)
            for row, column in np.ndindex(side, side):
                place = np.s_[top + row : top + row + rows, column : column + columns]
                total[:, place[0], place[1]] += estimates[..., row, column].transpose(2, 0, 1)
                count[place] += 1
        return total / count

    def state(self):
        return {
            "mean": self._mean,
            "covariance": self._covariance,
            "shape": np.array([*self._shape, self._whole]),
        }

    def load(self, arrays):
        self._mean, self._covariance = arrays["mean"], arrays["covariance"]
        *shape, whole = arrays["shape"].tolist()
        self._shape, self._whole = tuple(shape), bool(whole)
        self._filters = {}


def _check_size(images, sides):
    height, width = images.shape[2:]
    if height < sides[0] or width < sides[1]:
        raise Unsupported(f"images of {height}x{width} hold no patch of {sides[0]}x{sides[1]}")


def _patches(images, sides):
    """All patches (N, rows, columns, C, *sides) of (N, C, H, W)."""
    return np.moveaxis(sliding_window_view(images, sides, (2, 3)), 1, 3)
