"""Learned perceptual image patch similarity: 0 and up, 0 for equal images; lower is better.

Through torchmetrics (Apache 2.0), with its authors' linear layers, version 0.1 (BSD 2-clause), on
torchvision's AlexNet or VGG-16 (BSD 3-clause), trained on ImageNet.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bench import Unsupported, metric
from bench.metrics._backbones import with_weights
from bench.metrics._torch import by_torch

if TYPE_CHECKING:
    from bench.core import Array, Values

# The shortest side that leaves something of an image in the deepest layer.
_LEAST = {"alex": 31, "vgg": 16}


@metric(
    better="lower",
    title="LPIPS",
    decimals=4,
    between=(0, float("inf")),
    requires=("torchmetrics", "torchvision"),
    reference="Zhang, Isola, Efros, Shechtman and Wang 2018",
    note="version 0.1; grey images are repeated to three channels; NaN below 31 pixels a side "
    "(net=vgg: 16)",
)
def lpips(clean: Array, restored: Array, *, net: str = "alex") -> Values:
    """Distance between the features of both images in a network.

    Grey images are repeated to three channels. Images keep their size.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].
        net: "alex" or "vgg": papers use both, and their figures are not to be compared.

    Returns:
        Float64 (N,), at least 0; NaN below 31 pixels a side for alex, 16 for vgg, and for other
        numbers of channels.

    Raises:
        Unsupported: there is no such net, or its weights are missing and cannot be downloaded.

    Source: Zhang, Isola, Efros, Shechtman and Wang 2018, eq. 1, variant "lin".

    Example:
        >>> import numpy as np
        >>> grey = np.zeros((1, 1, 32, 32), np.float32)
        >>> lpips(grey, grey, net="alex").tolist()  # doctest: +SKIP
        [0.0]
    """
    if net not in _LEAST:
        raise Unsupported(f"net={net}: write {' or '.join(_LEAST)}")
    network = _network(net)

    def measure(x: Any, y: Any) -> Any:
        return network(x, y, normalize=True)

    return by_torch(
        measure, clean, restored, least=_LEAST[net], pixels=1 << 18, double=False, three=True
    )


@cache
def _network(net: str) -> Any:
    """The network with its weights, once in a process."""
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    weights = {"alex": AlexNet_Weights, "vgg": VGG16_Weights}[net].IMAGENET1K_V1
    return with_weights(lambda: LearnedPerceptualImagePatchSimilarity(net_type=net).net, weights)
