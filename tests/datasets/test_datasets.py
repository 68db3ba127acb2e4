import contextlib
import dataclasses
import functools
import gc
import gzip
import hashlib
import http.server
import json
import re
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import make_interp_spline
from sklearn.datasets import load_digits

from bench import datasets
from bench.core import DataError, Dataset, Group, StorageError, UsageError
from bench.datasets import idx, network, sources

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "datasets.json").read_text())
FILES = idx.FILES


def only_group(dataset, split):
    (group,) = dataset.groups(split)
    return group


# -- digits --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", Path("nowhere"))


def test_digits_splits_have_their_sizes_shape_range_and_positions(digits):
    assert digits.sizes == {"train": 1197, "validation": 200, "test": 400}
    for split, size in digits.sizes.items():
        positions, images = only_group(digits, split)
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == np.float32
        assert (images.min(), images.max()) == (0, 1)
        np.testing.assert_array_equal(positions, np.arange(size))


def test_digits_splits_are_scikit_learns_images_in_order_without_overlap(digits):
    """Spline interpolation of the 8x8 pixels as areas, by another of SciPy's modules."""
    small = load_digits().images[::9] / 16
    small = np.pad(small, ((0, 0), (20, 20), (20, 20)), mode="edge")
    centres = (np.arange(28) + 0.5) / 3.5 - 0.5
    for axis in (1, 2):
        spline = make_interp_spline(np.arange(48) - 20, small, k=3, axis=axis)
        small = spline(centres)
    images = np.concatenate([only_group(digits, s).images for s in digits.sizes])
    assert len(images) == 1797
    np.testing.assert_allclose(images[::9, 0], np.clip(small, 0, 1), rtol=0, atol=1e-5)


def test_digits_keep_the_mean_of_the_small_images(digits):
    small = load_digits().images[:1197].mean() / 16
    assert only_group(digits, "train").images.mean() == pytest.approx(small, abs=0.01)


def test_digits_have_their_golden_fingerprint(digits):
    assert digits.fingerprint == GOLDEN["digits"]


def test_digits_need_no_file_and_no_network(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("connected"))
    assert datasets.SOURCES["digits"].missing(Path("nowhere")) == ""
    assert only_group(datasets.load("digits", Path("nowhere")), "test").images.size


# -- a data set's groups -------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(limit=st.integers(0, 12), first=st.integers(0, 10))
def test_a_limit_keeps_the_positions_below_it_with_their_images(limit, first):
    positions = np.random.default_rng(first).permutation(10)
    parts = [part for part in (positions[:first], positions[first:]) if len(part)]
    groups = [
        Group(part, np.full((len(part), 1, 4, side), part[:, None, None, None], np.float32))
        for side, part in enumerate(parts, 3)
    ]
    dataset = Dataset("made-up", "", {"test": 10}, lambda split: groups)
    limited = list(dataset.groups("test", limit))
    assert sorted(p for group in limited for p in group.positions) == [*range(min(limit, 10))]
    for group in limited:
        assert len(group.positions) > 0
        np.testing.assert_array_equal(group.images[:, 0, 0, 0], group.positions)
    assert [len(group.images) for group in dataset.groups("test")] == [len(p) for p in parts]


# -- names and folders ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("mnits", "did you mean mnist"), ("digit", "did you mean digits"), ("xyz", "there is: mnist")],
)
def test_an_unknown_data_set_names_the_nearest_or_all(typed, hint):
    with pytest.raises(UsageError, match=f"unknown data set '{typed}': {hint}"):
        datasets.load(typed, Path("nowhere"))


def test_the_data_folder_is_the_given_one_else_the_environments(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")
    monkeypatch.setenv("BENCH_DATA_DIR", "~/there")
    assert datasets.data_folder("~/here") == Path("/somebody/here")
    assert datasets.data_folder(Path("here")) == Path("here")
    assert datasets.data_folder() == Path("/somebody/there")


@pytest.mark.parametrize("variable", [None, ""])
def test_else_the_data_folder_lies_in_the_users_cache(variable, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: Path("/cache") / name)
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    if variable is not None:
        monkeypatch.setenv("BENCH_DATA_DIR", variable)
    assert datasets.data_folder() == Path("/cache/denoise-bench/data")


# -- MNIST's format, with images that are made up ------------------------------------------


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Files(dict):
    """Name -> bytes, too many for pytest to show where a test fails."""

    def __repr__(self):
        return "Files"

    @functools.cached_property
    def md5(self):
        return tuple(md5(data) for data in self.values())


@pytest.fixture(scope="module")
def made_up():
    """Four files in MNIST's format; the first pixel of image i is i modulo 251."""
    files = Files.fromkeys(FILES)
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((count, 784), np.uint8)
        pixels[:, 0] = np.arange(count) % 251
        header = struct.pack(">IIII", 2051, count, 28, 28)
        files[f"{prefix}-images-idx3-ubyte"] = header + pixels.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">II", 2049, count) + bytes(count)
    return files


@pytest.fixture(scope="module")
def zipped(made_up):
    """The same, as a mirror has them."""
    return Files((f"{name}.gz", gzip.compress(data, 1, mtime=0)) for name, data in made_up.items())


@pytest.fixture
def mnist_from(monkeypatch):
    """Makes the data set `mnist` come from other mirrors, with other MD5 sums."""
    monkeypatch.setenv("no_proxy", "*")

    def change(*mirrors, files=None):
        sums = files.md5 if files else idx.MNIST_MD5
        mnist = dataclasses.replace(
            datasets.SOURCES["mnist"].open.__self__, mirrors=mirrors, md5=sums
        )
        monkeypatch.setitem(datasets.SOURCES, "mnist", sources._idx(mnist, "", ""))

    return change


@pytest.fixture(scope="module")
def stored(made_up, tmp_path_factory):
    """A folder that holds them."""
    folder = tmp_path_factory.mktemp("made-up")
    for name, data in made_up.items():
        (folder / name).write_bytes(data)
    return folder


def put(stored, raw):
    """The files of one folder in another."""
    raw.mkdir(parents=True)
    for name in FILES:
        (raw / name).symlink_to(stored / name)


def replace(path, data):
    path.unlink()
    path.write_bytes(data)


def test_splits_are_cut_from_the_files_at_their_boundaries(made_up, stored, mnist_from, tmp_path):
    mnist_from(files=made_up)
    put(stored, tmp_path / "MNIST" / "raw")
    mnist = datasets.load("mnist", tmp_path)
    assert mnist.sizes == {"train": 55_000, "validation": 5_000, "test": 10_000}
    for split, start in (("train", 0), ("validation", 55_000), ("test", 0)):
        positions, images = only_group(mnist, split)
        size = mnist.sizes[split]
        assert images.shape == (size, 1, 28, 28)
        assert images.dtype == np.float32
        np.testing.assert_array_equal(positions, np.arange(size))
        expected = (np.arange(start, start + size) % 251 / 255).astype(np.float32)
        np.testing.assert_allclose(images[:, 0, 0, 0], expected, rtol=1e-6)
        assert not images[:, 0, 1:].any()


def test_the_fingerprint_depends_on_the_content_alone(stored, tmp_path):
    for place in ("here", "there"):
        put(stored, tmp_path / place / "FashionMNIST" / "raw")
    here, there = (datasets.load("fashion-mnist", tmp_path / p) for p in ("here", "there"))
    assert here.fingerprint == there.fingerprint
    labels = tmp_path / "there" / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte"
    replace(labels, labels.read_bytes()[:-1] + b"\x01")
    assert datasets.load("fashion-mnist", tmp_path / "there").fingerprint != here.fingerprint


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\x01" + data[1:]])
def test_a_damaged_file_without_a_known_md5_is_refused_when_it_is_read(stored, damage, tmp_path):
    raw = tmp_path / "KMNIST" / "raw"
    put(stored, raw)
    replace(raw / FILES[2], damage((raw / FILES[2]).read_bytes()))
    kmnist = datasets.load("kmnist", tmp_path)
    with pytest.raises(DataError, match=f"{raw / FILES[2]} is damaged"):
        only_group(kmnist, "test")


# -- MNIST itself --------------------------------------------------------------------------


def test_mnist_equals_what_torchvision_reads(mnist_dir):
    from torchvision.datasets import MNIST

    mnist = datasets.load("mnist", mnist_dir)
    train = MNIST(str(mnist_dir), train=True).data.numpy()
    test = MNIST(str(mnist_dir), train=False)
    for split, expected in (
        ("train", train[:55_000]),
        ("validation", train[55_000:]),
        ("test", test.data.numpy()),
    ):
        images = only_group(mnist, split).images
        assert np.array_equal(images[:, 0], expected / np.float32(255))
    labels = test.targets.numpy()
    assert mnist.samples == tuple(int(np.argmax(labels == digit)) for digit in range(10))


def test_mnist_has_its_golden_fingerprint(mnist_dir):
    assert datasets.load("mnist", mnist_dir).fingerprint == GOLDEN["mnist"]
    assert datasets.load_default(mnist_dir).name == "mnist"
    assert datasets.load_default(mnist_dir).note == ""


@pytest.mark.parametrize("name", [FILES[1], FILES[2]])
@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_a_damaged_mnist_file_is_named_with_its_md5(mnist_dir, name, damage, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    put(mnist_dir / "MNIST" / "raw", raw)
    data = bytearray((raw / name).read_bytes())
    if damage == "cut":
        del data[-1]
    else:
        data[len(data) // 2] ^= 1
    replace(raw / name, data)

    for load in (lambda: datasets.load("mnist", tmp_path), lambda: datasets.load_default(tmp_path)):
        with pytest.raises(DataError, match="is damaged") as refused:
            load()
        assert str(raw / name) in str(refused.value)
        assert md5(data) in str(refused.value)


# -- downloads -----------------------------------------------------------------------------


@pytest.fixture
def serve():
    """Starts a local server: `answer(handler, name)` answers a GET, `head` is HEAD's status."""
    with contextlib.ExitStack() as stack:

        def start(answer, head=200):
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_HEAD(self):
                    self.send_response(head)
                    self.end_headers()

                def do_GET(self):
                    answer(self, self.path.rpartition("/")[2])

                def log_message(self, *args):
                    pass

            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, args=(0.05,)).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/files/"

        yield start
    gc.collect()


#: torchvision keeps the errors of mirrors that failed, and with them their sockets.
sockets_left_open = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture
def nobody():
    """The address of a port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture
def silent():
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def known_sums(monkeypatch, zipped):
    """What torchvision expects of the files that it downloads."""
    resources = [(f"{name}.gz", md5(zipped[f"{name}.gz"])) for name in FILES]
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", resources)


def send(handler, data, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(length or len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def test_a_download_puts_the_files_in_place_and_leaves_nothing_else(
    made_up, zipped, known_sums, mnist_from, serve, tmp_path
):
    asked = []

    def answer(handler, name):
        asked.append(name)
        send(handler, zipped[name])

    folder = tmp_path / "not" / "yet"
    mnist_from(serve(answer), files=made_up)
    mnist = datasets.load("mnist", folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {f"MNIST/raw/{name}" for name in FILES}
    assert [path.name for path in folder.iterdir()] == ["MNIST"]
    assert all((folder / "MNIST/raw" / name).read_bytes() == made_up[name] for name in FILES)
    assert socket.getdefaulttimeout() is None

    assert set(asked) == {f"{name}.gz" for name in FILES}
    asked.clear()
    assert datasets.load("mnist", folder).fingerprint == mnist.fingerprint
    assert asked == []


@sockets_left_open
def test_the_second_mirror_is_used_where_the_first_has_nothing(
    made_up, zipped, known_sums, mnist_from, serve, nobody, tmp_path
):
    empty = serve(lambda handler, name: handler.send_error(404), head=404)
    full = serve(lambda handler, name: send(handler, zipped[name]), head=405)
    for place, mirror in (("a", empty), ("b", nobody)):
        mnist_from(mirror, full, files=made_up)
        assert datasets.load("mnist", tmp_path / place).sizes["test"] == 10_000


def corrupted(handler, data):
    send(handler, data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])


def cut(handler, data):
    send(handler, data[: len(data) // 2], length=len(data))


def absent(handler, data):
    handler.send_error(404)


def stalled(handler, data):
    send(handler, data[: len(data) // 2], length=len(data))
    handler.connection.settimeout(20)  # else it has the client's, and they end together
    handler.connection.recv(1)  # nothing, once the client gives up


def reset_midway(handler, data):
    send(handler, data[: len(data) // 2], length=len(data))
    reset(handler)


def hung_up(handler, data):
    reset(handler)


def gibberish(handler, data):
    handler.wfile.write(b"who is there?\r\n\r\n")


@sockets_left_open
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (corrupted, "corrupted"),
        (cut, "corrupted"),
        (absent, "404"),
        (stalled, "timed out"),
        (reset_midway, "reset by peer"),
        (hung_up, "reset by peer"),
        (gibberish, "who is there?"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_download_that_fails_says_why_and_leaves_nothing_behind(
    fault, reason, made_up, zipped, known_sums, mnist_from, serve, monkeypatch, tmp_path
):
    monkeypatch.setattr(network, "STALL_SECONDS", 0.5)
    mnist_from(serve(lambda handler, name: fault(handler, zipped[name])), files=made_up)
    failed = rf"MNIST is not in .* and its download failed: .*{re.escape(reason)}.*; try again"
    with pytest.raises(DataError, match=failed):
        datasets.load("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_without_a_server_the_message_says_what_to_do(mnist_from, nobody, tmp_path):
    mnist_from(nobody)
    with pytest.raises(DataError, match="cannot be downloaded") as refused:
        datasets.load("mnist", tmp_path)
    for hint in (nobody, str(tmp_path / "MNIST" / "raw"), "--data-dir", "--dataset digits"):
        assert hint in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_one_missing_file_of_four_is_missing(stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody)
    put(stored, tmp_path / "MNIST" / "raw")
    (tmp_path / "MNIST" / "raw" / FILES[3]).unlink()
    assert FILES[3] in datasets.SOURCES["mnist"].missing(tmp_path)
    with pytest.raises(DataError, match="cannot be downloaded"):
        datasets.load("mnist", tmp_path)


def test_a_server_that_never_answers_is_given_up(mnist_from, silent, monkeypatch, tmp_path):
    monkeypatch.setattr(network, "PROBE_SECONDS", 0.5)
    mnist_from(silent)
    with pytest.raises(DataError, match=r"no answer from .* within 0\.5 s"):
        datasets.load("mnist", tmp_path)


def test_a_name_look_up_that_hangs_is_given_up(mnist_from, monkeypatch, tmp_path):
    free, returned = threading.Event(), threading.Event()

    def hang(*args, **kwargs):
        free.wait(20)
        returned.set()
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(network, "PROBE_SECONDS", 0.2)
    mnist_from("http://mnist.invalid/", "http://mnist2.invalid/")
    try:
        with pytest.raises(DataError, match="no answer from"):
            datasets.load("mnist", tmp_path)
        assert not returned.is_set()
    finally:
        free.set()


def test_a_server_that_speaks_no_http_is_no_mirror(mnist_from, monkeypatch, tmp_path):
    def gibber(server):
        connection, _ = server.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"who is there?\r\n\r\n")

    died = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_type))
    monkeypatch.setattr(network, "PROBE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=gibber, args=(server,))
        thread.start()
        mnist_from(f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(DataError, match="cannot be downloaded"):
            datasets.load("mnist", tmp_path)
        thread.join()
    assert died == []


def test_a_folder_that_cannot_be_made_is_a_storage_error(
    made_up, zipped, known_sums, mnist_from, serve, tmp_path
):
    mnist_from(serve(lambda handler, name: send(handler, zipped[name])), files=made_up)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another --data-dir"):
        datasets.load("mnist", tmp_path / "file" / "data")


# -- what is taken where nothing is named --------------------------------------------------


def test_by_default_mnist_is_taken_where_it_can_be(made_up, stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody, files=made_up)
    put(stored, tmp_path / "MNIST" / "raw")
    default = datasets.load_default(tmp_path)
    assert (default.name, default.note) == ("mnist", "")


def test_without_mnist_the_default_is_digits_with_a_note(mnist_from, nobody, tmp_path, digits):
    mnist_from(nobody)
    default = datasets.load_default(tmp_path)
    assert default.name == "digits"
    assert default.fingerprint == digits.fingerprint
    assert default.note.startswith("digits (embedded, 8x8 enlarged) stands in for MNIST: MNIST is")
    assert digits.note == ""


def test_a_damaged_mnist_is_no_reason_to_take_digits(stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody)
    put(stored, tmp_path / "MNIST" / "raw")
    with pytest.raises(DataError, match="is damaged or not MNIST's"):
        datasets.load_default(tmp_path)
