"""Files that hold several arrays by name: which is meant."""

from __future__ import annotations

from collections.abc import Mapping

from bench.datasets.formats.stored import UnusableImage

_SHOWN = 8


def chosen(shapes: Mapping[str, tuple[int, ...]], inner: str) -> str:
    """The name of the array that is meant: `inner`, or the only one that could be an image.

    Args:
        shapes: of all arrays of numbers in a file.
        inner: what stands behind `::` in its path; empty for the only one.

    Raises:
        UnusableImage: there is none, or several; they are named.

    >>> chosen({"image": (32, 32), "times": (7,)}, "")
    'image'
    """
    wanted = inner.strip("/")
    if wanted:
        if wanted in shapes:
            return wanted
        raise UnusableImage(f"it holds no array {inner}{_named(shapes)}")
    images = {name: shape for name, shape in shapes.items() if len(shape) in (2, 3, 4)}
    if len(images) == 1:
        return next(iter(images))
    if not images:
        raise UnusableImage(f"none of its arrays is an image{_named(shapes)}")
    raise UnusableImage(f"it holds {len(images)} arrays{_named(images)}")


def _named(shapes: Mapping[str, tuple[int, ...]]) -> str:
    if not shapes:
        return ""
    names = list(shapes)
    rest = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return f": name one of {', '.join(names[:_SHOWN])}{rest} as FILE::NAME"
