"""my_metric: one line that says what it measures; `bench metrics` shows it.

Try it:    bench run --plugin my_metric.py --metrics psnr,my-metric --noise 0.3
Check it:  bench test my-metric --plugin my_metric.py
"""

import numpy as np

from bench import metric


# better: which way is better, "higher" or "lower".
# unit: as tables show it, such as "dB"; leave it out for a plain number.
# between: the least and the greatest value that there can be; leave it out if there is none.
# decimals: that tables show.
# reference: the paper, as a table would cite it ("none" if there is none).
@metric(better="lower", unit="grey levels", between=(0, 255), decimals=1, reference="none")
def my_metric(clean, restored, *, percent=99.0):
    """The error that so many percent of an image's pixels stay below.

    Take what you need, by these names: clean, restored, noisy (float32 (N, C, H, W), data range 1),
    label (int64 (N,), of labelled data sets), noise (noise.kind, noise.level, noise.sigma).
    Keyword-only arguments are parameters, each with a default: my-metric[percent=90].

    Args:
        clean: a batch of images of one shape. Do not write into it.
        restored: the same images from a method, clamped to [0, 1].
        percent: of the pixels.

    Returns:
        One number an image, (N,); NaN where the metric is not defined, such as for images that are
        too small. No image influences another's number.
    """
    error = 255 * np.abs(restored - clean)
    return np.percentile(error.reshape(len(error), -1), percent, axis=1)
