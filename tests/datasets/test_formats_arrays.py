"""npy, npz, HDF5 and zarr: which axes of an array are what, and which array is meant."""

import pickle
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bench.core import DataError, MissingPackage
from bench.datasets.formats import UnusableImage, files, open_image, save

h5py = pytest.importorskip("h5py")
zarr = pytest.importorskip("zarr")
RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 65536, (6, 20, 30)).astype(np.uint16)
COLOUR = RNG.random((20, 30, 3)).astype(np.float32)
SUFFIXES = ("npy", "npz", "h5", "zarr", "zarr2")


def write(path, array, name="series/image"):
    """With its format's own library; `zarr2` is zarr's older format."""
    if path.suffix == ".npy":
        np.save(path, array, allow_pickle=False)
    elif path.suffix == ".npz":
        before = dict(np.load(path)) if path.exists() else {}
        np.savez_compressed(path, **before, **{name: array})
    elif path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            file[name] = array
    else:
        version = 2 if path.suffix == ".zarr2" else 3
        group = zarr.open_group(path, mode="a", zarr_format=version)
        chunks = tuple(min(16, side) for side in array.shape)
        group.create_array(name, shape=array.shape, dtype=array.dtype, chunks=chunks)[...] = array
    return path


def written(tmp_path, suffix, array):
    path = write(tmp_path / f"a.{suffix}", array)
    return path.rename(tmp_path / "a.zarr") if suffix == "zarr2" else path


def pages_of(path):
    stored = open_image(path)
    return np.stack([stored.read(page) for page in range(stored.pages)])


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (STACK[0], STACK[:1, None]),
        (STACK, STACK[:, None]),
        (STACK[:1], STACK[:1, None]),
        (STACK[:, None], STACK[:, None]),
        (STACK[..., None], STACK[:, None]),
        (COLOUR, np.moveaxis(COLOUR, -1, 0)[None]),
        (np.moveaxis(COLOUR, -1, 0), np.moveaxis(COLOUR, -1, 0)[None]),
        (np.stack([COLOUR] * 2), np.stack([np.moveaxis(COLOUR, -1, 0)] * 2)),
        (np.asfortranarray(STACK[0].T), STACK[:1, None].swapaxes(2, 3)),
        (STACK[0].astype(">u2"), STACK[:1, None]),
        (STACK[0] > 999, STACK[:1, None] > 999),
    ],
    ids=["HW", "NHW", "1HW", "N1HW", "NHW1", "HWC", "CHW", "NHWC", "Fortran", "big-endian", "bool"],
)  # fmt: skip
def test_axes_are_what_their_lengths_say(suffix, array, expected, tmp_path):
    path = written(tmp_path, suffix, array)
    np.testing.assert_array_equal(pages_of(path), expected)
    stored = open_image(path)
    assert stored.dtype == expected.dtype.newbyteorder("=")
    assert stored.white == {"u": 65535, "f": None, "b": 1}[expected.dtype.kind]


def test_three_planes_are_taken_for_colours_and_that_is_said(tmp_path):
    (note,) = open_image(write(tmp_path / "a.npy", STACK[:3])).notes
    assert note == (
        "its shape (3, 20, 30) is taken for one image in colour: three grey ones are (3, 1, H, W)"
    )
    assert open_image(write(tmp_path / "b.npy", STACK[:3, None])).pages == 3


@pytest.mark.parametrize("suffix", ["npy", "npz", "h5"])
@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 3, 9, 3)), "may have its channels first or last: save it as"),
        (np.zeros((3, 9, 3)), "may have its channels first or last"),
        (np.zeros((2, 5, 9, 8)), "neither 1 nor 3 channels"),
        (np.zeros((4, 5), np.complex64), "its values are complex64"),
        (np.zeros((0, 4, 5)), "first axis is 0"),
        (np.zeros((4, 0)), "0x4 pixels are none"),
    ],
    ids=["both", "colour or pages", "channels", "complex", "no page", "no pixel"],
)  # fmt: skip
def test_what_could_be_several_things_or_nothing_is_refused(suffix, array, reason, tmp_path):
    with pytest.raises(UnusableImage, match=reason):
        open_image(written(tmp_path, suffix, array))


@pytest.mark.parametrize("suffix", ["npz", "h5", "zarr", "zarr2"])
def test_of_several_arrays_the_only_image_or_the_named_one_is_read(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write(path, STACK, "series/image")
    write(path, np.arange(9), "times")
    path = path.rename(tmp_path / "a.zarr") if suffix == "zarr2" else path
    np.testing.assert_array_equal(pages_of(path)[:, 0], STACK)
    np.testing.assert_array_equal(pages_of(tmp_path / f"{path}::series/image")[:, 0], STACK)
    with pytest.raises(UnusableImage, match="holds no array other: name one of series/image, time"):
        open_image(tmp_path / f"{path}::other")
    with pytest.raises(UnusableImage, match=r"its shape \(9\) is none of images"):
        open_image(tmp_path / f"{path}::times")


@pytest.mark.parametrize("suffix", ["npz", "h5", "zarr"])
def test_several_images_are_named(suffix, tmp_path):
    path = tmp_path / f"a.{suffix}"
    write(path, STACK, "before")
    write(path, STACK[::-1], "after")
    with pytest.raises(UnusableImage, match=r"holds 2 arrays: name one of .*after.* as FILE::NAME"):
        open_image(path)
    np.testing.assert_array_equal(pages_of(tmp_path / f"{path}::after")[:, 0], STACK[::-1])


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_python_objects_are_never_loaded(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    (np.save if suffix == "npy" else np.savez)(path, np.array([[{}, {}]], object))
    monkeypatch.setattr(pickle, "load", lambda *a, **k: pytest.fail("loaded"))
    with pytest.raises(UnusableImage, match="it holds Python objects, which are not read"):
        open_image(path)


def test_pages_that_a_file_claims_are_not_believed_without_bound(tmp_path):
    path, reason = tmp_path / "a.zarr", "10,000,000 images, and 100,000 are the most that are taken"
    zarr.create_array(path, shape=(10**7, 8, 8), dtype="u2", chunks=(100, 8, 8))[0] = 1
    with pytest.raises(UnusableImage, match=reason):
        open_image(path)
    np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (10**7, 8, 8))  # a sparse file
    with pytest.raises(UnusableImage, match=reason):
        open_image(tmp_path / "a.npy")


def test_threads_that_miss_decode_an_npz_array_once(tmp_path, monkeypatch):
    stored, decoded = open_image(write(tmp_path / "a.npz", STACK)), []
    read_array = np.lib.format.read_array

    def slow(*args, **options):
        decoded.append(1)
        time.sleep(0.05)
        return read_array(*args, **options)

    monkeypatch.setattr(np.lib.format, "read_array", slow)
    with ThreadPoolExecutor(4) as threads:
        pages = list(threads.map(stored.read, range(4)))
    np.testing.assert_array_equal(np.stack(pages), STACK[:4, None])
    assert decoded == [1]


def test_several_arrays_in_one_npy_file_are_refused(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.save(file, STACK)
        np.save(file, STACK)
    with pytest.raises(UnusableImage, match="it holds more than one array"):
        open_image(tmp_path / "a.npy")


def test_an_encrypted_archive_is_refused(tmp_path):
    path = write(tmp_path / "a.npz", STACK)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    with pytest.raises(UnusableImage, match="it is encrypted"):
        open_image(path)


def test_an_archive_that_claims_more_than_there_is_memory_is_not_unpacked(tmp_path):
    header = np.lib.format.header_data_from_array_1_0(STACK)
    header["shape"] = (10**7, 1000, 1000)
    with (
        zipfile.ZipFile(tmp_path / "a.npz", "w") as archive,
        archive.open("image.npy", "w") as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UnusableImage, match=r"it is broken: image\.npy is not as long as it says"):
        open_image(tmp_path / "a.npz")
    path = write(tmp_path / "b.npz", STACK)
    stored = open_image(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10})())
        with pytest.raises(DataError, match="GiB that are decoded at once"):
            stored.read(0)


# -- HDF5 ------------------------------------------------------------------------------------


def test_the_unit_of_an_hdf5_data_set_is_kept(tmp_path):
    with h5py.File(write(tmp_path / "a.h5", STACK), "a") as file:
        file["series/image"].attrs["units"] = "photons"
    assert open_image(tmp_path / "a.h5").unit == "photons"


def elsewhere(path):
    (path.parent / "raw.bin").write_bytes(b"")
    with h5py.File(path, "w") as file:
        where = [(str(path.parent / "raw.bin"), 0, h5py.h5f.UNLIMITED)]
        file.create_dataset("image", (20, 30), "u2", external=where)


def virtual(path):
    layout = h5py.VirtualLayout((20, 30), "u2")
    layout[:] = h5py.VirtualSource(str(path.parent / "gone.h5"), "image", (20, 30))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("image", layout)


def nothing(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (20, 30), "u2", chunks=(10, 10))


def partial(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (3, 20, 30), "u2", chunks=(1, 20, 30))[:2] = 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (elsewhere, "in other files"),
        (virtual, "in other files"),
        (nothing, "never written"),
        (partial, "never written"),
    ],
)
def test_values_that_are_not_in_the_file_are_not_read_as_zeros(make, reason, tmp_path):
    make(tmp_path / "a.h5")
    with pytest.raises(UnusableImage, match=reason):
        open_image(tmp_path / "a.h5")


# -- zarr ------------------------------------------------------------------------------------


def ome(path, version, shape=(2, 3, 20, 30), axes="tcyx"):
    """An OME-Zarr image of two resolutions, and labels."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version < "0.5" else 3)
    values = RNG.integers(0, 65536, shape).astype(np.uint16)
    for name, own in (("0", values), ("1", values[..., ::2, ::2])):
        group.create_array(name, shape=own.shape, dtype=own.dtype)[...] = own
    group.create_array("labels/cells/0", shape=shape, dtype="u1")[...] = 1
    named = [{"name": axis, "type": "space"} for axis in axes]
    scales = [{"axes": named, "datasets": [{"path": "0"}, {"path": "1"}], "version": version}]
    described = {"multiscales": scales}
    group.attrs.update(described if version < "0.5" else {"ome": {"version": "0.5", **described}})
    return values


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_of_ome_zarr_the_highest_resolution_is_read_and_written(version, tmp_path):
    path, copy = tmp_path / "a.ome.zarr", tmp_path / "b.ome.zarr"
    values = ome(path, version)
    stored = open_image(path)
    assert (stored.shape, stored.pages) == ((1, 20, 30), 6)
    assert stored.notes == ("its 6 pages are 2 t x 3 c",)
    np.testing.assert_array_equal(pages_of(path)[:, 0], values.reshape(6, 20, 30))
    save(copy, 65535 - pages_of(path), path)
    np.testing.assert_array_equal(pages_of(copy), 65535 - pages_of(path))
    attributes = dict(zarr.open_group(copy, mode="r").attrs)
    (scale,) = attributes.get("ome", attributes)["multiscales"]
    assert scale["datasets"] == [{"path": "0"}]
    assert [axis["name"] for axis in scale["axes"]] == list("tcyx")


def test_ome_zarr_with_other_axes_last_is_refused(tmp_path):
    ome(tmp_path / "a.zarr", "0.5", axes="tyxc")
    with pytest.raises(UnusableImage, match="its axes are t, y, x, c: save it with y and x last"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", [2, 3])
def test_a_billion_pixels_are_refused_by_the_metadata(version, tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(32000, 32000), dtype="f4", chunks=(99, 99), zarr_format=version)
    monkeypatch.setattr(zarr.Array, "__getitem__", lambda *a: pytest.fail("read"))
    with pytest.raises(UnusableImage, match="32000x32000 pixels are more than 67,108,864"):
        open_image(path)


def test_a_chunk_that_claims_more_than_there_is_memory_is_not_read(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, shape=(9, 9), dtype="f4", chunks=(10**7, 10**7), zarr_format=2)
    with pytest.raises(DataError, match="GiB that are decoded at once"):
        open_image(path)


def test_an_array_without_any_chunk_is_refused(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(20, 30), dtype="f4", chunks=(9, 9))
    with pytest.raises(UnusableImage, match="none of its chunks is there"):
        open_image(tmp_path / "a.zarr")


@pytest.mark.parametrize("version", [2, 3])
def test_chunks_that_are_not_there_are_counted(version, tmp_path):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(4, 20, 30), dtype="u2", chunks=(1, 9, 9), fill_value=7,
                              zarr_format=version)  # fmt: skip
    array[0] = STACK[0]
    stored = open_image(path)
    assert stored.notes == (
        "36 of its 48 chunks are not there: their pixels are its fill value, 7",
    )
    assert (stored.read(2) == 7).all()
    array[...] = STACK[:4]
    assert open_image(path).notes == ()


def test_shards_that_are_not_there_are_counted(tmp_path):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(5, 20, 30), dtype="u2", chunks=(1, 8, 8), fill_value=0,
                              shards=(2, 16, 16))  # fmt: skip
    array[:2] = STACK[:2]
    assert open_image(path).notes[0].startswith("8 of its 12 shards are not there")
    array[...] = STACK[:5]
    assert open_image(path).notes == ()


def test_a_zarr_array_that_would_be_unpickled_is_refused(tmp_path):
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, shape=(20, 30), dtype="u2", zarr_format=2)
    array[...] = STACK[0]
    text = (path / ".zarray").read_text()
    (path / ".zarray").write_text(text.replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(UnusableImage, match=r"Python objects|broken"):
        open_image(path)


@pytest.mark.parametrize("suffix", ["h5", "zarr"])
def test_without_the_library_what_to_install_is_said(suffix, tmp_path, monkeypatch):
    path = written(tmp_path, suffix, STACK)
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    extra = {"h5": "hdf5", "zarr": "zarr"}[suffix]
    with pytest.raises(MissingPackage, match=rf"pip install 'denoise-bench\[{extra}\]'"):
        open_image(path)
