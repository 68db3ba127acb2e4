"""PNG, JPEG, WebP, BMP and PNM: right, or refused by name; and what no file of any format may be.

What is right is told by the array that was packed here, byte by byte, as the standards have it.
"""

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.core import DataError
from bench.datasets.formats import UnusableImage, files, open_image, read_image

RNG = np.random.default_rng(0)
HIGH, WIDE = 37, 53
GREY = RNG.integers(0, 256, (HIGH, WIDE), np.uint8)
RGB = RNG.integers(0, 256, (HIGH, WIDE, 3), np.uint8)


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
    path, samples = tmp_path / "a.png", RGB
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


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_colours_of_16_bits_are_read_to_the_last(colour, tmp_path):
    path, channels = tmp_path / "a.png", {2: 3, 4: 1, 6: 3}[colour]
    samples = RNG.integers(0, 65536, (HIGH, WIDE, {2: 3, 4: 2, 6: 4}[colour]))
    if colour & 4:
        samples[..., -1] = 65535
    path.write_bytes(png(16, colour, samples))
    stored = open_image(path)
    assert (stored.shape, stored.dtype, stored.white) == ((channels, HIGH, WIDE), "u2", 65535)
    np.testing.assert_array_equal(stored.read(0), np.moveaxis(samples, -1, 0)[:channels])
    samples[3, 4, -1] = 65534
    path.write_bytes(png(16, colour, samples, struct.pack(">HHH", *samples[3, 4, :3])
                         if colour == 2 else None))  # fmt: skip
    with pytest.raises(UnusableImage, match="some of it is transparent"):
        open_image(path).read(0)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(UnusableImage, match="it is broken"):
        open_image(path).read(0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_turned_is_as_pillow_turns_it(orientation, tmp_path):
    """Of 16-bit colours, which Pillow does not read, it turns those cut to 8 bits."""
    samples = RNG.integers(0, 65536, (HIGH, WIDE, 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    own = chunk(b"eXIf", exif.tobytes()[6:])
    for depth in (8, 16):
        data = png(depth, 2, samples if depth == 16 else samples >> 8)
        at = data.index(b"IDAT") - 4
        (tmp_path / f"{depth}.png").write_bytes(data[:at] + own + data[at:])
    deep, flat = open_image(tmp_path / "16.png"), open_image(tmp_path / "8.png")
    assert deep.shape == flat.shape == ((3, WIDE, HIGH) if orientation > 4 else (3, HIGH, WIDE))
    np.testing.assert_array_equal(deep.read(0) >> 8, flat.read(0))


def test_an_orientation_after_the_pixels_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for own in (chunk(b"eXIf", exif.tobytes()[6:]), xmp(6)):
        data = png(8, 2, RGB)
        (tmp_path / "a.png").write_bytes(data[:-12] + own + data[-12:])
        stored = open_image(tmp_path / "a.png")
        np.testing.assert_array_equal(stored.read(0), np.moveaxis(np.rot90(RGB, -1), -1, 0))


def xmp(orientation):
    text = f'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'
    return chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + text.encode())


# -- the others ------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [GREY, RGB], ids=["grey", "RGB"])
def test_bmp_and_lossless_webp_are_what_was_saved(image, tmp_path):
    expected = np.moveaxis(image.reshape(HIGH, WIDE, -1), -1, 0)
    Image.fromarray(image).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(open_image(tmp_path / "a.bmp").read(0), expected)
    Image.fromarray(image).save(tmp_path / "a.webp", lossless=True)
    stored = open_image(tmp_path / "a.webp")
    np.testing.assert_array_equal(stored.read(0), np.broadcast_to(expected, stored.shape))


@pytest.mark.parametrize("white", [1, 15, 255, 256, 4095, 65535])
@pytest.mark.parametrize("magic", ["P5", "P6"])
def test_a_pnm_file_keeps_its_values_and_says_what_is_white(magic, white, tmp_path):
    shape = (HIGH, WIDE) if magic == "P5" else (HIGH, WIDE, 3)
    samples = RNG.integers(0, white, shape, endpoint=True)
    header = f"{magic}\n# a comment 7\n{WIDE} {HIGH}\n{white}\n".encode()
    path = tmp_path / "a.pnm"
    path.write_bytes(header + samples.astype(">u2" if white > 255 else "u1").tobytes())
    stored = open_image(path)
    assert (stored.white, stored.dtype) == (white, "u2" if white > 255 else "u1")
    np.testing.assert_array_equal(stored.read(0), np.moveaxis(np.atleast_3d(samples), -1, 0))
    if white == 255:
        np.testing.assert_array_equal(np.asarray(Image.open(path)), samples)


def test_a_jpeg_that_is_cut_short_is_never_a_wrong_picture(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).save(path)
    data = path.read_bytes()
    for length in (*range(1, len(data) - 2, 97), len(data) - 3, len(data) - 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(UnusableImage):
            open_image(path).read(0)


# -- refused ---------------------------------------------------------------------------------


def ghost(path):
    """An EPS file by its content: its decoder starts Ghostscript."""
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")


def flipped(path):
    """A PNG file whose pixels are stored as they are, with one changed: its sum tells."""
    path.write_bytes(png(8, 0, GREY, level=0))
    data = bytearray(path.read_bytes())
    data[900] ^= 1
    path.write_bytes(data)


def transparent(path):
    Image.fromarray(np.dstack([RGB, np.full((HIGH, WIDE), 200, np.uint8)])).save(path)


def cut_short(path):
    Image.fromarray(RNG.integers(0, 256, (60, 60), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])


def animated(path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def deep_header(path):
    """A PNG header of 16 bits a channel in colour over pixels of 8."""
    Image.fromarray(RGB).save(path)
    data = bytearray(path.read_bytes())
    data[24] = 16
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


def with_bits(path, bits):
    Image.fromarray(RGB).save(path)
    data = bytearray(path.read_bytes())
    data[28:30] = bits.to_bytes(2, "little")
    path.write_bytes(data)


REFUSED = {
    "transparent.png": (transparent, "transparent"),
    "short.png": (cut_short, "it is broken"),
    "empty.png": (lambda path: path.write_bytes(b""), "it is empty, no image"),
    "text.jpg": (lambda path: path.write_text("not a picture"), "no image of the kinds"),
    "two.png": (animated, "it holds 2 images"),
    "two.webp": (animated, "it holds 2 images"),
    "deep.png": (deep_header, "it is broken"),
    "ink.jpg": (
        lambda path: Image.fromarray(RGB).convert("CMYK").save(path), "of the kind CMYK",
    ),
    "ghost.png": (ghost, "no image of the kinds that are taken"),
    "flipped.png": (flipped, "it is broken"),
    "nowhere.png": (lambda path: path.symlink_to("gone.png"), "a link to what is not there"),
    "pipe.png": (os.mkfifo, "no regular file"),
    "folder.png": (lambda path: path.mkdir(), "it is a folder, no file"),
    "bits16.bmp": (lambda path: with_bits(path, 16), "BMP files of 16 bits a pixel"),
    "plain.pgm": (lambda path: path.write_text("P2\n2 1\n255\n3 4\n"), "binary PGM and PPM"),
    "over.pgm": (lambda path: path.write_bytes(b"P5 2 1 15 \x03\x10"), "values are over 15"),
    "more.pgm": (lambda path: path.write_bytes(b"P5 2 1 15 \1\2\3"), "more than one image"),
    "less.pgm": (lambda path: path.write_bytes(b"P5 2 1 15 \1"), "it is cut short"),
    "huge.pgm": (lambda path: path.write_bytes(b"P5 99999 99999 255 \1"), "pixels are more than"),
    "none.pgm": (lambda path: path.write_bytes(b"P5 0 9 255 "), "0x9 pixels are none"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_to_be_read_right_is_refused_by_name(name, tmp_path):
    make, reason = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(UnusableImage) as refused:
        read_image(tmp_path / name)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_is_what_its_content_is_whatever_its_name(tmp_path):
    path = tmp_path / "a.tif"
    for form in ("PNG", "BMP", "TIFF"):
        Image.fromarray(GREY).save(path, form)
        np.testing.assert_array_equal(open_image(path).read(0)[0], GREY)
    Image.fromarray(GREY).save(tmp_path / "a.dng", "PNG")
    np.testing.assert_array_equal(open_image(tmp_path / "a.dng").read(0)[0], GREY)


def test_what_the_system_lacks_is_no_fault_of_the_image(tmp_path, monkeypatch):
    """The image is not left out: other images would be other data."""
    path = tmp_path / "a.png"
    path.write_bytes(png(8, 0, GREY))
    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", lambda *a: pytest.fail("decoded"))
        patch.setattr(files, "MEASURED_BYTES", 2**50)
        with pytest.raises(DataError, match=r"has 53x37 pixels: to measure it takes about .* GiB"):
            read_image(path)
    for error in (OSError(errno.EMFILE, "Too many open files"), MemoryError()):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", lambda *a, error=error: (_ for _ in ()).throw(error))
            with pytest.raises(DataError, match=r"a\.png.*(Too many open files|not enough memory)"):
                read_image(path)
