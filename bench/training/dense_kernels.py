"""Kernels of dense networks' updates, in Triton; see `bench.training.dense`, which launches them.

Every kernel works on a stack of trainings at once, the last dimension of its grid: what it computes
for one depends on the sizes of its tiles alone, so that the bits are the same whatever the company.
A tile has BM rows and BN columns of the result, which are sums over BK values at a time.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def probe_kernel(out):
    """Shows whether kernels can be compiled and run here."""
    tl.store(out, 1.0)


@triton.jit(do_not_specialize=["rows"])
def layer_kernel(
    x, w, bias, seen, draws, out, sums, rows, scale, beta,
    x_stack, x_row, seen_stack, seen_row, draws_stack, draws_row, out_stack, out_row,
    K: tl.constexpr, N: tl.constexpr, W_N: tl.constexpr, W_K: tl.constexpr,
    MODE: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """A product with a layer's weights, forwards or backwards, and what is done with its result.

    Forwards: "linear" and "relu" give the layer's output; "logits" the gradient of the binary
    cross-entropy against `seen`, and in `sums` its value by tile, both times `scale`. Backwards:
    "plain" gives the gradient of the layer's input, "mask" that of what was rectified to `seen`,
    "code" that of the mean and log-variance in `seen` of which the input was drawn with `draws`.
    """
    tile_n, tile_m, stack = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    m, n = tile_m * BM + tl.arange(0, BM), tile_n * BN + tl.arange(0, BN)
    inside = (m < rows)[:, None] & (n < N)[None, :]
    x += stack * x_stack + m[:, None] * x_row
    w += stack * (N * K) + n[None, :] * W_N
    total = tl.zeros((BM, BN), tl.float32)
    for low in range(0, K, BK):
        k = low + tl.arange(0, BK)
        left = tl.load(x + k[None, :], mask=(m < rows)[:, None] & (k < K)[None, :], other=0.0)
        right = tl.load(w + k[:, None] * W_K, mask=(k < K)[:, None] & (n < N)[None, :], other=0.0)
        total = tl.dot(left, right, total, input_precision=PRECISION)
    if MODE == "linear" or MODE == "relu" or MODE == "logits":
        total += tl.load(bias + stack * N + n, mask=n < N, other=0.0)[None, :]
    out += stack * out_stack + m[:, None] * out_row + n[None, :]
    seen += stack * seen_stack + m[:, None] * seen_row + n[None, :]
    if MODE == "linear" or MODE == "plain":
        tl.store(out, total, mask=inside)
    elif MODE == "relu":
        tl.store(out, tl.maximum(total, 0.0), mask=inside)
    elif MODE == "mask":
        kept = tl.load(seen, mask=inside, other=0.0) > 0
        tl.store(out, tl.where(kept, total, 0.0), mask=inside)
    elif MODE == "logits":
        target = tl.load(seen, mask=inside, other=0.0)
        small = tl.exp(-tl.abs(total))
        value = tl.log(1.0 + small) + tl.maximum(total, 0.0) - target * total
        tile_sum = tl.sum(tl.sum(tl.where(inside, value, 0.0), axis=1), axis=0)
        tiles = tl.num_programs(0) * tl.num_programs(1)
        tl.store(sums + stack * tiles + tile_m * tl.num_programs(0) + tile_n, tile_sum * scale)
        sigmoid = tl.where(total > 0, 1.0, small) / (1.0 + small)
        tl.store(out, (sigmoid - target) * scale, mask=inside)
    elif MODE == "code":
        mean = tl.load(seen, mask=inside, other=0.0)
        deviation = tl.exp(0.5 * tl.load(seen + N, mask=inside, other=0.0))
        draws += stack * draws_stack + m[:, None] * draws_row + n[None, :]
        draw, weight = tl.load(draws, mask=inside, other=0.0), beta * scale
        tl.store(out, total + weight * mean, mask=inside)
        by_log_variance = total * draw * deviation + weight * (deviation * deviation - 1.0)
        tl.store(out + N, 0.5 * by_log_variance, mask=inside)


@triton.jit(do_not_specialize=["rows"])
def code_kernel(
    x, w, bias, draws, encoded, code, sums, rows, scale, beta,
    x_stack, x_row, draws_stack, draws_row, encoded_stack, encoded_row, code_stack, code_row,
    K: tl.constexpr, N: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """A layer that gives mean and log-variance of N values each, and a code drawn from them.

    `sums` get the code's KL divergence from a standard normal by tile, times `scale` and `beta`.
    """
    tile_n, tile_m, stack = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    m, n = tile_m * BM + tl.arange(0, BM), tile_n * BN + tl.arange(0, BN)
    inside = (m < rows)[:, None] & (n < N)[None, :]
    x += stack * x_stack + m[:, None] * x_row
    w += stack * (2 * N * K) + n[None, :] * K
    mean, log_variance = tl.zeros((BM, BN), tl.float32), tl.zeros((BM, BN), tl.float32)
    for low in range(0, K, BK):
        k = low + tl.arange(0, BK)
        left = tl.load(x + k[None, :], mask=(m < rows)[:, None] & (k < K)[None, :], other=0.0)
        used = (k < K)[:, None] & (n < N)[None, :]
        right = tl.load(w + k[:, None], mask=used, other=0.0)
        mean = tl.dot(left, right, mean, input_precision=PRECISION)
        right = tl.load(w + N * K + k[:, None], mask=used, other=0.0)
        log_variance = tl.dot(left, right, log_variance, input_precision=PRECISION)
    bias += stack * 2 * N + n
    mean += tl.load(bias, mask=n < N, other=0.0)[None, :]
    log_variance += tl.load(bias + N, mask=n < N, other=0.0)[None, :]
    deviation = tl.exp(0.5 * log_variance)
    draws += stack * draws_stack + m[:, None] * draws_row + n[None, :]
    draw = tl.load(draws, mask=inside, other=0.0)
    encoded += stack * encoded_stack + m[:, None] * encoded_row + n[None, :]
    tl.store(encoded, mean, mask=inside)
    tl.store(encoded + N, log_variance, mask=inside)
    code += stack * code_stack + m[:, None] * code_row + n[None, :]
    tl.store(code, mean + draw * deviation, mask=inside)
    kl = 0.5 * beta * scale * (mean * mean + deviation * deviation - log_variance - 1.0)
    tile_sum = tl.sum(tl.sum(tl.where(inside, kl, 0.0), axis=1), axis=0)
    tiles = tl.num_programs(0) * tl.num_programs(1)
    tl.store(sums + stack * tiles + tile_m * tl.num_programs(0) + tile_n, tile_sum)


@triton.jit
def _adam(value, mean, square, gradient, rate, root):
    """Value, mean and square after an update; rate and root hold the bias corrections."""
    mean = 0.9 * mean + (1 - 0.9) * gradient
    square = 0.999 * square + (1 - 0.999) * gradient * gradient
    return value - rate * mean / (tl.sqrt(square) * root + 1e-8), mean, square


@triton.jit(do_not_specialize=["rows"])
def adam_kernel(
    gradient, x, w, w_mean, w_square, b, b_mean, b_square, rates, rows,
    gradient_stack, gradient_row, x_stack, x_row,
    N: tl.constexpr, K: tl.constexpr, PRECISION: tl.constexpr,
    BN: tl.constexpr, BK: tl.constexpr, BR: tl.constexpr,
):  # fmt: skip
    """The gradients of a layer's weights and biases, BR images at a time, and Adam's update.

    What it updates is read before the products, which hide the wait; gradients are never written.
    """
    tile_k, tile_n, stack = tl.program_id(0), tl.program_id(1), tl.program_id(2).to(tl.int64)
    n, k = tile_n * BN + tl.arange(0, BN), tile_k * BK + tl.arange(0, BK)
    at, used = stack * (N * K) + n[:, None] * K + k[None, :], (n < N)[:, None] & (k < K)[None, :]
    value = tl.load(w + at, mask=used, other=0.0)
    mean = tl.load(w_mean + at, mask=used, other=0.0)
    square = tl.load(w_square + at, mask=used, other=0.0)
    total, by_bias = tl.zeros((BN, BK), tl.float32), tl.zeros((BN, BR), tl.float32)
    gradient += stack * gradient_stack + n[:, None]
    x += stack * x_stack + k[None, :]
    for low in range(0, rows, BR):
        r = low + tl.arange(0, BR)
        left = tl.load(
            gradient + r[None, :] * gradient_row,
            mask=(n < N)[:, None] & (r < rows)[None, :],
            other=0.0,
        )
        right = tl.load(
            x + r[:, None] * x_row, mask=(r < rows)[:, None] & (k < K)[None, :], other=0.0
        )
        total = tl.dot(left, right, total, input_precision=PRECISION)
        by_bias += left  # (a sum within the loop fails to compile)
    rate, root = tl.load(rates), tl.load(rates + 1)
    value, mean, square = _adam(value, mean, square, total, rate, root)
    tl.store(w + at, value, mask=used)
    tl.store(w_mean + at, mean, mask=used)
    tl.store(w_square + at, square, mask=used)
    if tile_k == 0:
        b_at, b_used = stack * N + n, n < N
        b_value = tl.load(b + b_at, mask=b_used, other=0.0)
        b_m = tl.load(b_mean + b_at, mask=b_used, other=0.0)
        b_s = tl.load(b_square + b_at, mask=b_used, other=0.0)
        b_value, b_m, b_s = _adam(b_value, b_m, b_s, tl.sum(by_bias, axis=1), rate, root)
        tl.store(b + b_at, b_value, mask=b_used)
        tl.store(b_mean + b_at, b_m, mask=b_used)
        tl.store(b_square + b_at, b_s, mask=b_used)
