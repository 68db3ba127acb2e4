"""Image files under every combination of how pixels can be stored: right, or refused by name.

What is right is told by tifffile, which shares no code with Pillow, and for PNG by the array that
was packed here, byte by byte, as the standard has it.
"""

import errno
import itertools
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from bench.datasets.decoding import UnusableImage, read_image
from PIL import Image

from bench.core import DataError
from bench.datasets import decoding

RNG = np.random.default_rng(0)
HIGH, WIDE = 37, 53
#: Orientation -> an image as it is to be seen (TIFF 6.0, page 36).
UPRIGHT = {
    1: lambda image: image, 2: lambda image: image[:, ::-1], 3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1], 5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1), 7: lambda image: image[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}  # fmt: skip
#: Photometric interpretation, type, samples -> extra samples that are taken; None for none at all.
PIXELS = {
    ("minisblack", "u1", 1): [()], ("minisblack", "u2", 1): [()], ("minisblack", "bool", 1): [()],
    ("miniswhite", "u1", 1): [()], ("miniswhite", "bool", 1): [()], ("rgb", "u1", 3): [()],
    ("minisblack", "u1", 2): ["unassalpha"], ("rgb", "u1", 4): ["unassalpha", "assocalpha"],
    ("palette", "u1", 1): [()],
    ("miniswhite", "u2", 1): None, ("minisblack", "i1", 1): None, ("minisblack", "i2", 1): None,
    ("minisblack", "u4", 1): None, ("minisblack", "f2", 1): None, ("minisblack", "f4", 1): None,
    ("minisblack", "f8", 1): None, ("minisblack", "c8", 1): None, ("rgb", "u2", 3): None,
    ("rgb", "f4", 3): None, ("rgb", "u2", 4): None, ("rgb", "u1", 5): None,
    ("ycbcr", "u1", 3): None, ("separated", "u1", 4): None, ("cielab", "u1", 3): None,
    ("minisblack", "u1", 3): None,
}  # fmt: skip


def pixels_of(kind, samples):
    shape = (HIGH, WIDE) if samples == 1 else (HIGH, WIDE, samples)
    if kind[0] in "fc":
        return RNG.random(shape).astype(kind)
    if kind == "bool":
        return RNG.random(shape) < 0.5
    info = np.iinfo(kind)
    return RNG.integers(info.min, info.max, shape, kind, endpoint=True)


def by_tifffile(path, extra):
    """The image as float64 (C, H, W) in [0, 1]."""
    with tifffile.TiffFile(path) as file:
        (page,) = file.pages
        image = page.asarray()
        if page.planarconfig == 2:
            image = np.moveaxis(image, 0, -1)
        if page.photometric == 3:
            image = (np.moveaxis(page.colormap, 0, -1) >> 8).astype(np.uint8)[image]
        image = image / (1 if image.dtype == bool else np.iinfo(image.dtype).max)
        image = 1 - image if page.photometric == 0 else image
        image = image[..., :-1] if extra else image
        image = UPRIGHT[int(page.tags[274].value)](image.reshape(HIGH, WIDE, -1))
        return np.moveaxis(image, -1, 0)


@pytest.mark.parametrize("pixels", PIXELS, ids=lambda pixels: "-".join(map(str, pixels)))
def test_a_tiff_file_is_what_tifffile_reads_or_refused_by_name(pixels, tmp_path):
    photometric, kind, samples = pixels
    path, compared = tmp_path / "a.tif", 0
    extras = PIXELS[pixels]
    options = itertools.product(
        extras or ["unspecified"], "<>", [(None, False), ("zlib", False), ("zlib", True)],
        ["contig", "separate"] if samples > 1 else ["contig"], [1, 3, 6, 7, 8] if extras else [6],
        [{}, {"tile": (16, 16)}, {"rowsperstrip": 10}] if extras else [{}],
    )  # fmt: skip
    for extra, order, (compression, predictor), planes, orientation, parts in options:
        image = pixels_of(kind, samples)
        if predictor and kind in ("bool", "f2", "f4", "f8", "c8"):
            continue
        many = samples - (3 if photometric != "minisblack" else 1)
        if extra and extra != "unspecified":
            image[..., -1] = 255
        more = {"planarconfig": planes} if samples > 1 else {}
        if many > 0 and photometric != "separated":
            more["extrasamples"] = [extra] * many
        if photometric == "palette":
            more["colormap"] = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
        tifffile.imwrite(
            path, np.moveaxis(image, -1, 0) if planes == "separate" else image,
            photometric=photometric, byteorder=order, compression=compression, metadata=None,
            predictor=predictor, extratags=[(274, 3, 1, orientation, True)], **more, **parts,
        )  # fmt: skip
        if extras and (planes == "contig" or samples == 3):
            np.testing.assert_allclose(read_image(path), by_tifffile(path, extra), atol=1e-6)
            compared += 1
        else:
            with pytest.raises(UnusableImage, match=r"^TIFF files of .* are not taken: save it"):
                read_image(path)
    assert compared > 20 or not extras


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate"])
def test_lossless_compression_gives_the_pixels_that_were_packed(compression, tmp_path):
    for kind, samples, predictor in itertools.product(("u1", "u2", "bool"), (1, 3), (1, 2)):
        if samples == 3 and kind != "u1":
            continue
        if predictor == 2 and (kind == "bool" or compression == "packbits"):
            continue
        image = pixels_of(kind, samples)
        path = tmp_path / "a.tif"
        Image.fromarray(image).save(path, compression=compression, tiffinfo={317: predictor})
        white = 1 if kind == "bool" else np.iinfo(kind).max
        expected = np.moveaxis(image.reshape(HIGH, WIDE, -1), -1, 0) / white
        np.testing.assert_allclose(read_image(path), expected, atol=1e-6)


def tagged(path, number, value):
    """A grey TIFF file with a tag more."""
    Image.fromarray(pixels_of("u1", 1)).save(path, tiffinfo={number: value})


def with_bits(path, bits):
    """A grey TIFF file of 16 bits that says that its samples have fewer."""
    tifffile.imwrite(path, pixels_of("u2", 1), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[258].overwrite(bits)


def in_parts(path, change, **options):
    """A TIFF file in strips or tiles, of whose offsets or sizes one is changed."""
    tifffile.imwrite(path, pixels_of("u1", 1), metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        for numbers in ((273, 324), (279, 325)):
            (tag,) = (tags[number] for number in numbers if number in tags)
            changed = change(numbers == (273, 324), list(tag.value))
            if changed != list(tag.value):
                tag.overwrite(tuple(changed))


def last_half(path):
    tifffile.imwrite(path, pixels_of("u1", 1), metadata=None, compression="zlib")
    path.write_bytes(path.read_bytes()[:-200])


def stack(path):
    """As ImageJ writes large ones: of three images the file lists the first."""
    images = RNG.integers(0, 255, (3, HIGH, WIDE), np.uint8)
    tifffile.imwrite(path, images, imagej=True, truncate=True)


def palette(path):
    """Of 16-bit colours that 8 bits cannot hold."""
    colours = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, pixels_of("u1", 1), photometric="palette", colormap=colours)


def ghost(path):
    """An EPS file by its content: its decoder starts Ghostscript."""
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")


def flipped(path):
    """A PNG file whose pixels are stored as they are, with one changed: its sum tells."""
    path.write_bytes(png(8, 0, pixels_of("u1", 1), level=0))
    data = bytearray(path.read_bytes())
    data[900] ^= 1
    path.write_bytes(data)


def transparent(path):
    rgb = pixels_of("u1", 3)
    Image.fromarray(np.dstack([rgb, np.full(rgb.shape[:2], 200, np.uint8)])).save(path)


def cut_short(path):
    Image.fromarray(RNG.integers(0, 256, (60, 60), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])


def animated(path):
    grey = pixels_of("u1", 1)
    frames = [Image.fromarray(grey), Image.fromarray(255 - grey)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def deep_colour(path):
    """A PNG header of 16 bits a channel in colour; nothing after it is ever read."""
    Image.fromarray(pixels_of("u1", 3)).save(path)
    data = bytearray(path.read_bytes())
    data[24] = 16
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


REFUSED = {
    "transparent.png": (transparent, "transparent"),
    "short.png": (cut_short, "it is broken"),
    "empty.png": (lambda path: path.write_bytes(b""), "no image"),
    "text.jpg": (lambda path: path.write_text("not a picture"), "no image"),
    "two.tiff": (animated, "it holds 2 images"),
    "deep.png": (deep_colour, "16 bits a channel"),
    "ink.tif": (
        lambda path: Image.fromarray(pixels_of("u1", 3)).convert("CMYK").save(path),
        "CMYK pixels of 8+8+8+8 bits",
    ),
    "float.tif": (
        lambda path: Image.fromarray(pixels_of("u1", 1).astype(np.float32)).save(path),
        "floating-point pixels",
    ),
    "bits12.tif": (lambda path: with_bits(path, 12), "grey pixels of 12 bits"),
    "bits4.tif": (lambda path: with_bits(path, 4), "grey pixels of 4 bits"),
    "predicted.tif": (lambda path: tagged(path, 317, 2), "predictor 2"),
    "fill.tif": (lambda path: tagged(path, 266, 2), "bits in reverse order"),
    "small.tif": (lambda path: tagged(path, 254, 1), "a smaller version"),
    "undefined.tif": (lambda path: tagged(path, 339, 4), "other pixels"),
    "cut.tif": (last_half, "some of its strips or tiles are not there"),
    "sparse.tif": (
        lambda path: in_parts(path, lambda at, part: [0, *part[1:]] if at else part, tile=(16, 16)),
        "some of its strips or tiles are not there",
    ),
    "fewer.tif": (
        lambda path: in_parts(path, lambda at, part: part[:-1], rowsperstrip=10),
        "some of its strips or tiles are not there",
    ),
    "shorter.tif": (
        lambda path: in_parts(
            path, lambda at, part: part if at else [part[0] - 9, *part[1:]], rowsperstrip=10
        ),
        "some of its strips or tiles are not there",
    ),
    "jpeg.tif": (
        lambda path: Image.fromarray(pixels_of("u1", 1)).save(path, compression="jpeg"),
        "compression 7",
    ),
    "fax.tif": (
        lambda path: Image.fromarray(pixels_of("bool", 1)).save(path, compression="group4"),
        "compression 4",
    ),
    "stack.tif": (stack, "it holds 3 images"),
    "palette.tif": (palette, "a palette of 16 bits"),
    "ghost.png": (ghost, "no image of the kinds that are taken"),
    "windows.png": (
        lambda path: Image.fromarray(pixels_of("u1", 1)).save(path, "BMP"),
        "no image of the kinds that are taken",
    ),
    "flipped.png": (flipped, "it is broken"),
    "nowhere.png": (lambda path: path.symlink_to("gone.png"), "a link to what is not there"),
    "pipe.png": (os.mkfifo, "no regular file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_to_be_read_right_is_refused_by_name(name, tmp_path):
    make, reason = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(UnusableImage) as refused:
        read_image(tmp_path / name)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


# -- PNG -------------------------------------------------------------------------------------


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(depth, colour, samples, key=None, palette=b"", level=6):
    """A PNG file: samples (H, W) or (H, W, C) packed by the standard, with a transparent colour."""
    rows = samples.reshape(len(samples), -1)
    if depth < 8:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(rows), -1), axis=-1)
    else:
        packed = rows.astype(f">u{depth // 8}").view(np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", *samples.shape[1::-1], depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header)]
    parts += [chunk(b"PLTE", palette)] if palette else []
    parts += [chunk(b"tRNS", key)] if key is not None else []
    parts += [chunk(b"IDAT", zlib.compress(raw, level)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_grey_png_is_read_right_and_transparency_by_colour_is_seen(depth, tmp_path):
    path, white = tmp_path / "a.png", 2**depth - 1
    for key in (0, white // 2, white):
        samples = RNG.integers(0, white, (HIGH, WIDE), endpoint=True)
        samples[2, 3] = key
        path.write_bytes(png(depth, 0, samples))
        np.testing.assert_allclose(read_image(path)[0], samples / white, atol=1e-7)
        path.write_bytes(png(depth, 0, samples, struct.pack(">H", key)))
        with pytest.raises(UnusableImage, match="some of it is transparent"):
            read_image(path)
        samples[samples == key] = white - key if white - key != key else key + 1
        path.write_bytes(png(depth, 0, samples, struct.pack(">H", key)))
        np.testing.assert_allclose(read_image(path)[0], samples / white, atol=1e-7)


def test_a_colour_png_is_read_right_and_transparency_by_colour_is_seen(tmp_path):
    path, samples = tmp_path / "a.png", pixels_of("u1", 3)
    expected = np.moveaxis(samples, -1, 0) / np.float32(255)
    there, away = ([int(value) for value in colour] for colour in (samples[3, 5], (1, 2, 300)))
    path.write_bytes(png(8, 2, samples, struct.pack(">HHH", *away)))
    np.testing.assert_array_equal(read_image(path), expected)
    path.write_bytes(png(8, 2, samples, struct.pack(">HHH", *there)))
    with pytest.raises(UnusableImage, match="some of it is transparent"):
        read_image(path)
    indices = RNG.integers(0, 4, (HIGH, WIDE))
    colours = bytes(RNG.integers(0, 256, 12, np.uint8))
    path.write_bytes(png(2, 3, indices, bytes([255, 0]), colours))
    with pytest.raises(UnusableImage, match="some of it is transparent"):
        read_image(path)
    path.write_bytes(png(2, 3, indices, bytes([255, 255]), colours))
    looked_up = np.frombuffer(colours, np.uint8).reshape(4, 3)[indices]
    np.testing.assert_array_equal(read_image(path), np.moveaxis(looked_up, -1, 0) / np.float32(255))


# -- the system ------------------------------------------------------------------------------


def test_what_the_system_lacks_is_no_fault_of_the_image(tmp_path, monkeypatch):
    """The image is not left out: other images would be other data."""
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 0, pixels_of("u1", 1)))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", lambda *a: pytest.fail("decoded"))
        patch.setattr(decoding, "MEASURED_BYTES", 2**50)
        with pytest.raises(DataError, match=r"has 53x37 pixels: to measure it takes about .* GiB"):
            read_image(path)
    for error in (OSError(errno.EMFILE, "Too many open files"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda *a, error=error: (_ for _ in ()).throw(error))
            with pytest.raises(DataError, match=r"a\.png.*(Too many open files|not enough memory)"):
                read_image(path)


@pytest.mark.parametrize(
    "tags",
    [
        [(256, 4, 1), (257, 4, 2**32 - 1), (278, 4, 1), (273, 4, 8), (279, 4, 1)],
        [(256, 4, 10**5), (257, 4, 10**5), (322, 4, 1), (323, 4, 1), (324, 4, 8), (325, 4, 1)],
        [(256, 4, 4), (257, 4, 4), (278, 4, 0), (273, 4, 8), (279, 4, 1)],
    ],
    ids=["strips", "tiles", "no rows"],
)
def test_tags_that_promise_billions_of_parts_are_refused_at_once(tmp_path, tags):
    tags = sorted([*tags, (258, 3, 8), (262, 3, 1)])
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 8)
    with pytest.raises(UnusableImage, match="some of its strips or tiles are not there"):
        read_image(path)
