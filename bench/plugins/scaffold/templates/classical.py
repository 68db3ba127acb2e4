"""my_method: one line that says what it does; `bench methods` shows it.

Try it:    bench run --plugin my_method.py --methods identity,my-method --noise 0.3
Check it:  bench test my-method --plugin my_method.py
"""

from scipy.ndimage import uniform_filter

from bench import method


# tune: values that the harness may choose from, for each noise, on validation images. Include
#   one that hardly changes the image. Where the best number is the smallest or the largest, further
#   ones are tried. A parameter typed as my-method[weight=0.5] is not tuned.
# reference: the paper, as a table would cite it ("none" if there is none).
# threads: the harness may share a batch among threads; leave it out for code that holds
#   Python's lock.
@method(
    tune={"size": (3, 5), "weight": (0.0, 0.25, 0.5, 0.75, 1.0)},
    reference="none",
    threads=True,
)
def my_method(noisy, noise, *, size=3, weight=0.75):
    """Move each pixel towards the mean of its surroundings, less so where they vary.

    Keyword-only arguments are parameters, each with a default.

    Args:
        noisy: float32 (N, C, H, W), a batch of images of one shape. Do not write into it, and
            let no image influence another.
        noise: noise.kind, noise.level and noise.sigma. Leave this argument out if the method
            does not need them: it is then listed as blind.
        size: side of the surroundings, in pixels.
        weight: how far pixels are moved where nothing but noise varies.

    Returns:
        Float32 of the shape of `noisy`; the harness clamps it to [0, 1]. What the method cannot
        take it refuses with `raise bench.Unsupported("grey images only")`.
    """

    def mean(images):
        return uniform_filter(images, size, mode="nearest", axes=(-2, -1))

    local_mean = mean(noisy)
    variance = mean((noisy - local_mean) ** 2)
    # Where the variance is the noise's, all of it is noise; where it is larger, an edge is near.
    flat = (noise.sigma**2 / (variance + 1e-12)).clip(0, 1)
    return (noisy + weight * flat * (local_mean - noisy)).astype("float32")
