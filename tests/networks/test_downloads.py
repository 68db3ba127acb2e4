"""Published weights: what lies under an address's name is what was first there."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from bench import Unsupported
from bench.networks import downloaded

ONE, OTHER = "https://one.org/a/weights.pth", "https://one.org/b/weights.pth"


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The addresses that were downloaded; a file holds its address."""
    addresses = []

    def download(url, file, **_):
        addresses.append(url)
        Path(file).write_text(url)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    return addresses


def test_each_address_has_a_file_and_is_asked_once(asked):
    for address in (ONE, OTHER, ONE):
        path = downloaded(address)
        assert path.name == "weights.pth"
        assert path.read_text() == address
    assert asked == [ONE, OTHER]


def test_a_file_that_has_changed_is_refused_until_it_is_deleted(asked):
    path = downloaded(ONE)
    path.write_text("another")
    for _ in range(2):
        with pytest.raises(Unsupported, match=r"weights.pth has changed since .*: delete it"):
            downloaded(ONE)
    path.unlink()
    assert downloaded(ONE).read_text() == ONE


def test_an_address_whose_file_became_another_one_is_refused(asked):
    path = downloaded(ONE)
    path.with_name("weights.pth.sha256").write_text("0" * 64 + "  weights.pth\n")
    path.unlink()
    with pytest.raises(Unsupported, match=r"if these weights are meant, weights.pth.sha256 beside"):
        downloaded(ONE)


def test_a_file_that_was_put_there_is_taken_and_held_to(asked, monkeypatch):
    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(Unsupported, match=r"no network.*put that file at .*/weights.pth$") as said:
        downloaded(ONE)
    path = Path(str(said.value).rpartition(" at ")[2])
    path.write_text("by hand")
    assert downloaded(ONE) == path
    path.write_text("another")
    with pytest.raises(Unsupported, match="has changed"):
        downloaded(ONE)
