"""Mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array

    Values = npt.NDArray[Any]  # float64 (N,)


def mse(clean: Array, restored: Array) -> Values:
    """Mean squared error over an image's pixels and channels."""
    difference = (clean - restored).reshape(len(clean), -1)
    return np.einsum("ij,ij->i", difference, difference, dtype=np.float64) / difference.shape[1]
