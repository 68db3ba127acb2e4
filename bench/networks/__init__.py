"""Networks that others trained, from their files: what they are, and how they restore images.

`open_network` gives one: of PyTorch's files by the architecture that their keys show, or of ONNX;
`read_weights` the tensors of a file by name, `downloaded` the file of an address. What is typed of
their training, levels and data sets, has one meaning in every method: `levels`.
No code of a file is ever run: tensors are read, and the architectures are spandrel's.
"""

from bench.networks.downloads import downloaded, file_stamp
from bench.networks.levels import differs, expect_said, named_sets, shows, trained_level
from bench.networks.network import Network
from bench.networks.opening import open_network
from bench.networks.weights import read_weights

__all__ = [
    "Network",
    "differs",
    "downloaded",
    "expect_said",
    "file_stamp",
    "named_sets",
    "open_network",
    "read_weights",
    "shows",
    "trained_level",
]
