"""Non-local means: averages pixels whose surroundings look alike."""

import numpy as np
from skimage.restoration import denoise_nl_means

from bench import method


@method(
    tune={
        "h": (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2),
        "patch": (3, 5, 7),
        "distance": (4, 6),
    },
    least={"h": 0, "patch": 1, "distance": 0},
    reference="Buades, Coll and Morel 2005",
    threads=True,
)
def nlm(noisy, noise, *, h=0.8, patch=5, distance=6):
    """Average pixels by the likeness of their patches, with strength `h` relative to sigma.

    `patch` is the patch's side and `distance` the search radius, in pixels. The noise's
    variance is subtracted from the patches' distances. With h = 0 it does nothing.
    """
    if h == 0:
        return noisy
    sigma = noise.sigma
    settings = {"patch_size": patch, "patch_distance": distance, "h": h * sigma, "sigma": sigma}
    restored = np.empty_like(noisy)
    for image, out in zip(noisy, restored, strict=True):
        if len(image) == 1:  # of a single channel, scikit-image would transpose the result
            out[0] = denoise_nl_means(image[0], fast_mode=True, **settings)
        else:
            out[:] = denoise_nl_means(image, fast_mode=True, channel_axis=0, **settings)
    return restored
