"""The images of a run as one figure of matplotlib's."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from bench.core import UsageError
from bench.report.content.families import representative

if TYPE_CHECKING:
    from bench.report.content.section import Section


def grid(section: Section) -> Any:
    """Clean, noisy and restored images, a row a method, under the first noises.

    The backend, which draws what a notebook plots, stays the user's.

    Raises:
        UsageError: no images are kept.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    from bench.report.figures.pictures import examples
    from bench.report.figures.typesetting import theme

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        theme()
        drawn = examples(representative(section))
        for _, canvas in drawn:
            plt.close(canvas)  # or the notebook would show it a second time
    if not drawn:
        raise UsageError("no images of these methods and noises are kept")
    return drawn[0][1]
