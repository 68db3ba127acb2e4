"""Networks that others trained, from their files: what they are, and how they restore images.

`open_network` gives one: of PyTorch's files by the architecture that their keys show, or of ONNX;
`read_weights` the tensors of a file by name.
No code of a file is ever run: tensors are read, and the architectures are spandrel's.
"""

from bench.networks.network import Network
from bench.networks.opening import open_network
from bench.networks.weights import read_weights

__all__ = ["Network", "open_network", "read_weights"]
