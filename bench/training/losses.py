"""Loss terms that several methods share: sums over values, means over images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _CrossEntropy(torch.autograd.Function):
    """The summed binary cross-entropy of logits.

    torch's own takes as long as a large layer, since it goes through `log1p` one value at a
    time; and what its gradient needs is but a sigmoid.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(logits, target)
        # -t log s(x) - (1 - t) log(1 - s(x)) = log(1 + e^-|x|) + max(x, 0) - t x
        softplus = logits.abs().neg_().exp_().add_(1).log_()
        return softplus.add_(logits.clamp_min(0)).sub_(target * logits).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        logits, target = ctx.saved_tensors
        return torch.sigmoid(logits).sub_(target).mul_(grads[0]), None


def cross_entropy(logits: Tensor, clean: Tensor) -> Tensor:
    """Binary cross-entropy in nats between images in [0, 1] and the logits of their pixels.

    Args:
        logits: float32 (N, ...).
        clean: as many values, of any shape (N, ...).
    """
    return _CrossEntropy.apply(logits, clean.reshape(logits.shape)) / len(clean)


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence in nats of Gaussian codes (N, D) from a standard normal.

    Kingma and Welling 2014, appendix B.
    """
    terms = mean.square() + log_variance.exp() - log_variance
    return 0.5 * (terms.sum() / len(mean) - mean[0].numel())
