"""Posterior mean under the training images as prior: what memorising alone can reach."""

import numpy as np

from bench import Unsupported, method

# Test images whose likelihoods under all training images are held at once.
BLOCK = 256


@method(
    tune={"temperature": (1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0)},
    reference="Robbins 1956; Milanfar and Delbracio 2024, section 3",
    random=False,
)
class PosteriorMean:
    """Mean of the training images, each weighted by its likelihood: what memorising can reach.

    The exact posterior mean of Gaussian noise if the training images were all that there is:
    weights proportional to exp(-|y - x_i|^2 / (2 T sigma^2)), T = `temperature`. At T = 1 one
    image takes all; higher ones average more of them.
    """

    temperature: float = 1.0

    def fit(self, train, seed):
        self._images, self._shape = train.reshape(len(train), -1), train.shape[1:]

    def denoise(self, noisy, noise):
        if self.temperature <= 0:
            raise Unsupported(f"temperature={self.temperature:g}: give one over 0")
        if noisy.shape[1:] != self._shape:
            trained, given = ("x".join(map(str, s)) for s in (self._shape, noisy.shape[1:]))
            raise Unsupported(f"it was trained on images of {trained} and is given {given}")
        # Less the mean, so that single precision is not spent on what all have in common.
        mean = self._images.mean(axis=0)
        known = self._images - mean
        half_squares = 0.5 * np.einsum("ij,ij->i", known, known)
        seen = noisy.reshape(len(noisy), -1) - mean
        scale = np.float32(1 / max(self.temperature * noise.sigma**2, 1e-12))
        restored = np.empty_like(seen)
        for start in range(0, len(seen), BLOCK):
            part = slice(start, start + BLOCK)
            # -|y - x|^2 / 2 up to what does not depend on x; then softmax, in place.
            weights = seen[part] @ known.T
            weights -= half_squares
            weights *= scale
            weights -= weights.max(axis=1, keepdims=True)
            np.exp(weights, out=weights)
            total = weights.sum(axis=1, keepdims=True)
            restored[part] = weights @ known / total + mean
        return restored.reshape(noisy.shape)

    def state(self):
        # Files of 8 bits are a quarter as large as they are in memory.
        bytes_ = np.round(self._images * 255).astype(np.uint8)
        lossless = np.array_equal(bytes_.astype(np.float32) / 255, self._images)
        return {"images": bytes_ if lossless else self._images, "shape": np.array(self._shape)}

    def load(self, arrays):
        images = arrays["images"]
        self._images = images.astype(np.float32) / 255 if images.dtype == np.uint8 else images
        self._shape = tuple(arrays["shape"].tolist())
