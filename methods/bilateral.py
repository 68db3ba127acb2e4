"""Bilateral filter: averages pixels that are near and alike."""

import math

import numpy as np

from bench import method


@method(
    tune={"width": (0.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0), "spatial": (0.7, 1.0, 1.5, 2.0, 2.5)},
    least={"width": 0, "spatial": 0.1},
    reference="Tomasi and Manduchi 1998",
    threads=True,
)
def bilateral(noisy, noise, *, width=2.0, spatial=1.5):
    """Average of the neighbours, weighted by Gaussians of their distance and of their difference.

    The Gaussian of the distance has a standard deviation of `spatial` pixels and is cut at
    twice that, the Gaussian of the difference one of `width` times sigma (0 does nothing). In
    RGB the difference is that of the colours, as a Euclidean distance.
    """
    deviation = width * noise.sigma
    if deviation == 0:
        return noisy
    reach = math.ceil(2 * spatial)
    height, across = noisy.shape[-2:]
    padded = np.pad(noisy, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="edge")
    total, weights = noisy.copy(), np.ones_like(noisy[:, :1])
    for down, right in np.ndindex(2 * reach + 1, 2 * reach + 1):
        distance = (down - reach) ** 2 + (right - reach) ** 2
        if distance == 0:
            continue
        neighbour = padded[..., down : down + height, right : right + across]
        weight = np.square(neighbour - noisy).sum(axis=1, keepdims=True)
        weight *= -0.5 / deviation**2
        weight -= 0.5 * distance / spatial**2
        np.exp(weight, out=weight)
        weights += weight
        total += weight * neighbour
    return total / weights
