"""Files of weights: what is read of them, and what is refused in one line."""

import os
import zipfile

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench import Unsupported
from bench.networks.weights import read_weights

WEIGHTS = {"a.weight": torch.arange(3000.0), "a.bias": torch.ones(1, dtype=torch.float16)}


class Command:
    """What unpickling would run."""

    def __reduce__(self):
        return os.mkdir, ("it-has-run",)


@pytest.fixture
def refused(tmp_path):
    def check(file, match):
        with pytest.raises(Unsupported, match=match) as raised:
            read_weights(tmp_path / file)
        assert "\n" not in str(raised.value)
        assert str(tmp_path) not in str(raised.value)  # runs are published

    return check


@pytest.mark.parametrize("form", ["safetensors", "pth", "old"])
def test_tensors_are_read_as_they_were_written(tmp_path, form):
    path = tmp_path / f"network.{form}"
    if form == "safetensors":
        save_file(WEIGHTS, path)
    else:
        torch.save(WEIGHTS, path, _use_new_zipfile_serialization=form == "pth")
    read = read_weights(path)
    assert read.keys() == WEIGHTS.keys()
    for name, wanted in WEIGHTS.items():
        assert read[name].dtype == wanted.dtype
        assert torch.equal(read[name], wanted)


def test_what_a_file_is_shows_in_it_not_in_its_name(tmp_path):
    save_file(WEIGHTS, tmp_path / "network.pth")
    assert read_weights(tmp_path / "network.pth").keys() == WEIGHTS.keys()


@pytest.mark.parametrize("form", ["safetensors", "pth", "old"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path, refused, form, share):
    test_tensors_are_read_as_they_were_written(tmp_path, form)
    whole = (tmp_path / f"network.{form}").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: int(share * len(whole))])
    refused("cut", "cut off or damaged")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html>", "a web page, not a checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull gets it"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"not a checkpoint at all", "no checkpoint of PyTorch"),
        (bytes(range(256)) * 4, "no checkpoint of PyTorch"),
    ],
    ids=["page", "pointer", "keras", "text", "bytes"],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, refused, content, says):
    (tmp_path / "network.pth").write_bytes(content)
    refused("network.pth", says)


@pytest.mark.parametrize("zipped", [True, False], ids=["new", "old"])
def test_a_file_that_holds_code_is_refused_and_does_not_run_it(tmp_path, refused, zipped):
    path = tmp_path / "network.pth"
    torch.save({**WEIGHTS, "hook": Command()}, path, _use_new_zipfile_serialization=zipped)
    refused("network.pth", r"holds code \(posix.mkdir\), which is not run: .*save_file\(")
    assert not os.path.exists("it-has-run")  # noqa: PTH110


def test_whole_models_are_refused(tmp_path, refused):
    torch.save(nn.Conv2d(1, 1, 3), tmp_path / "network.pth")
    refused("network.pth", r"holds code \(torch.nn.modules.conv.Conv2d\)")
    with zipfile.ZipFile(tmp_path / "network.pt", "w") as archive:  # as TorchScript is saved
        archive.writestr("network/code/__torch__.py", "class Network: ...")
        archive.writestr("network/data.pkl", b"")
    refused("network.pt", r"holds code \(TorchScript\)")


def test_other_values_are_refused(tmp_path, refused):
    torch.save([torch.ones(1)], tmp_path / "network.pth")
    refused("network.pth", "holds a list, not a network's weights")
    refused("nowhere.pth", "No such file or directory")
