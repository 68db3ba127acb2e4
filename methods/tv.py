"""Total variation: few edges, flat between them."""

import numpy as np

from bench import method

ITERATIONS = 100
# Of the dual's ascent, as scikit-image takes it in two dimensions.
STEP = 1 / 4
# Pixels that are worked on at a time, so that they stay in a core's cache.
CACHED = 1 << 15


@method(
    tune={"strength": (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2)},
    least={"strength": 0},
    reference="Rudin, Osher and Fatemi 1992; Chambolle 2004",
    threads=True,
)
def tv(noisy, noise, *, strength=1.0):
    """Minimise the total variation plus the squared distance to the noisy image.

    The weight of the variation is `strength` times sigma (0 does nothing), by a hundred steps of
    Chambolle's dual algorithm: scikit-image's `denoise_tv_chambolle` of each channel with
    eps=0, max_num_iter=100.
    """
    weight = strength * noise.sigma
    if weight == 0:
        return noisy
    parts = -(-noisy.size // CACHED)
    restored = [_denoised(part, weight) for part in np.array_split(noisy, min(parts, len(noisy)))]
    return np.concatenate(restored)


def _denoised(noisy, weight):
    """One stretch of memory for all images: the pixel below is a width away, the next one 1."""
    # The image and its gradient are taken times the step, a power of 2, which rounds nothing.
    scaled = np.multiply(noisy, STEP, dtype=np.float32).ravel()
    width, shape = noisy.shape[-1], noisy.shape
    # Of each direction the dual variable and the gradient, which ends at an image's last row or
    # column. What is restored is the image less the dual's divergence.
    down, across = np.zeros((2, scaled.size), np.float32)
    below, beside = np.zeros((2, scaled.size), np.float32)
    last_row, last_column = below.reshape(shape)[..., -1, :], beside.reshape(shape)[..., -1]
    restored, norm = scaled.copy(), np.empty_like(scaled)
    for step in range(ITERATIONS):
        if step:
            np.add(down, across, out=norm)
            norm[width:] -= down[:-width]
            norm[1:] -= across[:-1]
            norm *= STEP
            np.subtract(scaled, norm, out=restored)
        np.subtract(restored[width:], restored[:-width], out=below[:-width])
        np.subtract(restored[1:], restored[:-1], out=beside[:-1])
        last_row[...] = 0
        last_column[...] = 0
        down -= below
        across -= beside
        below *= below
        beside *= beside
        np.add(below, beside, out=norm)
        np.sqrt(norm, out=norm)
        norm *= 1 / weight
        norm += 1
        down /= norm
        across /= norm
    return (restored / STEP).reshape(shape)
