"""BM3D by a package that is free: similar patches, stacked and shrunk together in a transform."""

import numpy as np

from bench import Unsupported, method

# The sides of the patches, and one more, so that there are some to compare.
LEAST = 9


@method(
    reference="Dabov et al. 2007; Mäkinen, Azzari and Foi 2020",
    requires=("bmnd",),
    note="by the package bmnd (MIT), which takes about three times as long as bm3d",
)
def bm3d_free(noisy, noise):
    """Block matching and 3D filtering, by the package bmnd, told sigma; nothing is tuned.

    As `bm3d`, whose figures it has within 0.05 dB, for any purpose; of grey images, also of such
    that are stored as RGB.
    """
    from bmnd import BM3DProfile, bmnd
    from numba import get_num_threads, set_num_threads

    height, width = noisy.shape[2:]
    if min(height, width) < LEAST:
        raise Unsupported(f"images of {height}x{width} are smaller than {LEAST} pixels a side")
    if not (noisy == noisy[:, :1]).all():
        raise Unsupported("it takes grey images, not colours: bm3d does, for non-commercial use")
    restored = np.empty_like(noisy)
    threads = get_num_threads()
    set_num_threads(1)
    try:
        for image, out in zip(noisy, restored, strict=True):
            out[:] = bmnd(image[0], BM3DProfile(), sigma=noise.sigma)
    finally:
        set_num_threads(threads)
    return restored
