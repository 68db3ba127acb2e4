"""Loss terms that several methods share: sums over pixels or codes, means over images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class _CrossEntropy(torch.autograd.Function):
    """The summed binary cross-entropy of logits.

    torch's own takes as long as a large layer, since it goes through `log1p` one value at a
    time; and its gradient needs only a sigmoid.
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
    """Binary cross-entropy between images and the logits of their pixels.

    >>> clean = torch.ones(2, 1, 1, 3)
    >>> round(cross_entropy(torch.zeros(2, 3), clean).item(), 4)  # 3 log 2
    2.0794

    Args:
        logits: of any precision (N, ...); the sum is in float32.
        clean: images in [0, 1], as many values as `logits`, of any shape (N, ...).

    Returns:
        A scalar in nats: the sum over pixels, the mean over images.
    """
    return _CrossEntropy.apply(logits.float(), clean.reshape(logits.shape)) / len(clean)


def standard_normal_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of Gaussian codes from a standard normal.

    Kingma and Welling 2014, appendix B.

    >>> standard_normal_kl(torch.ones(4, 20), torch.zeros(4, 20)).item()
    10.0

    Args:
        mean: of each code (N, D).
        log_variance: the logarithm of its variance (N, D).

    Returns:
        A scalar in nats: the sum over the code, the mean over images.
    """
    mean, log_variance = mean.float(), log_variance.float()
    terms = mean.square() + log_variance.exp() - log_variance
    return 0.5 * (terms.sum() / len(mean) - mean[0].numel())


def checked_terms(
    given: object, device: torch.device, before: Sequence[str] = ()
) -> dict[str, Tensor]:
    """What a method's `loss` gave, if it may: a dictionary of named scalars.

    Whether they are finite is seen once an epoch, since to look at them is to wait for the device.

    Args:
        given: by `loss`.
        device: where the network is.
        before: the names that the last call gave, in this training.

    Raises:
        TypeError, ValueError: what is wrong, and what to return.

    >>> checked_terms({}, torch.device("cpu"))
    Traceback (most recent call last):
    ValueError: loss() gives no terms: return {"loss": ...}
    """
    if not isinstance(given, dict):
        raise TypeError('loss() gives no dictionary of named terms: return {"loss": ...}')
    if not given:
        raise ValueError('loss() gives no terms: return {"loss": ...}')
    for name, term in given.items():
        if not isinstance(name, str):
            raise TypeError(f"loss() names a term {name!r}, which is no text")
        if not isinstance(term, Tensor):
            raise TypeError(f"loss() gives {type(term).__name__} as {name!r}, not a tensor")
        if term.ndim:
            raise ValueError(
                f"loss() gives a tensor of shape {tuple(term.shape)} as {name!r}, not one number: "
                "sum it, and divide by len(clean)"
            )
        if not term.is_floating_point():
            raise TypeError(f"loss() gives {term.dtype} as {name!r}, not a real number")
        if term.device.type != device.type:
            raise ValueError(
                f"loss() gives {name!r} on {term.device.type}, and the network is on {device.type}"
            )
    if before and list(given) != list(before):
        raise ValueError(
            f"loss() gives the terms {', '.join(given)}, and gave {', '.join(before)} before: give "
            "the same each time"
        )
    return given
