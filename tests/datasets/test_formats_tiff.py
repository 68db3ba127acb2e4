"""TIFF under every combination of how pixels can be stored: right, or refused by name.

What is right is told by a reader of a page, written here after the standard (TIFF 6.0), and by
Pillow, neither of which shares code with tifffile.
"""

import itertools
import random
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.core import MissingPackage
from bench.datasets.formats import UnusableImage, files, open_image, read_image

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
    ("minisblack", "u1", 1): [()], ("minisblack", "u2", 1): [()], ("minisblack", "u4", 1): [()],
    ("minisblack", "bool", 1): [()], ("minisblack", "i1", 1): [()], ("minisblack", "i2", 1): [()],
    ("minisblack", "i4", 1): [()], ("minisblack", "f2", 1): [()], ("minisblack", "f4", 1): [()],
    ("minisblack", "f8", 1): [()], ("miniswhite", "u1", 1): [()], ("miniswhite", "u2", 1): [()],
    ("miniswhite", "bool", 1): [()], ("rgb", "u1", 3): [()], ("rgb", "u2", 3): [()],
    ("rgb", "f4", 3): [()], ("rgb", "i2", 3): [()], ("palette", "u1", 1): [()],
    ("minisblack", "u1", 2): ["unassalpha", "assocalpha"], ("rgb", "u2", 4): ["unassalpha"],
    ("rgb", "u1", 4): ["unassalpha", "assocalpha"],
    ("miniswhite", "i2", 1): None, ("miniswhite", "f4", 1): None, ("minisblack", "c8", 1): None,
    ("minisblack", "u8", 1): None, ("rgb", "u1", 5): None, ("rgb", "f4", 4): None,
    ("ycbcr", "u1", 3): None, ("separated", "u1", 4): None, ("cielab", "u1", 3): None,
    ("minisblack", "u1", 3): None,
}  # fmt: skip
#: Combinations of the other options that are tried of each, drawn once.
TRIED = 16


def pixels_of(kind, samples):
    shape = (HIGH, WIDE) if samples == 1 else (HIGH, WIDE, samples)
    if kind[0] in "fc":
        return RNG.random(shape).astype(kind)
    if kind == "bool":
        return RNG.random(shape) < 0.5
    info = np.iinfo(kind)
    return RNG.integers(info.min, info.max, shape, kind, endpoint=True)


# -- a reader after the standard -------------------------------------------------------------


def tags_of(data):
    """Tag -> values, of the first page."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    tags, letters = {}, {1: "B", 2: "c", 3: "H", 4: "I", 5: "2I", 6: "b", 7: "B", 12: "d"}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        form = f"{order}{number}{letters[kind]}" if kind != 5 else f"{order}{2 * number}I"
        place = entry + 8
        if struct.calcsize(form) > 4:
            (place,) = struct.unpack_from(order + "I", data, place)
        tags[tag] = struct.unpack_from(form, data, place)
    return order, tags


def by_the_standard(path):
    """The stored values, (C, H, W), upright, with black as 0 and palettes looked up."""
    data = path.read_bytes()
    order, tags = tags_of(data)
    (wide,), (high,), (bits, *_) = tags[256], tags[257], tags.get(258, (1,))
    samples, planar = tags.get(277, (1,))[0], tags.get(284, (1,))[0] == 2
    letter = {1: "u", 2: "i", 3: "f"}[tags.get(339, (1,))[0]]
    rows, columns = (tags[323][0], tags[322][0]) if 322 in tags else (tags[278][0], wide)
    own = 1 if planar else samples
    image = np.zeros((samples, high, wide), "u1" if bits == 1 else f"{letter}{bits // 8}")
    places = itertools.product(
        range(0, samples, own), range(0, high, rows), range(0, wide, columns)
    )
    parts = zip(tags.get(324, tags.get(273)), tags.get(325, tags.get(279)), strict=True)
    for (first, top, left), (start, size) in zip(places, parts, strict=True):
        part = data[start : start + size]
        part = zlib.decompress(part) if tags[259] != (1,) else part
        tall = rows if 322 in tags else min(rows, high - top)
        if bits == 1:
            values = np.frombuffer(part, np.uint8).reshape(tall, -1)
            values = np.unpackbits(values, axis=-1)[:, :columns, None]
        else:
            values = np.frombuffer(part, order + image.dtype.str[1:]).astype(image.dtype)
            values = values.reshape(tall, columns, own)
            if tags.get(317, (1,)) == (2,):
                values = np.cumsum(values, axis=1, dtype=values.dtype)
        values = np.moveaxis(values, -1, 0)[:, : high - top, : wide - left]
        image[first : first + own, top : top + rows, left : left + columns] = values
    if tags[262] == (0,):
        image = (1 if bits == 1 else np.iinfo(image.dtype).max) - image
    if tags[262] == (3,):
        image = (np.array(tags[320]).reshape(3, 256) >> 8).astype(np.uint8)[:, image[0]]
    image = image[: samples - len(tags.get(338, ()))] if tags[262] != (3,) else image
    return np.moveaxis(UPRIGHT[tags[274][0]](np.moveaxis(image, 0, -1)), -1, 0)


def stored_as(photometric, kind, samples, extra):
    """Options of tifffile that are tried, some of all combinations."""
    exact = kind[0] in "ui" and kind != "u8"
    options = list(itertools.product(
        "<>", [(None, False), ("zlib", False), *([("zlib", True)] if exact else [])],
        ["contig", "separate"] if samples > 1 else ["contig"], range(1, 9),
        [{}, {"tile": (16, 16)}, {"rowsperstrip": 10}],
    ))  # fmt: skip
    for order, (compression, predictor), planes, orientation, parts in random.Random(0).sample(
        options, min(len(options), TRIED)
    ):
        more = {"planarconfig": planes} if samples > 1 else {}
        many = samples - (3 if photometric != "minisblack" else 1)
        if many > 0 and photometric != "separated":
            more["extrasamples"] = [extra or "unspecified"] * many
        if photometric == "palette":
            more["colormap"] = RNG.integers(0, 256, (3, 256)).astype(np.uint16) * 257
        yield {
            "photometric": photometric, "byteorder": order, "compression": compression,
            "predictor": predictor, "extratags": [(274, 3, 1, orientation, True)],
            "metadata": None, **more, **parts,
        }  # fmt: skip


@pytest.mark.parametrize("pixels", PIXELS, ids=lambda pixels: "-".join(map(str, pixels)))
def test_a_file_is_what_the_standard_says_or_refused_by_name(pixels, tmp_path):
    photometric, kind, samples = pixels
    path = tmp_path / "a.tif"
    for extra in PIXELS[pixels] or [None]:
        for options in stored_as(photometric, kind, samples, extra):
            image = pixels_of(kind, samples)
            if extra:
                image[..., -1] = np.iinfo(kind).max
            if options.get("planarconfig") == "separate":
                image = np.moveaxis(image, -1, 0)
            tifffile.imwrite(path, image, **options)
            if PIXELS[pixels] is None:
                with pytest.raises(UnusableImage, match=r"^TIFF files of .* are not taken: save"):
                    open_image(path)
                continue
            expected, stored = by_the_standard(path), open_image(path)
            assert (stored.shape, stored.pages) == (expected.shape, 1)
            assert stored.dtype == expected.dtype
            np.testing.assert_array_equal(stored.read(0), expected)
            white = {"bool": 1, "u1": 255, "u2": 65535}.get(kind)
            assert stored.white == white
            if white:
                np.testing.assert_array_equal(
                    read_image(path), expected.astype(np.float32) / np.float32(white)
                )


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


def test_floating_point_differences_are_read(tmp_path):
    for kind in ("f2", "f4", "f8"):
        image = pixels_of(kind, 1)
        tifffile.imwrite(tmp_path / "a.tif", image, compression="zlib", predictor=3)
        np.testing.assert_array_equal(open_image(tmp_path / "a.tif").read(0)[0], image)


@pytest.mark.parametrize("compression", ["lzw", "zstd", "lzma"])
def test_compressed_16_bit_colours_in_tiles_of_a_big_file_are_read(compression, tmp_path):
    image = pixels_of("u2", 3)
    options = {"tile": (16, 32), "bigtiff": True, "predictor": True, "compression": compression}
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb", byteorder=">", **options)
    np.testing.assert_array_equal(open_image(tmp_path / "a.tif").read(0), np.moveaxis(image, -1, 0))


def test_without_the_codecs_what_to_install_is_said(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", pixels_of("u1", 1), compression="lzw")
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"LZW .* pip install 'denoise-bench\[tiff\]'"):
        open_image(tmp_path / "a.tif")


# -- stacks ----------------------------------------------------------------------------------

STACK = RNG.integers(0, 65536, (6, HIGH, WIDE)).astype(np.uint16)


def by_pillow(path):
    with Image.open(path) as image:
        return [seen(image, page) for page in range(image.n_frames)]


def seen(image, page):
    image.seek(page)
    return np.asarray(image)


def pages_of(path):
    stored = open_image(path)
    return np.stack([stored.read(page) for page in range(stored.pages)])


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"photometric": "minisblack"}, ""),
        ({"photometric": "minisblack", "compression": "zlib", "tile": (16, 16)}, ""),
        ({"photometric": "minisblack", "bigtiff": True, "byteorder": ">"}, ""),
        ({"imagej": True, "metadata": {"axes": "ZYX"}}, "6 slices"),
        ({"ome": True, "photometric": "minisblack", "metadata": {"axes": "TYX"}}, "6 frames"),
    ],
    ids=["plain", "tiles", "big", "ImageJ", "OME"],
)
def test_pages_of_a_stack_are_images_in_the_order_of_the_file(tmp_path, options, note):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, **options)
    np.testing.assert_array_equal(pages_of(path)[:, 0], STACK)
    if not options.get("bigtiff"):
        np.testing.assert_array_equal(pages_of(path)[:, 0], by_pillow(path))
    assert note in " ".join(open_image(path).notes)
    with pytest.raises(UnusableImage, match="it holds 6 images: save each to a file"):
        read_image(path)
    with pytest.raises(IndexError, match="6 pages"):
        open_image(path).read(6)


def test_stains_are_pages_and_rgb_is_not(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif", STACK.reshape(2, 3, HIGH, WIDE), photometric="minisblack",
        metadata={"axes": "ZCYX"},
    )  # fmt: skip
    stored = open_image(tmp_path / "a.ome.tif")
    assert (stored.shape, stored.pages) == ((1, HIGH, WIDE), 6)
    assert stored.notes == ("its 6 pages are 3 channels x 2 slices",)
    colours = RNG.integers(0, 255, (4, HIGH, WIDE, 3), np.uint8)
    tifffile.imwrite(tmp_path / "b.tif", colours, photometric="rgb")
    np.testing.assert_array_equal(pages_of(tmp_path / "b.tif"), np.moveaxis(colours, -1, 1))


@pytest.mark.parametrize("options", [{"imagej": True}, {"photometric": "minisblack"}])
def test_of_a_stack_that_lists_its_first_page_alone_all_are_read(tmp_path, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, truncate=True, **options)
    assert len(by_pillow(path)) == 1
    np.testing.assert_array_equal(pages_of(path)[:, 0], STACK)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UnusableImage, match="it says that it holds 6 images, and 1 are there"):
        open_image(path)


def test_smaller_versions_are_left(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as written:
        written.write(STACK[0], metadata=None)
        written.write(STACK[0][::2, ::2], subfiletype=1, metadata=None)
        written.write(STACK[1], metadata=None)
    np.testing.assert_array_equal(pages_of(tmp_path / "a.tif")[:, 0], STACK[:2])


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (STACK[1][:, :-1], "its pages differ, 53x37 grey of 16 bits and 52x37 grey of 16 bits"),
        (STACK[1].astype(np.uint8), "53x37 grey of 16 bits and 53x37 grey of 8 bits"),
        (STACK[1].astype(np.float32), "53x37 floating-point grey of 32 bits"),
    ],
    ids=["shape", "depth", "type"],
)
def test_pages_of_several_kinds_are_refused(tmp_path, second, reason):
    with tifffile.TiffWriter(tmp_path / "a.tif") as written:
        written.write(STACK[0], metadata=None)
        written.write(second, metadata=None)
    with pytest.raises(UnusableImage, match=reason):
        open_image(tmp_path / "a.tif")


def test_a_list_of_pages_that_breaks_or_has_no_end_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", metadata=None)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        places = [page.offset for page in file.pages]
    (count,) = struct.unpack_from("<H", data, places[1])
    for leads_to in (places[0], len(data) - 1, len(data) + 5):
        struct.pack_into("<I", data, places[1] + 2 + 12 * count, leads_to)
        path.write_bytes(data)
        with pytest.raises(UnusableImage, match="it is broken: its list of pages"):
            open_image(path)


# -- refused ---------------------------------------------------------------------------------


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


def palette(path):
    """Of 16-bit colours that 8 bits cannot hold."""
    colours = RNG.integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, pixels_of("u1", 1), photometric="palette", colormap=colours)


def hidden(path):
    """Of deflated strips one that holds half of its rows."""
    tifffile.imwrite(path, pixels_of("u1", 1), metadata=None, compression="zlib", rowsperstrip=10)
    with tifffile.TiffFile(path) as file:
        start, size = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    data = path.read_bytes()
    half = zlib.compress(zlib.decompress(data[start : start + size])[: 5 * WIDE], 0)
    path.write_bytes(data[:start] + half.ljust(size, b"\0") + data[start + size :])


def transparent(path):
    image = pixels_of("u2", 4)
    tifffile.imwrite(path, image, photometric="rgb", extrasamples=["unassalpha"])


REFUSED = {
    "ink.tif": (
        lambda path: Image.fromarray(pixels_of("u1", 3)).convert("CMYK").save(path),
        "CMYK pixels of 8+8+8+8 bits",
    ),
    "bits12.tif": (lambda path: with_bits(path, 12), "grey pixels of 12 bits"),
    "bits4.tif": (lambda path: with_bits(path, 4), "grey pixels of 4 bits"),
    "predicted.tif": (lambda path: tagged(path, 317, 2), "predictor 2"),
    "fill.tif": (lambda path: tagged(path, 266, 2), "bits in reverse order"),
    "small.tif": (lambda path: tagged(path, 254, 1), "a smaller version"),
    "mask.tif": (lambda path: tagged(path, 254, 4), "one of its pages is a mask"),
    "deep.tif": (lambda path: tagged(path, 32997, 2), "volumes in one page"),
    "undefined.tif": (lambda path: tagged(path, 339, 4), "other pixels"),
    "cut.tif": (last_half, "some of its strips or tiles are not there"),
    "half.tif": (hidden, "it is broken"),
    "transparent.tif": (transparent, "some of it is transparent"),
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
    "palette.tif": (palette, "a palette of 16 bits"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_to_be_read_right_is_refused_by_name(name, tmp_path):
    make, reason = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(UnusableImage) as refused:
        read_image(tmp_path / name)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


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
