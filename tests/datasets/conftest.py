"""What the tests of data sets share: made-up files in MNIST's format, and local servers."""

import contextlib
import dataclasses
import functools
import gzip
import hashlib
import http.server
import os
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from bench import datasets
from bench.datasets import catalogue, idx, natural


class Files(dict):
    """Name -> bytes, too many for pytest to show where a test fails."""

    def __repr__(self):
        return "Files"

    @functools.cached_property
    def md5(self):
        return tuple(
            hashlib.md5(content, usedforsecurity=False).hexdigest() for content in self.values()
        )


@pytest.fixture(scope="module")
def made_up():
    """Four files in MNIST's format; the first pixel of image i is i modulo 251, its label that
    modulo 10.
    """
    files = Files.fromkeys(idx.FILES)
    for prefix, count in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((count, 784), np.uint8)
        pixels[:, 0] = np.arange(count) % 251
        labels = (pixels[:, 0] % 10).tobytes()
        header = struct.pack(">IIII", 2051, count, 28, 28)
        files[f"{prefix}-images-idx3-ubyte"] = header + pixels.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = struct.pack(">II", 2049, count) + labels
    return files


@pytest.fixture(scope="module")
def zipped(made_up):
    """The same, as a mirror has them."""
    return Files(
        (f"{name}.gz", gzip.compress(content, 1, mtime=0)) for name, content in made_up.items()
    )


@pytest.fixture(scope="module")
def stored(made_up, tmp_path_factory):
    """A folder that holds them."""
    folder = tmp_path_factory.mktemp("made-up")
    for name, content in made_up.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def mnist_from(monkeypatch):
    """Makes the data set `mnist` come from other mirrors, with other MD5 sums."""
    monkeypatch.setenv("no_proxy", "*")

    def change(*mirrors, files=None, archives=None):
        changes = {"mirrors": mirrors}
        if files:
            changes["md5"] = files.md5
        if archives:
            changes["archive_md5"] = archives.md5
        mnist = dataclasses.replace(idx.MNIST, **changes)
        monkeypatch.setitem(datasets.CATALOGUE, "mnist", catalogue._idx(mnist, "", ""))

    return change


@pytest.fixture
def serve(monkeypatch):
    """Starts a local server: `answer(handler, name)` answers a GET, `head` is HEAD's status."""
    monkeypatch.setenv("no_proxy", "*")
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
def data_dir():
    """A data folder that holds the photographs."""
    folder = Path(os.environ.get("BENCH_DATA_DIR", "nowhere"))
    if any(natural.SETS[name].missing(folder) for name in ("bsd68", "train400")):
        pytest.skip("needs BSD68 and Train400: set BENCH_DATA_DIR to a folder that holds them")
    return folder
