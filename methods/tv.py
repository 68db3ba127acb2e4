"""Total variation: few edges, flat between them."""

import numpy as np

from bench import method

ITERATIONS = 100
# Of the dual's ascent, as scikit-image takes it in two dimensions.
STEP = 1 / 4


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
    # The dual variable, one a direction; what is restored is the image less its divergence.
    dual = np.zeros((2, *noisy.shape), np.float32)
    gradient = np.zeros_like(dual)
    down, across = gradient
    restored = noisy
    norm = np.empty_like(noisy)
    for step in range(ITERATIONS):
        if step:
            divergence = -dual.sum(axis=0)
            divergence[..., 1:, :] += dual[0, ..., :-1, :]
            divergence[..., :, 1:] += dual[1, ..., :, :-1]
            restored = noisy + divergence
        np.subtract(restored[..., 1:, :], restored[..., :-1, :], out=down[..., :-1, :])
        np.subtract(restored[..., :, 1:], restored[..., :, :-1], out=across[..., :, :-1])
        np.sqrt(down**2 + across**2, out=norm)
        norm *= STEP / weight
        norm += 1
        dual -= STEP * gradient
        dual /= norm
    return restored
