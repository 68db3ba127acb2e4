"""Non-local means: averages pixels whose surroundings look alike."""

import math

import numpy as np

from bench import Unsupported, method

# Pixels that are worked on at a time, of several images or some rows of one: they stay in a core's
# cache.
CACHED = 1 << 16
# Beyond an image's mirrored sides: so unlike all in it that it weighs nothing. Its square, summed
# over a patch, is a float32 still.
FAR = 1e15
# The exponents of smaller weights: beside a pixel's own weight, 1, float32 has no digits for them,
# and processors are slow with numbers that are smaller still.
LEAST_EXPONENT = -40.0


@method(
    tune={
        "h": (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2),
        "patch": (3, 5, 7),
        "distance": (4, 6, 8, 10),
    },
    least={"h": 0, "patch": 1, "distance": 0},
    reference="Buades, Coll and Morel 2005, 2011",
    threads=True,
)
def nlm(noisy, noise, device, *, h=0.8, patch=5, distance=6, engine="exact"):
    """Average pixels by the likeness of their patches, with strength `h` relative to sigma.

    A pixel p becomes the mean of the image's pixels q that are at most `distance` rows and columns
    away, each weighted by exp(-max(d - 2 sigma^2, 0) / (h sigma)^2), itself by 1. d is the mean
    squared difference of the patches around p and q, over `patch` x `patch` pixels (an odd number)
    and all channels, where patches that overlap the image's sides see it mirrored there, without
    repeating the outermost pixels. With h = 0 it does nothing. Computed in float32.

    Engine "skimage" is scikit-image's fast mode with the same parameters, which differs: it sums
    d over the first `patch` - 1 rows and columns but divides by `patch`^2, counts the pixel itself
    twice, averages mirrored pixels too, and cuts weights under exp(-5) off.
    """
    if engine not in ("exact", "skimage"):
        raise Unsupported(f"engine={engine}: write exact or skimage")
    if patch % 2 == 0:
        raise Unsupported(f"patch={patch}: give an odd number")
    if h == 0:
        return noisy
    if engine == "skimage":
        return _by_skimage(noisy, noise.sigma, h, patch, distance)
    parts = -(-noisy[:, 0].size // CACHED) if device == "cpu" else 1
    restored = [
        _exact(part, noise.sigma, h, patch, distance, device)
        for part in np.array_split(noisy, min(parts, len(noisy)))
    ]
    return np.concatenate(restored)


def _exact(noisy, sigma, h, patch, distance, device):
    """By the definition, shift by shift, so that each pair of pixels is seen once.

    Arrays are flat, pixel by pixel and of each pixel all images, (H, W, N), with rows that are
    wider than the images by a margin. So pixels a shift apart lie equally far apart wherever they
    are, every operation runs over one stretch of memory, and what reaches over a side meets the
    margin, from which nothing weighs anything.
    """
    images, channels, height, width = noisy.shape
    radius, down, across = patch // 2, min(distance, height - 1), min(distance, width - 1)
    columns = width + 2 * radius + max(1, across - 2 * radius)
    pixels = noisy.transpose(1, 2, 3, 0)
    sides = ((0, 0), (radius, radius), (radius, radius), (0, 0))
    mirrored = np.pad(pixels, sides, mode="reflect")
    # So that squared differences summed over a patch are what the exponent needs.
    mirrored *= np.float32(1 / (math.sqrt(channels) * patch * h * sigma))
    end = (across + patch) * images
    xp, mirrored, values, unlike = _placed(
        device, _flat(mirrored, columns, end, FAR), _flat(pixels, columns, end, 0), 2 / h**2
    )
    totals, weights = values + 0, xp.ones_like(values[0])
    spare = xp.empty_like(mirrored[0]), xp.empty_like(mirrored[0])
    row = columns * images
    # Whatever the number of images, so that each is added up in the same order.
    band = max(1, CACHED // columns) if device == "cpu" else height
    for top in range(0, height, band):
        for rows, right in np.ndindex(down + 1, 2 * across + 1):
            shift = rows * row + (right - across) * images
            size = min(band, height - rows - top) * row
            if shift <= 0 or size <= 0:
                continue
            one, other = (slice(at, at + size) for at in (top * row, top * row + shift))
            distances = _distances(mirrored, one, shift, patch, row, images, spare, xp)
            weight = _weights(distances, unlike, xp)
            for place in (one, other):
                xp.add(weights[place], weight, out=weights[place])
            product = spare[1][:size]
            for value, total in zip(values, totals, strict=True):
                for place, seen in ((one, other), (other, one)):
                    xp.multiply(weight, value[seen], out=product)
                    xp.add(total[place], product, out=total[place])
    totals /= weights
    totals = totals if device == "cpu" else totals.cpu().numpy()
    restored = totals[:, : height * row].reshape(channels, height, columns, images)
    return restored[:, :, :width].transpose(3, 0, 1, 2)


def _flat(images, columns, end, filler):
    """Images (C, H, W, N) as (C, pixels): rows filled up to `columns`, `end` pixels more."""
    channels, height, width, number = images.shape
    flat = np.full((channels, height * columns * number + end), filler, np.float32)
    rows = flat[:, :-end].reshape(channels, height, columns, number)
    rows[:, :, :width] = images
    return flat


def _placed(device, mirrored, values, unlike):
    """The library that computes there, and its arrays: NumPy, or torch where there is a GPU."""
    if device == "cpu":
        return np, mirrored, values, np.float32(unlike)
    import torch

    arrays = (torch.from_numpy(array).to(device) for array in (mirrored, values))
    return torch, *arrays, torch.tensor(unlike)


def _distances(mirrored, one, shift, patch, row, images, spare, xp):
    """Squared differences of the patches around the pixels of `one` and those a shift away."""
    reach = slice(one.start, one.stop + (patch - 1) * (row + images))
    further = slice(reach.start + shift, reach.stop + shift)
    squares, another = (array[: reach.stop - reach.start] for array in spare)
    for number, channel in enumerate(mirrored):
        difference = another if number else squares
        xp.subtract(channel[reach], channel[further], out=difference)
        xp.multiply(difference, difference, out=difference)
        if number:
            xp.add(squares, difference, out=squares)
    return _sums(_sums(squares, patch, row, another, xp), patch, images, another, xp)


def _sums(values, size, step, spare, xp):
    """Sums of `size` values `step` apart, an odd number, in place: of one and of pairs."""
    count = len(values) - (size - 1) * step
    total, pairs = values[:count], spare[: max(0, len(values) - step)]
    if size > 1:
        xp.add(values[: len(pairs)], values[step:], out=pairs)
    for at in range(1, size, 2):
        xp.add(total, pairs[at * step : at * step + count], out=total)
    return total


def _weights(distances, unlike, xp):
    """exp(-max(d - 2 sigma^2, 0) / (h sigma)^2), in place."""
    xp.subtract(unlike, distances, out=distances)
    xp.clip(distances, LEAST_EXPONENT, 0, out=distances)
    return xp.exp(distances, out=distances)


def _by_skimage(noisy, sigma, h, patch, distance):
    """Image by image, by scikit-image's fast mode."""
    from skimage.restoration import denoise_nl_means

    restored = np.empty_like(noisy)
    for image, out in zip(noisy, restored, strict=True):
        colour = len(image) > 1  # of a single channel it would transpose the result
        seen = denoise_nl_means(
            image if colour else image[0],
            patch_size=patch,
            patch_distance=distance,
            h=h * sigma,
            sigma=sigma,
            fast_mode=True,
            channel_axis=0 if colour else None,
        )
        out[:] = seen.reshape(out.shape)  # of an image one pixel wide it drops that axis
    return restored
