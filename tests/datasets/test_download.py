"""Downloads, from local servers that behave as the net's do: well, badly and not at all."""

import contextlib
import dataclasses
import errno
import hashlib
import io
import os
import re
import socket
import stat
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import datasets
from bench.core import DataError, StorageError
from bench.datasets import download, idx, natural
from bench.datasets.download import RemoteFile, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


# -- servers ---------------------------------------------------------------------------------


def send(handler, content, length=None):
    handler.send_response(200)
    handler.send_header("Content-Length", str(length or len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def reset(handler):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def corrupted(handler, content):
    send(handler, content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


def cut(handler, content):
    send(handler, content[: len(content) // 2], length=len(content))


def absent(handler, content):
    handler.send_error(404)


def stalled(handler, content):
    send(handler, content[: len(content) // 2], length=len(content))
    handler.connection.settimeout(20)  # else it has the client's, and they end together
    handler.connection.recv(1)  # nothing, once the client gives up


def reset_midway(handler, content):
    send(handler, content[: len(content) // 2], length=len(content))
    handler.wfile.flush()
    reset(handler)


def portal(handler, content):
    """A network that wants a login answers everything with its page."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html; charset=utf-8")
    handler.end_headers()
    handler.wfile.write(b"<!DOCTYPE html><title>Welcome</title>")


def endless(handler, content):
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(content)


def dripping(handler, content):
    """A byte now and then, so that the connection never falls silent."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    with contextlib.suppress(OSError):
        for byte in content:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.05)


def hung_up(handler, content):
    reset(handler)


def gibberish(handler, content):
    handler.wfile.write(b"who is there?\r\n\r\n")


class Cutting:
    """Sends at most so many bytes a connection, and notes where each begins.

    Args:
        share: bytes a connection.
        ranges: it goes on where the client says, else it begins anew each time.
        cuts: so many connections are cut; the next is not.
    """

    def __init__(self, share, *, ranges=True, cuts=99):
        self.share, self.ranges, self.cuts, self.starts = share, ranges, cuts, []

    def __call__(self, handler, name):
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and self.ranges else 0
        self.starts.append(start)
        rest = CONTENT[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        handler.end_headers()
        handler.wfile.write(rest if len(self.starts) > self.cuts else rest[: self.share])


def get(url, folder, checksum=SHA256, name="a.bin"):
    fetch("Some", [RemoteFile(name, (url + name,), checksum)], folder / "Some", folder, "go home")
    return (folder / "Some" / name).read_bytes()


# -- files -----------------------------------------------------------------------------------


def test_a_file_comes_into_a_folder_that_others_can_read_and_nothing_else_stays(
    serve, tmp_path, capfd
):
    folder = tmp_path / "not" / "yet"
    assert get(serve(lambda handler, name: send(handler, CONTENT)), folder) == CONTENT
    assert [path.name for path in folder.iterdir()] == ["Some"]
    (tmp_path / "own").touch()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (folder / "Some" / "a.bin", tmp_path / "own")}
    assert len(modes) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("checksum", [SHA256, None], ids=["sum", "no sum"])
def test_a_connection_that_is_cut_goes_on_where_it_was(checksum, serve, tmp_path):
    answer = Cutting(130_000)
    assert get(serve(answer), tmp_path, checksum) == CONTENT
    assert answer.starts == [0, 130_000, 260_000]


@pytest.mark.parametrize("checksum", [SHA256, None], ids=["sum", "no sum"])
def test_a_server_that_begins_anew_is_understood(checksum, serve, tmp_path):
    answer = Cutting(130_000, ranges=False, cuts=1)
    assert get(serve(answer), tmp_path, checksum) == CONTENT
    assert answer.starts == [0, 0]


def test_a_server_that_is_always_cut_at_the_same_place_is_given_up(serve, tmp_path):
    answer = Cutting(130_000, ranges=False)
    with pytest.raises(DataError, match="the connection was cut; try again, or go home"):
        get(serve(answer), tmp_path, None)
    assert len(answer.starts) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (corrupted, "it was corrupted on the way, or is another file by now"),
        (cut, "the connection was cut"),
        (absent, "404 Not Found"),
        (stalled, "timed out"),
        (reset_midway, "reset by peer"),
        (hung_up, "reset by peer"),
        (gibberish, "who is there?"),
        (portal, "a web page came instead: does this network ask for a login?"),
        (endless, "it has more than 1,000,000 bytes"),
        (
            lambda handler, content: send(handler, b"", 2_000_000),
            "it has more than 1,000,000 bytes",
        ),
        (dripping, "it took more than 0.4 s"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_download_that_fails_says_why_and_leaves_nothing_behind(
    fault, reason, serve, monkeypatch, tmp_path
):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(download, "FILE_SECONDS", 0.4 if fault is dripping else 60.0)
    monkeypatch.setattr(download, "LARGEST", 1_000_000)
    url = serve(lambda handler, name: fault(handler, CONTENT))
    failed = (
        rf"Some is not in .* and its download failed: {url}a\.bin: .*{re.escape(reason)}.*; try"
    )
    with pytest.raises(DataError, match=failed) as refused:
        get(url, tmp_path)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_each_mirror_that_failed_says_why(serve, tmp_path):
    mirrors = [
        serve(lambda handler, name, fault=fault: fault(handler, CONTENT))
        for fault in (absent, corrupted)
    ]
    file = RemoteFile("a.bin", tuple(f"{mirror}a.bin" for mirror in mirrors), SHA256)
    with pytest.raises(DataError) as refused:
        fetch("Some", [file], tmp_path / "Some", tmp_path, "go home")
    assert f"{mirrors[0]}a.bin: 404 Not Found; {mirrors[1]}a.bin: it was" in str(refused.value)


def test_a_folder_that_is_there_keeps_its_other_files(serve, tmp_path):
    (tmp_path / "Some").mkdir()
    (tmp_path / "Some" / "a.bin").write_text("old")
    (tmp_path / "Some" / "own").write_text("mine")
    assert get(serve(lambda handler, name: send(handler, CONTENT)), tmp_path) == CONTENT
    assert (tmp_path / "Some" / "own").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_a_storage_error(serve, tmp_path):
    (tmp_path / "file").touch()
    url = serve(lambda handler, name: send(handler, CONTENT))
    with pytest.raises(StorageError, match="choose another --data-dir"):
        get(url, tmp_path / "file" / "data")


def test_a_full_disk_is_a_storage_error_and_no_broken_connection(serve, monkeypatch, tmp_path):
    url = serve(lambda handler, name: send(handler, CONTENT))

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match="No space left on device"):
        get(url, tmp_path)


def test_on_a_terminal_a_bar_moves_and_goes(serve, monkeypatch, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    get(serve(lambda handler, name: send(handler, CONTENT)), tmp_path)
    shown = sys.stderr.getvalue()
    assert "downloading Some" in shown
    assert "1/1" in shown
    assert shown.rstrip().endswith("\x1b[2K")  # the line is taken away


# -- whether anybody answers -----------------------------------------------------------------


def test_without_a_server_the_message_says_what_to_do(mnist_from, nobody, tmp_path):
    mnist_from(nobody)
    with pytest.raises(DataError, match="cannot be downloaded") as refused:
        datasets.load("mnist", tmp_path)
    for hint in (nobody, str(tmp_path / "MNIST" / "raw"), "--data-dir", "--dataset digits"):
        assert hint in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_answers_is_given_up(mnist_from, silent, monkeypatch, tmp_path):
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)
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
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.2)
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
    monkeypatch.setattr(download, "PROBE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=gibber, args=(server,))
        thread.start()
        mnist_from(f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(DataError, match="cannot be downloaded"):
            datasets.load("mnist", tmp_path)
        thread.join()
    assert died == []


# -- MNIST and its kin -----------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [None, "x-gzip"])
def test_mnist_is_unpacked_into_torchvisions_folder_and_not_fetched_again(
    encoding, made_up, zipped, mnist_from, serve, tmp_path
):
    requested = []

    def answer(handler, name):
        requested.append(name)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(zipped[name])))
        if encoding:  # some servers say so of what is to stay packed
            handler.send_header("Content-Encoding", encoding)
        handler.end_headers()
        handler.wfile.write(zipped[name])

    mnist_from(serve(answer), files=made_up, archives=zipped)
    mnist = datasets.load("mnist", tmp_path)
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {f"MNIST/raw/{name}" for name in idx.FILES}
    assert all((tmp_path / "MNIST/raw" / name).read_bytes() == made_up[name] for name in made_up)

    assert sorted(requested) == sorted(zipped)
    requested.clear()
    assert datasets.load("mnist", tmp_path).fingerprint == mnist.fingerprint
    assert requested == []


def test_the_second_mirror_is_used_where_the_first_has_nothing(
    made_up, zipped, mnist_from, serve, nobody, tmp_path
):
    empty = serve(lambda handler, name: handler.send_error(404), head=404)
    full = serve(lambda handler, name: send(handler, zipped[name]), head=405)
    for folder, mirror in (("a", empty), ("b", nobody)):
        mnist_from(mirror, full, files=made_up, archives=zipped)
        assert datasets.load("mnist", tmp_path / folder).sizes["test"] == 10_000


def test_an_archive_that_is_not_the_published_one_is_refused(mnist_from, zipped, serve, tmp_path):
    mnist_from(serve(lambda handler, name: send(handler, zipped[name])))
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: it was corrupted"):
        datasets.load("mnist", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("files", [idx.MNIST, idx.FASHION_MNIST, idx.KMNIST], ids=lambda f: f.name)
def test_addresses_and_sums_are_torchvisions(files):
    import torchvision.datasets

    published = getattr(torchvision.datasets, files.title)
    expected = dict(published.resources)
    assert set(files.mirrors) == set(published.mirrors)
    assert {f"{n}.gz": md5 for n, md5 in zip(idx.FILES, files.archive_md5, strict=True)} == expected


def test_one_missing_file_of_images_is_missing(made_up, stored, mnist_from, nobody, tmp_path):
    mnist_from(nobody, files=made_up)
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in (*idx.LABELS, idx.IMAGES[0]):
        (raw / name).symlink_to(stored / name)
    assert idx.IMAGES[1] in datasets.CATALOGUE["mnist"].missing(tmp_path)
    with pytest.raises(DataError, match=r"MNIST is incomplete in .* and cannot be downloaded"):
        datasets.load("mnist", tmp_path)


# -- photographs -----------------------------------------------------------------------------


@pytest.fixture
def few(serve):
    """A set of three images, and the files that its server has."""
    pixels = np.random.default_rng(1).integers(0, 256, (3, 9, 7), np.uint8)
    files = {}
    for number, image in enumerate(pixels):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "png")
        files[f"{number}.png"] = file.getvalue()

    def answer(handler, name):
        send(handler, files[name]) if name in files else handler.send_error(404)

    url = serve(answer)
    return natural.ImageSet("few", "Few", 3, 1, tuple(url + name for name in files)), files


def test_a_set_is_downloaded_as_a_whole_or_not_at_all(few, tmp_path):
    images, files = few
    assert images.missing(tmp_path)
    assert images.open(tmp_path).sizes["test"] == 3
    assert not images.missing(tmp_path)
    assert {path.name for path in (tmp_path / "Few").iterdir()} == set(files)

    del files["1.png"]
    with pytest.raises(DataError, match=r"404.*try again, or put its 3 grey PNG files into"):
        images.open(tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_what_is_no_image_of_the_set_is_not_taken_for_one(few, tmp_path):
    """No sum of it may be known, and a login page may call itself an image."""
    images, files = few
    files["1.png"] = b"<!DOCTYPE html><title>Welcome</title>"
    with pytest.raises(DataError, match=r"1\.png: it is no image of the kinds"):
        images.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_image_is_fetched_again_and_ones_own_are_left_alone(few, nobody, tmp_path):
    images, files = few
    images.open(tmp_path)
    folder = tmp_path / "Few"
    for damage in (b"<!DOCTYPE html>", files["1.png"][:-20], None):
        (folder / "1.png").unlink()
        if damage is not None:
            (folder / "1.png").write_bytes(damage)
        gone = dataclasses.replace(images, urls=tuple(f"{nobody}{name}" for name in files))
        with pytest.raises(DataError, match=r"Few.* and cannot be downloaded: no answer from"):
            gone.open(tmp_path)
        kept = (folder / "0.png").stat().st_mtime_ns
        assert images.open(tmp_path).sizes["test"] == 3
        assert (folder / "1.png").read_bytes() == files["1.png"]
        assert (folder / "0.png").stat().st_mtime_ns == kept
    (folder / "1.png").unlink()
    assert "holds 2 images, not 3" in images.missing(tmp_path)
    (folder / "mine.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"mine\.png is left out"):
        images.open(tmp_path)
    assert not (folder / "1.png").exists()


def test_a_damaged_file_of_mnist_is_fetched_again(made_up, zipped, mnist_from, serve, tmp_path):
    requested = []

    def answer(handler, name):
        requested.append(name)
        send(handler, zipped[name])

    mnist_from(serve(answer), files=made_up, archives=zipped)
    expected = datasets.load("mnist", tmp_path).fingerprint
    requested.clear()
    damaged = tmp_path / "MNIST" / "raw" / idx.FILES[2]
    damaged.write_bytes(made_up[idx.FILES[2]][:-1])
    assert datasets.load("mnist", tmp_path).fingerprint == expected
    assert requested == [f"{idx.FILES[2]}.gz"]
    assert damaged.read_bytes() == made_up[idx.FILES[2]]


@pytest.mark.parametrize("damage", [None, b"", b"others"])
def test_labels_are_fetched_when_they_are_asked_for(
    made_up, zipped, mnist_from, serve, damage, tmp_path
):
    requested = []

    def answer(handler, name):
        requested.append(name)
        send(handler, zipped[name])

    mnist_from(serve(answer), files=made_up, archives=zipped)
    expected = datasets.load("mnist", tmp_path).labels("train")
    requested.clear()
    path = tmp_path / "MNIST" / "raw" / idx.LABELS[0]
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    mnist = datasets.load("mnist", tmp_path)
    assert requested == []
    np.testing.assert_array_equal(mnist.labels("train"), expected)
    assert requested == [f"{idx.LABELS[0]}.gz"]
    assert path.read_bytes() == made_up[idx.LABELS[0]]


def test_an_image_that_is_not_the_one_of_the_checksum_is_refused(few, monkeypatch, tmp_path):
    images, files = few
    sums = {f"Few/{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(natural, "_checksums", lambda: sums)
    assert images.open(tmp_path / "right").sizes["test"] == 3
    files["2.png"] = files["1.png"]
    with pytest.raises(DataError, match=r"2\.png: it was corrupted"):
        images.open(tmp_path / "wrong")
    assert list((tmp_path / "wrong").iterdir()) == []


def test_no_answer_says_what_to_put_where(nobody, few, tmp_path):
    gone = dataclasses.replace(few[0], urls=(f"{nobody}0.png",))
    with pytest.raises(DataError, match=r"no answer from .*; go online, or put its 3 grey PNG"):
        gone.open(tmp_path)


def test_every_image_of_bsd68_and_train400_has_a_sum_and_every_sum_an_image(data_dir):
    sums = dict(natural._checksums())
    for name in ("bsd68", "train400"):
        images = natural.SETS[name]
        assert len(images.files()) == images.count
        for file in images.files():
            checksum = sums.pop(f"{images.title}/{file.name}")
            assert file.checksum == checksum
            content = (data_dir / images.title / file.name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == checksum
    assert sums == {}
