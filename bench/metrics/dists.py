"""Deep image structure and texture similarity: 0 to 2, 0 for equal images; lower is better.

Through torchmetrics (Apache 2.0), with its authors' weights (MIT), on torchvision's VGG-16
(BSD 3-clause), trained on ImageNet.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bench import metric
from bench.metrics._backbones import with_weights
from bench.metrics._torch import by_torch

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="lower",
    title="DISTS",
    decimals=4,
    between=(0, 2),
    requires=("torchmetrics", "torchvision"),
    reference="Ding, Ma, Wang and Simoncelli 2022",
    note="grey images are repeated to three channels; images keep their size; NaN below 16 pixels "
    "a side",
)
def dists(clean: Array, restored: Array) -> Values:
    """Distance in structure and texture between the features of both images in VGG-16.

    Grey images are repeated to three channels. Images keep their size; the authors' script first
    scales the shorter side down to 256, where it is longer.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].

    Returns:
        Float64 (N,) in [0, 2]; NaN below 16 pixels a side, and for other numbers of channels.

    Raises:
        Unsupported: the weights of VGG-16 are missing and cannot be downloaded.

    Source: Ding, Ma, Wang and Simoncelli 2022, eq. 6 to 8.

    Example:
        >>> import numpy as np
        >>> grey = np.zeros((1, 1, 32, 32), np.float32)
        >>> dists(grey, grey).tolist()  # doctest: +SKIP
        [0.0]
    """
    network = _network()
    return by_torch(network, clean, restored, least=16, pixels=1 << 17, double=False, three=True)


@cache
def _network() -> Any:
    """The network with its weights, once in a process."""
    from torchmetrics.functional.image.dists import DISTSNetwork
    from torchvision.models import VGG16_Weights

    return with_weights(DISTSNetwork, VGG16_Weights.IMAGENET1K_V1)
