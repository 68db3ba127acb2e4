"""Second implementations of metrics, written from their papers: one image, float64, no torch.

Images are (C, H, W) in [0, 1].
"""

import numpy as np
from scipy.ndimage import correlate, correlate1d, uniform_filter
from scipy.signal import convolve2d

LUMA = np.array([0.299, 0.587, 0.114])
YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def luma(image):
    return image[0] if len(image) == 1 else np.tensordot(LUMA, image, 1)


def same(image, kernel):
    """MATLAB's conv2(image, kernel, "same"): of even kernels SciPy takes another middle."""
    top, left = (side // 2 for side in kernel.shape)
    whole = convolve2d(image, kernel)
    return whole[top : top + image.shape[0], left : left + image.shape[1]]


BOX = np.full((2, 2), 0.25)


def halved_same(image):
    return same(image, BOX)[::2, ::2]


def psnr_scaled(clean, restored):
    """With the fit of a line by least squares, as CSBDeep's normalize_minmse has it."""
    x, y = restored.ravel(), clean.ravel()
    design = np.stack([x, np.ones_like(x)], axis=1)
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return -10 * np.log10(max(np.mean((fitted - y) ** 2), 1e-10))


def scale_invariant_psnr(clean, restored):
    """As the microscopists' code has it: the peak is the clean image's own range."""
    scaled = (clean - clean.mean()) / clean.std()
    x = restored - restored.mean()
    x = x * np.sum(scaled * x) / np.sum(x * x)
    return 20 * np.log10(np.ptp(clean) / clean.std() / np.sqrt(np.mean((scaled - x) ** 2)))


def ms_ssim(clean, restored, weights):
    """As msssim.m: averages with a mirrored edge, then each second pixel."""
    values = []
    for x, y in zip(clean, restored, strict=True):
        value = 1.0
        for scale, weight in enumerate(weights, start=1):
            mx, my, xx, yy, xy = (gaussian(z) for z in (x, y, x * x, y * y, x * y))
            contrast = (2 * (xy - mx * my) + 9e-4) / (xx - mx**2 + yy - my**2 + 9e-4)
            if scale == len(weights):
                contrast = contrast * (2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4)
            value *= max(contrast.mean(), 0) ** weight
            x, y = (uniform_filter(z, 2, mode="reflect", origin=-1)[::2, ::2] for z in (x, y))
        values.append(value)
    return np.mean(values)


def gaussian(image, size=11, sigma=1.5):
    taps = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    taps /= taps.sum()
    filtered = correlate1d(correlate1d(image, taps, axis=0), taps, axis=1)
    edge = size // 2
    return filtered[edge : image.shape[0] - edge, edge : image.shape[1] - edge]


def gmsd(clean, restored):
    """Xue et al. 2014: gradients by Prewitt's filter of halved images, T = 170 of 255^2."""
    kernel = np.array([[1, 0, -1]] * 3) / 3
    gradients = []
    for image in (clean, restored):
        half = halved_same(255 * luma(image))
        along = [same(half, k) for k in (kernel, kernel.T)]
        gradients.append(np.hypot(*along))
    x, y = gradients
    return np.std((2 * x * y + 170) / (x**2 + y**2 + 170))


def vif(clean, restored):
    """vifp_mscale.m: mutual information at four scales, the noise of seeing 2."""
    x, y = 255 * luma(clean), 255 * luma(restored)
    left = all_ = 0.0
    for scale in range(1, 5):
        size = 2 ** (5 - scale) + 1
        if scale > 1:
            x, y = (gaussian(z, size, size / 5)[::2, ::2] for z in (x, y))
        mx, my, xx, yy, xy = (gaussian(z, size, size / 5) for z in (x, y, x * x, y * y, x * y))
        vx, vy = np.maximum(xx - mx**2, 0), np.maximum(yy - my**2, 0)
        shared = xy - mx * my
        gain = shared / (vx + 1e-10)
        noise = vy - gain * shared
        gain, noise = np.where(vx < 1e-10, 0, gain), np.where(vx < 1e-10, vy, noise)
        vx = np.where(vx < 1e-10, 0, vx)
        gain, noise = np.where(vy < 1e-10, 0, gain), np.where(vy < 1e-10, 0, noise)
        noise, gain = np.where(gain < 0, vy, noise), np.maximum(gain, 0)
        noise = np.maximum(noise, 1e-10)
        left += np.log10(1 + gain**2 * vx / (noise + 2)).sum()
        all_ += np.log10(1 + vx / 2).sum()
    return left / all_


def haarpsi(clean, restored):
    """Reisenhofer et al. 2018: C = 30, alpha = 4.2, Haar filters of 2, 4 and 8 pixels."""
    colour = len(clean) == 3
    pair = []
    for image in (clean, restored):
        channels = np.tensordot(YIQ, 255 * image, 1) if colour else 255 * image
        pair.append([halved_same(channel) for channel in channels])

    def similar(a, b):
        return (2 * a * b + 30) / (a**2 + b**2 + 30)

    def bands(image):
        result = []
        for scale in (1, 2, 3):
            haar = np.full((2**scale, 2**scale), 2.0**-scale)
            haar[: haar.shape[0] // 2] *= -1
            result.append([np.abs(same(image, k)) for k in (haar, haar.T)])
        return result

    x, y = bands(pair[0][0]), bands(pair[1][0])
    maps = [sum(similar(x[s][k], y[s][k]) for s in (0, 1)) / 2 for k in (0, 1)]
    weights = [np.maximum(x[2][k], y[2][k]) for k in (0, 1)]
    if colour:
        means = [[np.abs(same(channel, BOX)) for channel in of[1:]] for of in pair]
        maps.append(sum(similar(a, b) for a, b in zip(*means, strict=True)) / 2)
        weights.append(np.mean(weights, axis=0))
    maps, weights = np.array(maps), np.array(weights)
    value = np.sum(weights / (1 + np.exp(-4.2 * maps))) / np.sum(weights)
    return (np.log(value / (1 - value)) / 4.2) ** 2


def fsim(clean, restored):
    """Zhang et al. 2011; FSIMc of colour images."""
    colour = len(clean) == 3
    pair = [np.tensordot(YIQ, 255 * z, 1) if colour else 255 * z for z in (clean, restored)]
    factor = max(1, round(min(clean.shape[1:]) / 256))
    if factor > 1:
        h, w = (side // factor for side in clean.shape[1:])
        pair = [
            z[:, : h * factor, : w * factor].reshape(-1, h, factor, w, factor).mean(axis=(2, 4))
            for z in pair
        ]
    scharr = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16

    def similar(a, b, constant):
        return (2 * a * b + constant) / (a**2 + b**2 + constant)

    phase = [phase_congruency(z[0]) for z in pair]
    slope = [
        np.hypot(*(correlate(z[0], k, mode="constant") for k in (scharr, scharr.T))) for z in pair
    ]
    score = similar(*phase, 0.85) * similar(*slope, 160)
    if colour:
        i, q = (similar(pair[0][k], pair[1][k], 200) for k in (1, 2))
        score = score * np.abs(i * q) ** 0.03
    weight = np.maximum(*phase)
    return np.sum(score * weight) / np.sum(weight)


def phase_congruency(image):
    """Kovesi's phasecong2 with the paper's filters: 4 scales from 6 pixels, 4 directions."""
    grids = []
    for side in image.shape:
        steps = np.arange(side) - side // 2
        grids.append(steps / (side - 1 if side % 2 else side))
    down, across = np.meshgrid(*grids, indexing="ij")
    radius, angle = np.hypot(down, across), np.arctan2(-across, down)
    low_pass = np.fft.ifftshift(1 / (1 + (radius / 0.45) ** 30))
    radius, angle = np.fft.ifftshift(radius), np.fft.ifftshift(angle)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(image)
    energies = amplitudes = 0.0
    for direction in np.arange(4) * np.pi / 4:
        turn = np.abs(np.angle(np.exp(1j * (angle - direction))))
        spread = np.exp(-(turn**2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters = []
        for wavelength in (6, 12, 24, 48):
            gabor = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(0.55) ** 2))
            gabor[0, 0] = 0
            filters.append(gabor * low_pass * spread)
        responses = np.array([np.fft.ifft2(spectrum * f) for f in filters])
        mean = responses.sum(axis=0)
        mean = mean / (np.abs(mean) + np.finfo(float).eps)
        along = (responses * mean.conj()).real
        beside = np.abs((responses * mean.conj()).imag)
        energy = (along - beside).sum(axis=0)
        power = np.median(np.abs(responses[0]) ** 2) / np.log(2) / np.sum(filters[0] ** 2)
        impulses = np.array([np.fft.ifft2(f).real for f in filters]) * np.sqrt(image.size)
        # sum(An^2) and the sum of all products of two: the square of the sum holds both.
        squares = np.sum(impulses**2)
        products = (np.sum(impulses.sum(axis=0) ** 2) - squares) / 2
        tau = np.sqrt(power * (squares + 2 * products))
        noise = tau * (np.sqrt(np.pi / 2) + 2 * np.sqrt(2 - np.pi / 2)) / 1.7
        energies = energies + np.maximum(energy - noise, 0)
        amplitudes = amplitudes + np.abs(responses).sum(axis=0)
    return energies / (amplitudes + np.finfo(float).eps)
