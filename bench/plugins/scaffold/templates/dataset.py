"""my-dataset: one line that says what it shows; `bench datasets` lists it.

Try it:    bench run --plugin my_dataset.py --dataset my-dataset --noise 0.1
Check it:  bench test my-dataset --plugin my_dataset.py
"""

import numpy as np

from bench import dataset


# range: stored values of black and white; uint8 and uint16 have one without it.
# unit: of stored values, such as "counts" or "HU".
# reference: where the images come from, as a table would cite it ("none" if there is none).
@dataset(range=(0, 4095), unit="counts", reference="none")
def my_dataset(split, folder):
    """Blurred rings of 12 bits, 8 for testing and as many for tuning.

    Args:
        split: "train", "validation" or "test"; give nothing for one that there is not.
        folder: the data folder (`--data-dir`); leave it out where no file is read. Of files:

                for path in sorted((folder / "my-dataset" / split).glob("*.tif")):
                    yield path

    Yields:
        The images of the split one by one, the same whenever it is called: an array (H, W),
        (C, H, W) or (H, W, C) of stored values, or a path. Where more is known of an image:
        {"clean": image, "noisy": [frame, ...], "label": 3, "unit": "patient 7"}, of which clean or
        noisy will do.
    """
    if split == "train":
        return
    height, width = np.mgrid[-1:1:64j, -1:1:64j]
    for number in range(8):
        radius = np.hypot(height, width) * (4 + number + (split == "test") / 2)
        yield (2047 * (1 + np.sin(radius))).astype(np.uint16)
