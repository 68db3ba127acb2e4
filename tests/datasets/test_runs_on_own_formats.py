"""A run on counts, photons, electrons or Hounsfield units has the numbers of the same PNG files."""

import numpy as np
import pytest
import tifffile
from PIL import Image

import bench

fits = pytest.importorskip("astropy.io.fits")
pydicom = pytest.importorskip("pydicom")
RNG = np.random.default_rng(24)
#: Two images that 8 bits hold: each format's values are these times a number, plus another.
LEVELS = np.kron(RNG.integers(0, 256, (2, 4, 5)), np.ones((1, 8, 8), int)).astype(np.uint8)


def png(folder, levels):
    for number, image in enumerate(levels):
        Image.fromarray(image).save(folder / f"{number}.png")


def twelve_bits(folder, levels):
    for number, image in enumerate(levels):
        tifffile.imwrite(folder / f"{number}.tif", 16 * image.astype(np.uint16))
    return "0,4080"


def float_stack(folder, levels):
    values = 0.5 * levels.astype(np.float32) + 100
    tifffile.imwrite(
        folder / "0.ome.tif", values, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    return "100,227.5"


def electrons(folder, levels):
    """Signed numbers, scaled by the header."""
    for number, image in enumerate(levels):
        hdu = fits.PrimaryHDU(image.astype(np.float32) * 0.25)
        hdu.scale("int16", bscale=0.25, bzero=0)
        hdu.writeto(folder / f"{number}.fits")
    return "0,63.75"


def hounsfield(folder, levels):
    for number, image in enumerate(levels):
        dataset = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        dataset.Rows, dataset.Columns = image.shape
        dataset.PixelData = (8 * image.astype(np.int16)).tobytes()
        dataset.save_as(folder / f"{number}.dcm")
    return "-1024,1016"


def records(top, write, levels):
    """The single numbers of a run over a folder of files, which has the same name each time."""
    (top / "own").mkdir(parents=True)
    stated = write(top / "own", levels)
    run = bench.run(
        f"folder:{top / 'own'}", methods="identity,median", noise="25/255", range=stated,
        metrics="psnr,ssim", out=top / "run",
    )  # fmt: skip
    assert set(run.cells()["status"]) == {"done"}
    return run.records().sort_values(["method", "image"])


@pytest.mark.filterwarnings("ignore:.*(no validation images|window centre|pages are)")
@pytest.mark.parametrize("write", [twelve_bits, float_stack, electrons, hounsfield])
def test_a_run_with_its_range_has_the_numbers_of_the_same_png_files(write, tmp_path):
    expected = records(tmp_path / "png", png, LEVELS)
    found = records(tmp_path / "other", write, LEVELS)
    assert len(found) == 4
    for column in ("psnr", "ssim"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-5)
