"""zarr 2 and 3, and OME-Zarr, read by zarr: of several arrays `file.zarr::group/name` names one.

Of OME-Zarr the first resolution is read, which is the highest; the axes before y and x (time,
channel, depth) count pages, as in TIFF. Of other arrays `axes` says what their axes are. What is
too large is refused by the metadata, before anything is read. A chunk that is not there stands for
the array's fill value, by the format: a note says how many; an array of which none is there is
refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import UsageError
from bench.datasets.formats.arrays import chosen
from bench.datasets.formats.axes import Layout, check_kind, layout_of, white_of
from bench.datasets.formats.files import check_pixels, check_room, need
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from bench.core import Array


@dataclass(frozen=True)
class _Place:
    """An array in a file.

    Attributes:
        name: of the array; empty where the file is the array.
        shape: of the array.
        axes: of OME-Zarr those before y and x, by name; None where the array is not of such.
        group: of OME-Zarr that which describes it.
        described: and its attributes, with the highest resolution alone.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...] | None = None
    group: str = ""
    described: Mapping[str, Any] = field(default_factory=dict)


def open_file(path: Path, inner: str) -> Stored:
    """The metadata, and a page at a time later."""
    place = _chosen(path, inner)
    leading: tuple[int, ...] = ()
    if place.axes is None:
        layout = layout_of(place.shape)
    else:
        *leading, height, width = place.shape  # type: ignore[assignment]
        layout = Layout((1, height, width), math.prod(leading), False, None)
    check_pixels(*layout.shape[1:])
    if layout.pages < 1:
        raise UnusableImage("it holds no image: one of its axes is 0")
    array = _array(path, place.name)
    kind = check_kind(array.dtype)
    check_room(path, math.prod(array.chunks) * array.dtype.itemsize)  # each is decoded whole
    missing = _missing(array)

    def read(page: int) -> Array:
        if place.axes is None:
            return layout.page(array, page).astype(kind, copy=False)
        index = np.unravel_index(page, leading) if leading else ()
        return np.array(array[tuple(map(int, index))], kind)[None]

    notes: tuple[str, ...] = (layout.note,) if layout.note else ()
    if place.axes and layout.pages > 1:
        counted = " x ".join(
            f"{size} {axis}" for size, axis in zip(leading, place.axes, strict=True) if size > 1
        )
        notes = (f"its {layout.pages} pages are {counted}",)
    if missing:
        notes += (missing,)
    return Stored(layout.shape, layout.pages, kind, white_of(kind), read, notes=notes)


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """The array at its place alone, chunked, compressed and described as in `like`."""
    import zarr

    place = _chosen(like, inner)
    source = _array(like, place.name)
    if place.axes is None:
        values = layout_of(source.shape).array(pages)
    elif pages.shape[:2] == (math.prod(source.shape[:-2]), 1):
        values = pages.reshape(*source.shape[:-2], *pages.shape[2:])
    else:
        raise UsageError(f"{like.name} has {math.prod(source.shape[:-2])} grey pages")
    options: dict[str, Any] = {
        "shape": values.shape,
        "dtype": values.dtype,
        "compressors": source.compressors or None,
        "filters": source.filters or None,
        "attributes": dict(source.attrs),
    }
    version = source.metadata.zarr_format
    if version == 3:
        options["dimension_names"] = source.metadata.dimension_names
    if len(source.chunks) == values.ndim:
        options |= {"chunks": source.chunks, "shards": source.shards}
    if place.name:
        group = zarr.open_group(target, mode="w", zarr_format=version)
        written = group.create_array(place.name, **options)
        if place.axes is not None:
            described = group[place.group] if place.group else group
            described.attrs.update(place.described)
    else:
        written = zarr.create_array(target, zarr_format=version, **options)
    written[...] = values


def _array(path: Path, name: str) -> Any:
    import zarr

    array = zarr.open_array(path, path=name, mode="r")
    if "pickle" in repr((array.filters, array.compressors)).lower():
        raise UnusableImage("it holds Python objects, which are not read: save numbers")
    return array


def _missing(array: Any) -> str:
    """A line of the chunks that are not there; empty if all are."""
    there, parts = array.nchunks_initialized, array.shards or array.chunks
    if not there:
        raise UnusableImage("none of its chunks is there")
    whole = [-(-side // part) for side, part in zip(array.shape, parts, strict=True)]
    if array.shards:  # counted as if every one held all that it can
        there //= math.prod(s // c for s, c in zip(array.shards, array.chunks, strict=True))
    stored = math.prod(whole)
    if there >= stored:
        return ""
    what = "shards" if array.shards else "chunks"
    return (
        f"{stored - there:,} of its {stored:,} {what} are not there: their pixels are its fill "
        f"value, {array.fill_value}"
    )


def _chosen(path: Path, inner: str) -> _Place:
    need("zarr", "zarr", "zarr files")
    import zarr

    node = zarr.open(path, mode="r")
    places = {place.group or place.name: place for place in _places(node, "")}
    wanted = inner.strip("/")
    if wanted not in places:
        # Of several arrays those that could be images, as everywhere; OME-Zarr's always are.
        wanted = chosen({name: _plain(place) for name, place in places.items()}, wanted)
    return places[wanted]


def _plain(place: _Place) -> tuple[int, ...]:
    return place.shape if place.axes is None else place.shape[-2:]


def _places(node: Any, name: str) -> Iterator[_Place]:
    """All arrays in a group, of OME-Zarr its highest resolution alone."""
    import zarr

    if isinstance(node, zarr.Array):
        if node.dtype.kind in "buifc":
            yield _Place(name, node.shape)
        return
    attributes = dict(node.attrs)
    scales = attributes.get("ome", attributes).get("multiscales")
    if scales:
        yield _highest(node, name, attributes, scales)
        return
    for member, child in sorted(node.members()):
        yield from _places(child, f"{name}/{member}".strip("/"))


def _highest(
    group: Any, name: str, attributes: dict[str, Any], scales: list[dict[str, Any]]
) -> _Place:
    """The highest resolution of OME-Zarr, versions 0.1 to 0.5."""
    if len(scales) > 1:
        raise UnusableImage(f"it holds {len(scales)} images of several scales: save each to a file")
    (scale,) = scales
    array = group[scale["datasets"][0]["path"]]
    said = scale.get("axes", list("tczyx")[-array.ndim :])
    axes = tuple(axis["name"] if isinstance(axis, dict) else axis for axis in said)
    if axes[-2:] != ("y", "x") or len(axes) != array.ndim:
        raise UnusableImage(f"its axes are {', '.join(axes)}: save it with y and x last")
    alone = [{**scale, "datasets": scale["datasets"][:1]}]
    if "ome" in attributes:
        described = {**attributes, "ome": {**attributes["ome"], "multiscales": alone}}
    else:
        described = {**attributes, "multiscales": alone}
    return _Place(array.path, array.shape, axes[:-2], name, described)
