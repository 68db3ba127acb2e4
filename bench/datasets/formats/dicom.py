"""DICOM, read by pydicom: grey or RGB, one frame or several, which are the pages.

Rescale slope and intercept are applied, of enhanced files each frame's own, so that values are in
the unit that the file says: HU of CT. How it is shown is not: a window is reported and not applied,
and the values of MONOCHROME1, whose least is shown white, are not inverted, since noise is of the
values. Palettes and tables of values (Modality LUT) are refused, and so are pixels of another
length than the header says, and files that are deflated as a whole: what they claim cannot be
known before they are inflated.

Written are whole numbers under the header of another file, uncompressed and with an instance UID
of their own; values are taken back through its rescaling, to the nearest that it can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import MissingPackage, UsageError
from bench.datasets.formats.files import check_pages, check_pixels, need
from bench.datasets.formats.stored import Stored, UnusableImage

if TYPE_CHECKING:
    from pydicom import Dataset

    from bench.core import Array

_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
#: Larger elements are not read with the header.
_DEFERRED = 2**16
_UNDEFINED = 0xFFFFFFFF
# Transfer syntaxes.
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"


@dataclass(frozen=True)
class _Rescaling:
    """Stored numbers to values: `slope` times, plus `intercept`."""

    slope: float = 1.0
    intercept: float = 0.0

    def applied(self, numbers: Array, kind: np.dtype[Any]) -> Array:
        return (numbers.astype(np.float64) * self.slope + self.intercept).astype(kind)

    def undone(self, values: Array) -> Array:
        return np.rint((values.astype(np.float64) - self.intercept) / self.slope)


def open_file(path: Path, inner: str) -> Stored:
    """The header, and a frame at a time later."""
    if inner:
        raise UnusableImage(f"its frames have no names, such as {inner}")
    header = _header(path)
    _check(header, path)
    height, width = int(header.Rows), int(header.Columns)
    check_pixels(height, width)
    frames = _frames(header)
    rescalings = _rescalings(header, frames)
    rescaled = any(rescaling != _Rescaling() for rescaling in rescalings)
    kind, limits = _kind(header)
    white = float(limits[1]) if limits and kind.kind == "u" and limits[1] < 2**16 else None
    if rescaled:
        # Of 16 bits a float32 holds each value so well that it can be taken back.
        kind, white = np.dtype(np.float64 if kind.itemsize > 2 else np.float32), None

    def read(page: int) -> Array:
        pixels = _frame(path, page)
        pixels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
        if rescaled:
            return rescalings[page].applied(pixels, kind)
        return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))

    channels = int(header.SamplesPerPixel)
    return Stored(
        (channels, height, width), frames, kind, white, read, _unit(header), _notes(header)
    )


def save(target: Path, pages: np.ndarray[Any, Any], like: Path, inner: str) -> None:
    """Frames under the header of `like`."""
    need("pydicom", "dicom", "DICOM files")
    from pydicom import dcmread

    _check(_header(like), like)
    dataset = dcmread(like)
    kind, limits = _kind(dataset)
    if limits is None or kind.itemsize > 2 or dataset.file_meta.TransferSyntaxUID == _BIG_ENDIAN:
        raise UsageError(f"such DICOM ({like.name}) is only read: save it as TIFF")
    if pages.shape[1] != dataset.SamplesPerPixel:
        raise UsageError(f"{like.name} has {dataset.SamplesPerPixel} channels")
    frames = _frames(dataset)
    if len(pages) != frames:
        raise UsageError(f"{like.name} has {frames} frames, not {len(pages)}")
    rescalings = _rescalings(dataset, frames)
    numbers = np.stack(
        [rescaling.undone(page) for rescaling, page in zip(rescalings, pages, strict=True)]
    )
    if not (
        np.isfinite(numbers).all() and numbers.min() >= limits[0] and numbers.max() <= limits[1]
    ):
        raise UsageError(f"a value is not one of those that {like.name} can hold")
    stored = np.moveaxis(numbers.astype(kind), 1, -1)
    stored = stored[..., 0] if pages.shape[1] == 1 else stored
    photometric = str(dataset.PhotometricInterpretation)
    dataset.set_pixel_data(
        stored[0] if frames == 1 else stored,
        photometric if photometric in _GREY else "RGB",
        int(dataset.BitsStored),
    )
    dataset.ImageType = ["DERIVED", *list(dataset.get("ImageType") or ["", "SECONDARY"])[1:]]
    dataset.save_as(target)


def _header(path: Path) -> Dataset:
    need("pydicom", "dicom", "DICOM files")
    from pydicom import dcmread
    from pydicom.filereader import read_file_meta_info

    if read_file_meta_info(path).get("TransferSyntaxUID") == _DEFLATED:
        raise UnusableImage("it is deflated as a whole: save it uncompressed")
    return dcmread(path, defer_size=_DEFERRED)


def _frames(header: Dataset) -> int:
    """How many it says that it has."""
    said = header.get("NumberOfFrames")
    frames = 1 if said in (None, "") else int(said)
    check_pages(frames)
    return frames


def _frame(path: Path, index: int) -> Array:
    """A frame as it is stored, (H, W) or (H, W, 3), in RGB."""
    from pydicom.pixels import pixel_array

    try:
        with path.open("rb") as file:
            return pixel_array(file, index=index)
    except RuntimeError as error:  # of all decoders that are installed
        text = " ".join(str(error).split()).rpartition("plugins: ")[2]
        raise UnusableImage(f"its pixels cannot be decoded ({text[:200]})") from error


def _check(header: Dataset, path: Path) -> None:
    """Refuses what is no image, cannot be decoded here or is of a kind that is not taken."""
    from pydicom.pixels import get_decoder

    elements = [
        name for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in header
    ]
    if not elements:
        encrypted = "EncryptedAttributesSequence" in header
        raise UnusableImage(
            "it is encrypted: save it decrypted" if encrypted else "it is DICOM without an image"
        )
    for name in ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"):
        if header.get(name) in (None, ""):
            raise UnusableImage(f"it is broken: it does not say its {name}")
    photometric = str(header.PhotometricInterpretation)
    if (int(header.SamplesPerPixel), photometric) not in (
        *((1, name) for name in _GREY),
        *((3, name) for name in _COLOUR),
    ):
        raise UnusableImage(f"its pixels are {photometric}: save it as grey or RGB")
    if "ModalityLUTSequence" in header:
        raise UnusableImage("its values stand in a table (Modality LUT): save it with a rescaling")
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise UnusableImage("it is broken: it does not say its transfer syntax")
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise UnusableImage(f"its compression is {syntax.name}, which is not taken") from error
    if not decoder.is_available:
        needed = " or ".join(
            text.partition("requires ")[2] for text in decoder.missing_dependencies
        )
        raise MissingPackage(f"{path}: for {syntax.name} install {needed}")
    check_pixels(int(header.Rows), int(header.Columns))
    _check_length(header, elements[0], path)


def _check_length(header: Dataset, name: str, path: Path) -> None:
    """Refuses pixels that end before the header says, or go on."""
    element = header.get_item(name, keep_deferred=True)
    start, length = getattr(element, "value_tell", 0), getattr(element, "length", _UNDEFINED)
    if length != _UNDEFINED and start and start + length > path.stat().st_size:
        raise UnusableImage("it is cut short: some of its pixels are not there")
    frames = _frames(header)
    if header.file_meta.TransferSyntaxUID.is_encapsulated:
        if start:
            _check_fragments(path, start, frames)
        return
    kind, _ = _kind(header)
    samples = int(header.SamplesPerPixel)
    if header.PhotometricInterpretation == "YBR_FULL_422":
        samples -= 1  # two pixels have one colour
    said = frames * int(header.Rows) * int(header.Columns) * samples * kind.itemsize
    if length not in (said, said + said % 2):  # written lengths are even
        raise UnusableImage(
            f"it is broken: its header says {said} bytes of pixels, and it has {length}"
        )


def _check_fragments(path: Path, start: int, frames: int) -> None:
    """Refuses compressed frames that are not there: each begins a fragment of its own."""
    from pydicom.encaps import parse_basic_offsets, parse_fragments

    with path.open("rb") as file:
        file.seek(start)
        parse_basic_offsets(file)
        fragments, _ = parse_fragments(file)
    if fragments < frames:
        raise UnusableImage(
            f"it is broken: it says that it has {frames} frames, and holds {fragments}"
        )


def _kind(header: Dataset) -> tuple[np.dtype[Any], tuple[int, int] | None]:
    """The type of the stored numbers, and the least and the greatest that whole ones can be."""
    if "PixelData" not in header:
        return np.dtype(np.float32 if "FloatPixelData" in header else np.float64), None
    allocated, bits = int(header.BitsAllocated), int(header.BitsStored)
    if allocated not in (8, 16, 32) or not 0 < bits <= allocated:
        raise UnusableImage(f"its pixels are of {bits} in {allocated} bits: save it with 8 or 16")
    if int(header.get("HighBit", bits - 1)) != bits - 1:
        raise UnusableImage("its pixels do not lie in the lowest bits: save it anew")
    least = -(2 ** (bits - 1)) if header.PixelRepresentation else 0
    letter = "i" if header.PixelRepresentation else "u"
    return np.dtype(f"{letter}{allocated // 8}"), (least, least + 2**bits - 1)


def _rescalings(header: Dataset, frames: int) -> list[_Rescaling]:
    """Of each frame."""
    general = _rescaling(header, _Rescaling())
    shared = header.get("SharedFunctionalGroupsSequence")
    if shared:
        general = _rescaling(_group(shared[0]), general)
    each = header.get("PerFrameFunctionalGroupsSequence") or []
    if each and len(each) != frames:
        raise UnusableImage(f"it says that it has {frames} frames, and describes {len(each)}")
    own = [_rescaling(_group(frame), general) for frame in each] or [general] * frames
    if int(header.SamplesPerPixel) > 1 and any(rescaling != _Rescaling() for rescaling in own):
        raise UnusableImage("its colours are rescaled, which is not known to mean anything")
    return own


def _group(frame: Dataset) -> Dataset:
    transformation = frame.get("PixelValueTransformationSequence")
    return transformation[0] if transformation else frame


def _rescaling(header: Dataset, otherwise: _Rescaling) -> _Rescaling:
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if slope in (None, "") or intercept in (None, ""):
        return otherwise
    if float(slope) == 0:
        raise UnusableImage("it is broken: its rescale slope is 0")
    return _Rescaling(float(slope), float(intercept))


def _unit(header: Dataset) -> str:
    """Where a file is rescaled, of what; CT is in Hounsfield units unless it says otherwise."""
    said = str(header.get("RescaleType") or header.get("Units") or "")
    if not said and header.get("Modality") == "CT" and "RescaleSlope" in header:
        return "HU"
    return "" if said == "US" else said  # unspecified


def _notes(header: Dataset) -> tuple[str, ...]:
    notes = []
    centre, width = header.get("WindowCenter"), header.get("WindowWidth")
    if centre not in (None, "") and width not in (None, ""):
        notes.append(
            f"it asks to be shown with window centre {_listed(centre)} and width "
            f"{_listed(width)}, which are not applied to its values"
        )
    if header.PhotometricInterpretation == "MONOCHROME1":
        notes.append("its least value is shown white; values are not inverted")
    return tuple(notes)


def _listed(numbers: Any) -> str:
    return " or ".join(f"{float(number):g}" for number in np.ravel(numbers))
