"""Noise of a kind that does not come with bench: data everywhere, code where that is loaded.

Such a noise travels to workers and comes out of records as its kind, level and the digest of its
code. What draws it is looked up by these when it is drawn; loading the plugin puts it there.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.core.errors import BenchError, Unsupported
from bench.core.noise import Draws, Noise

#: Kind and digest -> what draws such noise, as far as this process has loaded it.
_CODE: dict[tuple[str, str], type[Noise]] = {}


class BadNoise(BenchError):
    """A noise that is a plugin cannot be drawn, or gave what no noise may give."""


@dataclass(frozen=True)
class PluginNoise(Noise):
    """A noise that is a plugin; see `Noise`.

    Two are equal where they are drawn alike: of one kind, level and code.

    Attributes:
        source: digest of its code; empty as long as nobody has loaded it.
    """

    kind: str = ""  # type: ignore[misc]  # a kind of its own each, where others have a class each
    source: str = ""
    unit: str = field(default=Noise.unit, compare=False, repr=False)  # type: ignore[misc]
    highest: float = field(default=Noise.highest, compare=False, repr=False)  # type: ignore[misc]
    photons: bool = field(default=False, compare=False, repr=False)  # type: ignore[misc]

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`.

        Raises:
            BadNoise: its code is not loaded, or it raises.
            Unsupported: it refuses the images.
        """
        return self._call(lambda code: code.add(clean, draws))

    def std(self, clean: Any) -> Any:
        """See `Noise.std`; raises as `add` does."""
        return self._call(lambda code: code.std(clean))

    def mean(self, clean: Any) -> Any:
        """See `Noise.mean`; raises as `add` does."""
        return self._call(lambda code: code.mean(clean))

    def corrupt(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.corrupt`; raises as `add` does, and where it gave other than such images."""
        noisy = self.add(clean, draws)
        if wrong := _wrong(noisy, clean):
            raise BadNoise(f"noise {self.kind}: add() gave {wrong}")
        return noisy.clip(0, 1) if self.clip else noisy

    def as_dict(self) -> dict[str, Any]:
        """What identifies this noise, with its code."""
        return {**super().as_dict(), "source": self.source}

    def _call(self, function: Callable[[Noise], Any]) -> Any:
        code = _CODE.get((self.kind, self.source))
        if code is None:
            raise BadNoise(
                f"noise {self.kind} is a plugin's, and that is not loaded: name its file with "
                "--plugin"
            )
        try:
            return function(code(self.level, self.clip))
        except (BadNoise, Unsupported):
            raise
        except Exception as error:
            raise BadNoise(f"noise {self.kind}: {_explained(error, code)}") from error


def keep_code(kind: str, source: str, code: type[Noise]) -> None:
    """Have noises of that kind and digest drawn by a class, in this process."""
    _CODE[kind, source] = code


def _wrong(noisy: Any, clean: Any) -> str:
    """What is wrong with noisy images, in words; empty if nothing is."""
    if type(noisy) is not type(clean):
        return f"{type(noisy).__name__} for {type(clean).__name__}"
    if noisy.shape != clean.shape:
        return f"shape {tuple(noisy.shape)} for images of shape {tuple(clean.shape)}"
    if noisy.dtype != clean.dtype:
        return (
            f"{noisy.dtype} for {clean.dtype} images: NumPy's own numbers, such as np.sqrt(2), "
            "widen them; write 2 ** 0.5"
        )
    if not hasattr(noisy, "detach"):  # of a tensor on a GPU it would be waited for
        import numpy as np

        if not np.isfinite(noisy).all():
            return "NaN or infinity"
    return ""


def _explained(error: Exception, code: type[Noise]) -> str:
    """What went wrong in an author's code, in one line, with the line where it did."""
    files = {getattr(sys.modules.get(each.__module__), "__file__", "") for each in code.__mro__}
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files and frame.filename != __file__
    ]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
