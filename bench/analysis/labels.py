"""What tables call things: methods and noises by their full names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import method_label, noise_name

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


def with_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `label` (method as typed) and the noise's full name."""
    return frame.assign(
        label=rowwise(method_label, frame["method"], frame["params"], frame["regime"].fillna("")),
        noise=rowwise(noise_name, frame["noise"], frame["clip"]),
    )


def rowwise(function: Callable[..., object], *columns: Any) -> npt.NDArray[np.object_]:
    """`function` of each row, as an array; it is called once for each distinct row."""
    import pandas as pd

    codes, rows = pd.MultiIndex.from_arrays(columns).factorize()
    return np.array([function(*row) for row in rows], dtype=object)[codes]


def tuples(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a frame, as tuples of some of its columns."""
    return zip(*(frame[name] for name in columns), strict=True)
