"""BM3D: similar patches, stacked and shrunk together in a transform."""

import numpy as np

from bench import Unsupported, method

# The package fails or crashes on less.
LEAST = 9


@method(
    reference="Dabov et al. 2007; Mäkinen, Azzari and Foi 2020",
    requires=("bm3d",),
    note="the package bm3d may be used for non-commercial purposes only",
)
def bm3d(noisy, noise):
    """Block matching and 3D filtering, by its authors' package, told sigma; nothing is tuned.

    Stacks of similar 8 x 8 patches are thresholded in a 3D transform, matched anew on the result
    and Wiener-filtered. Colours are matched on their luminance.
    """
    from bm3d import BM3DProfile, bm3d_rgb
    from bm3d import bm3d as restore

    height, width = noisy.shape[2:]
    if min(height, width) < LEAST:
        raise Unsupported(f"images of {height}x{width} are smaller than {LEAST} pixels a side")
    # One thread: with more of its own the package adds up in changing order, with results that
    # differ between runs, and in several of ours it crashes.
    profile = BM3DProfile()
    profile.num_threads = 1
    restored = np.empty_like(noisy)
    for image, out in zip(noisy, restored, strict=True):
        if (image == image[0]).all():  # grey; without colour the package divides 0 by 0
            out[:] = restore(image[0], noise.sigma, profile)
        else:
            colours = bm3d_rgb(np.moveaxis(image, 0, -1), noise.sigma, profile)
            out[:] = np.moveaxis(colours, -1, 0)
    return restored
