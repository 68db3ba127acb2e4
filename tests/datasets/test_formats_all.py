"""Files of every format: cut short or damaged, never a wrong picture; saved, the same values."""

import contextlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.core import BenchError, StorageError, UsageError
from bench.datasets.formats import SUFFIXES, UnusableImage, open_image, save

fits = pytest.importorskip("astropy.io.fits")
h5py = pytest.importorskip("h5py")
imagecodecs = pytest.importorskip("imagecodecs")
pydicom = pytest.importorskip("pydicom")
zarr = pytest.importorskip("zarr")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30), np.uint8)
RGB = RNG.integers(0, 256, (20, 30, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (3, 20, 30)).astype(np.uint16)
FLOAT = RNG.random((3, 20, 30)).astype(np.float32)


def picture(pixels, **options):
    return lambda path: Image.fromarray(pixels).save(path, **options)


def tiff(pixels, **options):
    return lambda path: tifffile.imwrite(path, pixels, **options)


def hdf5(path):
    with h5py.File(path, "w") as file:
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("a/b", data=FLOAT[:, None], chunks=(1, 1, 10, 10), **options)


def dicom(path):
    folder = pydicom.data.get_testdata_file("CT_small.dcm")
    shutil.copy(folder, path)


def zarr_of(version):
    def write(path):
        array = zarr.create_array(
            path, shape=(4, 20, 30), dtype="u2", chunks=(1, 8, 8), zarr_format=version
        )
        array[...] = RNG.integers(1, 65536, (4, 20, 30))

    return write


#: A name -> what writes it; of all formats that are written, in what differs for a decoder.
FILES = {
    "grey.png": picture(GREY),
    "deep.png": picture(DEEP[0]),
    "bits.png": picture(GREY > 99),
    "rgb.png": picture(RGB),
    "colour16.png": lambda path: path.write_bytes(
        imagecodecs.png_encode(np.ascontiguousarray(np.moveaxis(DEEP, 0, -1)))
    ),
    "palette.png": lambda path: Image.fromarray(RGB).quantize(16).save(path),
    "a.bmp": picture(RGB),
    "grey.bmp": picture(GREY),
    "a.webp": picture(RGB, lossless=True),
    "a.pgm": picture(GREY),
    "a.ppm": picture(RGB),
    "deep.pgm": lambda path: path.write_bytes(b"P5 30 20 65535\n" + DEEP[0].tobytes()),
    "plain.tif": tiff(DEEP[0]),
    "white.tif": tiff(DEEP[0], photometric="miniswhite", compression="zlib"),
    "bits.tif": tiff(GREY > 99, photometric="miniswhite"),
    "lzw.tif": tiff(RGB, compression="lzw", predictor=True, tile=(16, 16)),
    "planes.tif": tiff(DEEP, photometric="rgb", planarconfig="separate", bigtiff=True),
    "float.tif": tiff(FLOAT, photometric="minisblack", compression="zlib", predictor=3),
    "stack.tif": tiff(DEEP, photometric="minisblack", resolution=(300, 300), byteorder=">"),
    "imagej.tif": tiff(DEEP, imagej=True, truncate=True),
    "a.ome.tif": tiff(DEEP, photometric="minisblack", compression="packbits"),
    "a.npy": lambda path: np.save(path, FLOAT[:, None]),
    "a.npz": lambda path: np.savez_compressed(path, image=FLOAT[:, None]),
    "b.npz": lambda path: np.savez(path, image=RGB, other=np.arange(3)),
    "a.h5": hdf5,
    "a.fits": lambda path: fits.PrimaryHDU(DEEP).writeto(path),
    "b.fits": lambda path: fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(FLOAT, compression_type="GZIP_1", quantize_level=0)]
    ).writeto(path),
    "a.dcm": dicom,
    "2.zarr": zarr_of(2),
    "3.zarr": zarr_of(3),
}


def pages_of(path):
    stored = open_image(path)
    return np.stack([stored.read(page) for page in range(stored.pages)])


@pytest.fixture(params=FILES)
def path(request, tmp_path):
    FILES[request.param](tmp_path / request.param)
    return tmp_path / request.param


def files_of(path):
    """The file; or of a folder one with metadata and one with pixels."""
    parts = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    described = {"zarr.json", ".zarray"}
    return [next(part for part in parts if (part.name in described) == choice)
            for choice in {part.name in described for part in parts}]  # fmt: skip


def outcome(path, whole):
    """What comes of a damaged file: "refused", "right" or "wrong"."""
    try:
        pages = pages_of(path)
    except UnusableImage as error:
        return "refused" if "\n" not in str(error) else "several lines"
    return "right" if np.array_equal(pages, whole) else "wrong"


def test_what_is_cut_short_is_never_a_wrong_picture(path, capfd):
    whole = pages_of(path)
    for file in files_of(path):
        data = file.read_bytes()
        lengths = {0, 1, 4, 9, 30, 100, *np.linspace(0, len(data) - 1, 12).astype(int)}
        for length in sorted(length for length in lengths if length < len(data)):
            file.write_bytes(data[:length])
            done = outcome(path, whole)
            allowed = ("refused", "right") if length > 0.9 * len(data) else ("refused",)
            assert done in allowed, f"{length} bytes of {len(data)}"
        file.write_bytes(data)
    assert capfd.readouterr() == ("", "")


def test_what_is_damaged_is_an_image_or_refused_in_one_line(path, capfd):
    """Most formats have no sums: pixels may differ, but nothing else comes of it."""
    whole = pages_of(path)
    for file in files_of(path):
        data = bytearray(file.read_bytes())
        for place in [*range(0, min(300, len(data)), 37), *RNG.integers(0, len(data), 6)]:
            before, data[place] = data[place], int(RNG.integers(256))
            file.write_bytes(data)
            with contextlib.suppress(BenchError):  # it may claim more than there is memory
                assert outcome(path, whole) in ("refused", "right", "wrong")
            data[place] = before
        file.write_bytes(data)
    assert capfd.readouterr() == ("", "")


def test_a_place_before_the_beginning_is_the_files_fault(tmp_path):
    FILES["a.npz"](tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[:40] + data[60:])
    with pytest.raises(UnusableImage, match="it is broken"):
        open_image(tmp_path / "a.npz")


def test_what_is_saved_is_what_was_read_in_the_same_layout(path, tmp_path):
    whole, copy = pages_of(path), tmp_path / f"copy of {path.name}"
    for values in (whole, whole[..., ::-1, :]):
        save(copy, values[0] if len(values) == 1 else values, path)
        np.testing.assert_array_equal(pages_of(copy), values)
        before, after = open_image(path), open_image(copy)
        assert (after.shape, after.pages, after.dtype) == (before.shape, before.pages, before.dtype)
        assert (after.white, after.unit) == (before.white, before.unit)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted([path.name, copy.name])


def test_a_tiff_file_keeps_its_compression_tiles_order_and_resolution(tmp_path):
    path, copy = tmp_path / "a.tif", tmp_path / "b.tif"
    tifffile.imwrite(
        path, RGB, compression="lzw", predictor=True, tile=(16, 32), byteorder=">", bigtiff=True,
        resolution=(300, 150), planarconfig="contig", iccprofile=b"profile", metadata=None,
        description="of a moth", software="a camera", datetime="2026:11:28 10:00:00",
        extratags=[(272, 2, 0, "model", True)],
    )  # fmt: skip
    save(copy, pages_of(path), path)
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(copy) as after:
        assert (after.byteorder, after.is_bigtiff) == (">", True)
        assert after.pages[0].tags.keys() == before.pages[0].tags.keys()
        for tag in before.pages[0].tags.values():
            if tag.code not in (324, 325):
                assert after.pages[0].tags[tag.code].value == tag.value


def test_a_description_that_would_no_longer_be_true_is_not_kept(tmp_path):
    path, copy = tmp_path / "a.ome.tif", tmp_path / "b.ome.tif"
    tifffile.imwrite(path, DEEP, photometric="minisblack")
    save(copy, pages_of(path), path)
    with tifffile.TiffFile(copy) as file:
        assert file.is_ome
        np.testing.assert_array_equal(file.asarray(), DEEP)
    save(copy, pages_of(path).astype(np.float32), path)
    with tifffile.TiffFile(copy) as file:
        assert not file.is_ome
        np.testing.assert_array_equal(np.squeeze([page.asarray() for page in file.pages]), DEEP)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("rgb.png", FLOAT, "PNG files hold no float32 values: use TIFF"),
        ("rgb.png", np.stack([DEEP] * 2), "PNG files hold one image, not 2: use TIFF"),
        ("a.pgm", DEEP[:1], "values are uint8, 0 to 255"),
        ("a.fits", DEEP, "FITS knows no colour"),
        ("a.dcm", np.zeros((3, 9, 9)), r"a\.dcm has 1 channels"),
        ("rgb.png", GREY, r"images are \(C, H, W\) or \(pages, C, H, W\), not \(20, 30\)"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_nothing_is_written(
    name, values, reason, tmp_path
):
    FILES[name](tmp_path / name)
    with pytest.raises(UsageError, match=rf"out\.[a-z]+: {reason}"):
        save(tmp_path / f"out.{name.rpartition('.')[2]}", values, tmp_path / name)
    assert [left.name for left in tmp_path.iterdir()] == [name]


def test_jpeg_is_not_written_and_a_folder_that_is_not_there_is_said(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg")
    with pytest.raises(UsageError, match="JPEG would change the pixels: save it as PNG"):
        save(tmp_path / "b.jpg", pages_of(tmp_path / "a.jpg"), tmp_path / "a.jpg")
    FILES["rgb.png"](tmp_path / "a.png")
    with pytest.raises(StorageError, match=r"cannot write .*b\.png: No such file"):
        save(tmp_path / "gone" / "b.png", pages_of(tmp_path / "a.png"), tmp_path / "a.png")


def test_formats_are_read_one_after_another_by_a_fresh_process(tmp_path):
    """Libraries are imported where they are used, after others were."""
    names = ("grey.png", "plain.tif", "a.fits", "a.dcm", "a.h5", "3.zarr")
    for name in names:
        FILES[name](tmp_path / name)
    code = (
        "import sys; from pathlib import Path; from bench.datasets.formats import open_image\n"
        "print(*(open_image(Path(name)).read(0).shape[0] for name in sys.argv[1:]))"
    )
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", code, *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1 1 1 1 1 1\n", "")


def test_every_suffix_is_written_here_or_only_read():
    tried = {"." + name.rpartition(".")[2] for name in FILES}
    named = {".jpg", ".jpeg", ".tiff", ".pnm", ".hdf5", ".fit", ".fts"}
    raw = {".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"}
    assert set(SUFFIXES) == tried | named | raw
