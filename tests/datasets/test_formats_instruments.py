"""FITS, DICOM and camera raw: what a header says of the values is done to them, and no more.

DICOM files are pydicom's own examples; camera raw is a mosaic written as DNG by tifffile.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from bench.core import MissingPackage, UsageError
from bench.datasets.formats import UnusableImage, files, open_image, save

fits = pytest.importorskip("astropy.io.fits")
pydicom = pytest.importorskip("pydicom")
RNG = np.random.default_rng(0)
CUBE = RNG.integers(0, 65536, (6, 20, 30)).astype(np.uint16)


def pages_of(path):
    stored = open_image(path)
    return np.stack([stored.read(page) for page in range(stored.pages)])


# -- FITS ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"], ids=lambda kind: kind
)
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
def test_fits_planes_are_pages_of_any_type(kind, compressed, tmp_path):
    if compressed and kind == "i8":
        return  # astropy cannot write it
    values = (CUBE >> 8 if kind == "u1" else CUBE).astype(kind)
    hdu = fits.CompImageHDU(values, compression_type="GZIP_1", quantize_level=0)
    parts = [fits.PrimaryHDU(), hdu] if compressed else [fits.PrimaryHDU(values)]
    fits.HDUList(parts).writeto(tmp_path / "a.fits")
    stored = open_image(tmp_path / "a.fits")
    assert (stored.shape, stored.pages, stored.dtype) == ((1, 20, 30), 6, np.dtype(kind))
    assert stored.white == {"u1": 255, "u2": 65535}.get(kind)
    np.testing.assert_array_equal(pages_of(tmp_path / "a.fits")[:, 0], values)


def test_fits_values_are_scaled_blanks_are_nan_and_the_unit_is_kept(tmp_path):
    """The file is packed here, after the standard."""
    numbers = np.array([[1, 2, -32768], [4, 5, 6]], ">i2")
    cards = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": 3, "NAXIS2": 2, "BSCALE": 0.5,
             "BZERO": 10.0, "BLANK": -32768, "BUNIT": "'electron'"}  # fmt: skip
    header = "".join(f"{key:8}= {value:>20}".ljust(80) for key, value in cards.items())
    data = (header + "END").ljust(2880).encode() + numbers.tobytes().ljust(2880, b"\0")
    (tmp_path / "a.fits").write_bytes(data)
    stored = open_image(tmp_path / "a.fits")
    assert (stored.dtype, stored.white, stored.unit) == (np.float32, None, "electron")
    np.testing.assert_array_equal(stored.read(0)[0], [[10.5, 11, np.nan], [12, 12.5, 13]])


def test_of_several_fits_images_one_is_named(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([
        fits.PrimaryHDU(), fits.ImageHDU(CUBE[0], name="SCI"), fits.ImageHDU(CUBE[1], name="ERR"),
    ]).writeto(path)  # fmt: skip
    with pytest.raises(UnusableImage, match=r"2 images: name one of 1 \(SCI\), 2 \(ERR\) as FILE"):
        open_image(path)
    for inner in ("ERR", "2"):
        named = tmp_path / f"a.fits::{inner}"
        np.testing.assert_array_equal(pages_of(named)[0, 0], CUBE[1])
        save(tmp_path / "b.fits", CUBE[2:3], named)
        np.testing.assert_array_equal(pages_of(tmp_path / "b.fits")[0, 0], CUBE[2])
    with pytest.raises(UnusableImage, match="no image named DQ"):
        open_image(tmp_path / "a.fits::DQ")


def test_fits_without_an_image_or_with_something_behind_it_is_refused(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "a.fits")
    with pytest.raises(UnusableImage, match="it holds no images"):
        open_image(tmp_path / "a.fits")
    fits.PrimaryHDU(CUBE[0]).writeto(tmp_path / "b.fits")
    with (tmp_path / "b.fits").open("ab") as file:
        file.write(b"\0" * 2880)
    assert open_image(tmp_path / "b.fits").pages == 1
    with (tmp_path / "b.fits").open("ab") as file:
        file.write(b"something else")
    with pytest.raises(UnusableImage, match="it goes on after its last part"):
        open_image(tmp_path / "b.fits")


@pytest.mark.parametrize(
    ("planes", "reason"),
    [(3, "its header says 3 tiles, and it holds 6"), (7, "says 7 tiles"), (10**7, "100,000 are")],
)
def test_planes_that_a_compressed_fits_image_only_claims_are_refused(planes, reason, tmp_path):
    image = fits.CompImageHDU(CUBE, compression_type="RICE_1", tile_shape=(1, 20, 30))
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", disable_image_compression=True) as hdus:
        hdus[1].header["ZNAXIS3"] = planes
        hdus.writeto(tmp_path / "b.fits")
    with pytest.raises(UnusableImage, match=reason):
        open_image(tmp_path / "b.fits")


def test_the_header_of_a_fits_image_is_kept(tmp_path):
    header = fits.Header({"OBJECT": "M31", "BUNIT": "adu", "CRVAL1": 10.5})
    fits.PrimaryHDU(CUBE[0], header).writeto(tmp_path / "a.fits", checksum=True)
    save(tmp_path / "b.fits", CUBE[1:2], tmp_path / "a.fits")
    with warnings.catch_warnings(), fits.open(tmp_path / "b.fits", checksum=True) as written:
        assert [written[0].header[key] for key in header] == list(header.values())


# -- DICOM -----------------------------------------------------------------------------------

EXAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.mark.parametrize(
    ("name", "unit", "white"),
    [
        ("CT_small.dcm", "HU", None), ("MR_small.dcm", "", None), ("MR_small_RLE.dcm", "", None),
        ("MR_small_bigendian.dcm", "", None), ("SC_rgb_rle_16bit_2frame.dcm", "", 65535),
        ("ExplVR_BigEnd.dcm", "", 255), ("SC_ybr_full_422_uncompressed.dcm", "", 255),
        ("examples_overlay.dcm", "", 4095),
    ],
)  # fmt: skip
def test_dicom_values_are_as_pydicom_rescales_them(name, unit, white):
    stored, dataset = open_image(EXAMPLES / name), pydicom.dcmread(EXAMPLES / name)
    assert (stored.unit, stored.white) == (unit, white)
    expected = pydicom.pixels.apply_rescale(dataset.pixel_array, dataset)
    frames = expected if stored.pages > 1 else expected[None]
    for page, frame in enumerate(frames):
        frame = frame[..., None] if frame.ndim == 2 else frame
        np.testing.assert_array_equal(stored.read(page), np.moveaxis(frame, -1, 0))


def changed(path, name="CT_small.dcm", **elements):
    """An example with other elements; None takes one away."""
    dataset = pydicom.dcmread(EXAMPLES / name)
    for key, value in elements.items():
        if value is None:
            del dataset[key]
        else:
            setattr(dataset, key, value)
    dataset.save_as(path)
    return path


def test_bits_beside_those_of_the_values_are_not_read(tmp_path):
    """There may be overlays in them; a negative value begins with the highest of its own."""
    numbers = RNG.integers(-32768, 32767, (128, 128)).astype(np.int16)
    path = changed(
        tmp_path / "a.dcm", PixelData=numbers.tobytes(), BitsStored=12, HighBit=11,
        RescaleIntercept=0,
    )  # fmt: skip
    np.testing.assert_array_equal(pages_of(path)[0, 0], (numbers << 4) >> 4)


def group(slope, intercept):
    rescaling, frame = pydicom.Dataset(), pydicom.Dataset()
    rescaling.RescaleSlope, rescaling.RescaleIntercept = slope, intercept
    frame.PixelValueTransformationSequence = [rescaling]
    return frame


def test_each_frame_of_an_enhanced_file_has_its_own_rescaling(tmp_path):
    numbers = RNG.integers(0, 256, (2, 128, 128)).astype(np.int16)
    path = changed(
        tmp_path / "a.dcm", NumberOfFrames=2, PixelData=numbers.tobytes(), RescaleSlope=None,
        RescaleIntercept=None, PerFrameFunctionalGroupsSequence=[group(2, -100), group(0.5, 7)],
    )  # fmt: skip
    expected = np.stack([numbers[0] * 2.0 - 100, numbers[1] * 0.5 + 7])[:, None]
    np.testing.assert_array_equal(pages_of(path), expected)
    save(tmp_path / "b.dcm", expected.astype(np.float32), path)
    np.testing.assert_array_equal(pages_of(tmp_path / "b.dcm"), expected)


def test_how_a_dicom_file_is_shown_is_reported_and_not_applied(tmp_path):
    plain = pages_of(EXAMPLES / "CT_small.dcm")
    path = changed(
        tmp_path / "a.dcm", WindowCenter=40, WindowWidth=400,
        PhotometricInterpretation="MONOCHROME1",
    )  # fmt: skip
    np.testing.assert_array_equal(pages_of(path), plain)
    window, inverted = open_image(path).notes
    assert "window centre 40 and width 400, which are not applied" in window
    assert "least value is shown white; values are not inverted" in inverted


def test_dicom_keeps_its_header_and_says_that_it_is_derived(tmp_path):
    path = EXAMPLES / "CT_small.dcm"
    values = np.roll(pages_of(path), 5, axis=-1)
    save(tmp_path / "a.dcm", values, path)
    np.testing.assert_array_equal(pages_of(tmp_path / "a.dcm"), values)
    before, after = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "a.dcm")
    assert after.PatientID == before.PatientID
    assert (after.RescaleSlope, after.RescaleIntercept) == (1, -1024)
    assert after.ImageType[0] == "DERIVED"
    assert after.SOPInstanceUID != before.SOPInstanceUID
    with pytest.raises(UsageError, match=r"a\.dcm: a value is not one of those that CT_small\.dcm"):
        save(tmp_path / "a.dcm", values + 1e6, path)
    np.testing.assert_array_equal(pages_of(tmp_path / "a.dcm"), values)


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"PixelData": None}, "it is DICOM without an image"),
        (
            {"PixelData": None, "EncryptedAttributesSequence": [pydicom.Dataset()]},
            "it is encrypted: save it decrypted",
        ),
        ({"Rows": None}, "it does not say its Rows"),
        ({"Rows": 0}, "128x0 pixels are none"),
        ({"Rows": 60000, "Columns": 60000}, "60000x60000 pixels are more than"),
        ({"Rows": 200}, "its header says 51200 bytes of pixels, and it has 32768"),
        ({"Rows": 100}, "its header says 25600 bytes of pixels, and it has 32768"),
        ({"NumberOfFrames": 5}, "its header says 163840 bytes"),
        ({"NumberOfFrames": 3_000_000}, "it holds 3,000,000 images, and 100,000 are the most"),
        ({"NumberOfFrames": -1}, "it holds -1 images"),
        ({"HighBit": 11, "BitsStored": 8}, "do not lie in the lowest bits"),
        ({"RescaleSlope": 0}, "its rescale slope is 0"),
        ({"ModalityLUTSequence": [pydicom.Dataset()]}, "stand in a table"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "its pixels are PALETTE COLOR"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_dicom_that_is_no_image_as_it_is_is_refused(elements, reason, tmp_path):
    with pytest.raises(UnusableImage, match=reason):
        pages_of(changed(tmp_path / "a.dcm", **elements))


def test_dicom_of_fewer_compressed_frames_than_it_says_is_refused(tmp_path):
    path = changed(tmp_path / "a.dcm", "MR_small_RLE.dcm", NumberOfFrames=3)
    with pytest.raises(UnusableImage, match="it says that it has 3 frames, and holds 1"):
        open_image(path)


def test_deflated_dicom_is_refused_before_it_is_inflated(monkeypatch):
    monkeypatch.setattr("zlib.decompressobj", lambda *a: pytest.fail("inflated"))
    monkeypatch.setattr("zlib.decompress", lambda *a: pytest.fail("inflated"))
    with pytest.raises(UnusableImage, match="it is deflated as a whole: save it uncompressed"):
        open_image(EXAMPLES / "image_dfl.dcm")


def test_dicom_that_is_cut_short_is_refused_by_its_header(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes((EXAMPLES / "examples_overlay.dcm").read_bytes()[:-5000])
    with pytest.raises(UnusableImage, match="it is cut short"):
        open_image(path)


def test_dicom_of_a_compression_without_a_decoder_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "is_available", False)
    with pytest.raises(MissingPackage, match=r"small_RLE\.dcm: for RLE Lossless install pylibjpeg"):
        open_image(EXAMPLES / "MR_small_RLE.dcm")


def test_without_the_library_what_to_install_is_said(monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(MissingPackage, match=r"DICOM.*: pip install 'denoise-bench\[dicom\]'"):
        open_image(EXAMPLES / "CT_small.dcm")


# -- camera raw ------------------------------------------------------------------------------


def negative(path, mosaic):
    """A DNG file of a colour filter array red, green; green, blue."""
    matrix = [part for value in np.eye(3).ravel() for part in (int(value), 1)]
    tags = [
        (271, 2, 0, "Bench", True), (272, 2, 0, "Test", True), (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, (0, 1, 1, 2), True), (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Bench Test", True), (50714, 3, 1, 0, True), (50717, 3, 1, 4095, True),
        (50721, 10, 9, tuple(matrix), True), (50728, 5, 3, (1, 1) * 3, True),
        (50778, 3, 1, 21, True),
    ]  # fmt: skip
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None)


def test_camera_raw_is_developed_linearly_and_says_so(tmp_path, capfd):
    pytest.importorskip("rawpy")
    path, mosaic = tmp_path / "a.dng", np.full((64, 96), 1000, np.uint16)
    mosaic[::2, ::2] = 500  # red
    negative(path, mosaic)
    stored = open_image(path)
    assert (stored.shape, stored.dtype, stored.white) == ((3, 64, 96), np.uint16, 65535)
    assert "demosaicked" in stored.notes[0]
    red, green, blue = stored.read(0)[:, 8:-8, 8:-8].mean(axis=(1, 2))
    negative(path, 2 * mosaic)
    twice = open_image(path).read(0)[:, 8:-8, 8:-8].mean(axis=(1, 2))
    np.testing.assert_allclose(twice, [2 * red, 2 * green, 2 * blue], rtol=0.01)
    assert red < green
    negative(path, np.full((64, 96), 3500, np.uint16))  # below the sensor's white, which is 4095
    np.testing.assert_allclose(open_image(path).read(0), 65535 * 3500 / 4095, rtol=0.01)
    with pytest.raises(UsageError, match="camera raw files cannot be written: save it as TIFF"):
        save(tmp_path / "b.dng", stored.read(0), path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnusableImage, match="it is broken"):
        open_image(path).read(0)
    assert capfd.readouterr() == ("", "")
