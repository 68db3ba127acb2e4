"""Networks of dense layers on a GPU: an update in a dozen kernels, for several trainings at once.

Launched one after the other, torch's seventy kernels of such an update keep a GPU waiting; those of
`dense_kernels` take a layer with its ReLU, the loss with its gradient, the gradients of weights
with Adam's update together, and take a stack of trainings as they take one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from bench.training.adam import Adam

#: What follows a layer's product: nothing, a ReLU, a code drawn from it, the loss.
_Kind = Literal["linear", "relu", "code", "logits"]


class Tiles(NamedTuple):
    """Sizes of the kernels' tiles; see `dense_kernels`. Other sizes, other roundings.

    Attributes:
        layers: rows, columns and depth of the products with weights.
        code: those of the products around the code, which has few columns.
        weights: outputs, inputs and images of the gradients of weights.
    """

    layers: tuple[int, int, int] = (32, 16, 128)
    code: tuple[int, int, int] = (16, 32, 128)
    weights: tuple[int, int, int] = (64, 32, 64)


TILES = Tiles()
#: Of products, by device. A GPU's float32 products are those of TF32: factors of 10 bits, summed in
#: float32.
PRECISION = {"cuda": "tf32", "cpu": "ieee"}


class Layer(NamedTuple):
    """A linear layer, and what follows it."""

    linear: nn.Linear
    kind: _Kind

    @property
    def outputs(self) -> int:
        """Values that the next layer takes: of a code one for each mean and log-variance."""
        return self.linear.out_features // (2 if self.kind == "code" else 1)


class Dense:
    """A network of linear layers, ReLUs and at most one Gaussian code, and its loss.

    The network takes the noisy image's pixels and gives the logits of the clean ones. Its loss is
    `cross_entropy`, under the name `reconstruction`, and where there is a code `beta` times its
    `standard_normal_kl`, under the name `kl`. A method that is so says it by `TrainedMethod.dense`.

    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 4))
    >>> [layer.kind for layer in Dense(network).layers]
    ['relu', 'logits']
    >>> encoder, decoder = nn.Linear(4, 2), nn.Linear(1, 4)
    >>> [layer.kind for layer in Dense(nn.Sequential(encoder), nn.Sequential(decoder)).layers]
    ['code', 'logits']

    Args:
        encoder: `Linear`, `ReLU` and `Flatten`; with no decoder, the whole network.
        decoder: from a code to the image. The encoder gives the code's mean and log-variance.
        beta: weight of the KL divergence.

    Raises:
        ValueError: there are other layers.
    """

    def __init__(
        self, encoder: nn.Sequential, decoder: nn.Sequential | None = None, beta: float = 1.0
    ) -> None:
        self.beta = float(beta)
        self.layers = _layers(encoder, "code" if decoder else "logits")
        if decoder:
            self.layers += _layers(decoder, "logits")
        self.terms = ["reconstruction", "kl"] if decoder else ["reconstruction"]


def _layers(parts: nn.Sequential, last: _Kind) -> list[Layer]:
    layers: list[Layer] = []
    for part in parts:
        if isinstance(part, nn.Linear) and part.bias is not None:
            layers.append(Layer(part, "linear"))
        elif isinstance(part, nn.ReLU) and layers:
            layers[-1] = layers[-1]._replace(kind="relu")
        elif not isinstance(part, nn.Flatten):
            raise ValueError(f"dense() takes Linear with a bias, ReLU and Flatten only, not {part}")
    if not layers or layers[-1].kind == "relu":
        raise ValueError("dense() needs a linear layer at the end")
    return [*layers[:-1], layers[-1]._replace(kind=last)]


@functools.cache
def kernels(device: torch.device) -> ModuleType | None:
    """The kernels, if they run on a device: with CUDA, Triton and the C compiler that it needs."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        from bench.training import dense_kernels

        dense_kernels.probe_kernel[(1,)](torch.empty(1, device=device))
    except Exception:  # whatever is missing, updates by torch do without it
        return None
    return dense_kernels


class _Moments(NamedTuple):
    """A parameter of all trainings (S, ...), and Adam's moments of it."""

    value: Tensor
    mean: Tensor
    square: Tensor


class DenseStack:
    """Updates of several trainings of one network and recipe at once.

    The networks' parameters and the optimisers' moments become views of stacked tensors, so that
    whoever looks into one of them sees what the kernels did.

    Args:
        kernels: the module of kernels.
        networks: what each training's network is.
        optimisers: their optimisers, in the same order.
        batch_size: images of an update.
        at_once: updates between two calls of `update_all`, at most.
    """

    def __init__(
        self,
        kernels: ModuleType,
        networks: Sequence[Dense],
        optimisers: Sequence[Adam],
        batch_size: int,
        at_once: int,
    ) -> None:
        self.kernels, self.batch_size = kernels, batch_size
        self.layers, self.beta, self.names = networks[0].layers, networks[0].beta, networks[0].terms
        self.device = self.layers[0].linear.weight.device
        self.precision = PRECISION[self.device.type]
        count = len(networks)
        self.weights, self.biases = (
            [
                _stacked(
                    [getattr(network.layers[i].linear, name) for network in networks], optimisers
                )
                for i in range(len(self.layers))
            ]
            for name in ("weight", "bias")
        )

        def room(images: int, values: int) -> Tensor:
            return torch.empty(count, images, values, device=self.device)

        images, pixels = batch_size * at_once, self.layers[0].linear.in_features
        self.noisy, self.clean = room(images, pixels), room(images, pixels)
        self.outputs = [room(batch_size, layer.outputs) for layer in self.layers]
        self.gradients = [room(batch_size, layer.linear.out_features) for layer in self.layers]
        codes = [layer for layer in self.layers if layer.kind == "code"]
        self.code_size = codes[0].outputs if codes else 0
        self.draws = room(images, max(1, self.code_size))
        self.encoded = room(batch_size, max(1, 2 * self.code_size))
        self.entropy = self._sums(at_once, self.layers[-1].outputs, TILES.layers)
        self.kl = self._sums(at_once, self.code_size, TILES.code)

    def update_all(self, images: int, rates: Tensor) -> Tensor:
        """Updates on the first `images` of `noisy`, `clean` and `draws`, batch by batch.

        Args:
            images: of each training.
            rates: of each update (U, 2): the learning rate over Adam's correction of the mean, one
                over the root of that of the square.

        Returns:
            The loss terms (S, U, terms) before each update, per image.
        """
        for update, low in enumerate(range(0, images, self.batch_size)):
            rows = slice(low, min(low + self.batch_size, images))
            self._update(rows, update, rates[update])
        sums = [self.entropy, self.kl][: len(self.names)]
        return torch.stack([part[: len(rates)].sum(2).t() for part in sums], dim=2)

    def copies(self) -> list[Tensor]:
        """Of all that updates change, besides the trainings' random numbers."""
        return [part.clone() for part in self._changing()]

    def restore(self, copies: Sequence[Tensor]) -> None:
        """Undo the updates since `copies` were made."""
        for part, copy in zip(self._changing(), copies, strict=True):
            part.copy_(copy)

    def _changing(self) -> list[Tensor]:
        return [part for moments in (*self.weights, *self.biases) for part in moments]

    def _update(self, rows: slice, update: int, rates: Tensor) -> None:
        count = rows.stop - rows.start
        noisy, clean, draws = (part[:, rows] for part in (self.noisy, self.clean, self.draws))
        inputs = [noisy, *self.outputs[:-1]]
        for i, layer in enumerate(self.layers):
            if layer.kind == "code":
                self._draw(i, inputs[i], draws, self.kl[update], count)
            elif layer.kind == "logits":
                self._product(i, layer.kind, inputs[i], self.gradients[i], count, seen=clean,
                              sums=self.entropy[update])  # fmt: skip
            else:
                self._product(i, layer.kind, inputs[i], self.outputs[i], count)
        for i in range(len(self.layers) - 1, -1, -1):
            if i:  # before this layer's weights change
                before = self.layers[i - 1].kind
                mode = {"relu": "mask", "linear": "plain"}.get(before, before)
                seen = self.encoded if before == "code" else self.outputs[i - 1]
                self._product(i, mode, self.gradients[i], self.gradients[i - 1], count, seen=seen,
                              draws=draws)  # fmt: skip
            self._learn(i, inputs[i], rates, count)

    def _product(
        self,
        i: int,
        mode: str,
        x: Tensor,
        out: Tensor,
        count: int,
        *,
        seen: Tensor | None = None,
        draws: Tensor | None = None,
        sums: Tensor | None = None,
    ) -> None:
        """A product with the weights of layer `i`, of `count` rows; see `layer_kernel`."""
        linear = self.layers[i].linear
        forward = mode in ("linear", "relu", "logits")
        n, k = linear.out_features, linear.in_features
        bm, bn, bk = TILES.code if mode == "code" else TILES.layers
        seen, draws = x if seen is None else seen, x if draws is None else draws
        inputs = k
        if not forward:
            n, k = k, n
        # Tiles of whole batches, so that sums of a short one lie where they always do.
        self.kernels.layer_kernel[(-(-n // bn), -(-self.batch_size // bm), len(x))](
            x, self.weights[i].value, self.biases[i].value, seen, draws, out,
            x if sums is None else sums, count, 1 / count, self.beta,
            *_strides(x, seen, draws, out), K=k, N=n,
            W_N=inputs if forward else 1, W_K=1 if forward else inputs,
            MODE=mode, PRECISION=self.precision, BM=bm, BN=bn, BK=bk, num_warps=4, num_stages=3,
        )  # fmt: skip

    def _draw(self, i: int, x: Tensor, draws: Tensor, sums: Tensor, count: int) -> None:
        """The code that layer `i` gives."""
        (bm, bn, bk), n, code = TILES.code, self.code_size, self.outputs[i]
        self.kernels.code_kernel[(-(-n // bn), -(-self.batch_size // bm), len(x))](
            x, self.weights[i].value, self.biases[i].value, draws, self.encoded, code, sums, count,
            1 / count, self.beta, *_strides(x, draws, self.encoded, code),
            K=self.layers[i].linear.in_features, N=n, PRECISION=self.precision,
            BM=bm, BN=bn, BK=bk, num_warps=4, num_stages=3,
        )  # fmt: skip

    def _learn(self, i: int, x: Tensor, rates: Tensor, count: int) -> None:
        """Adam's update of layer `i`."""
        linear, gradient, (bn, bk, br) = self.layers[i].linear, self.gradients[i], TILES.weights
        n, k = linear.out_features, linear.in_features
        self.kernels.adam_kernel[(-(-k // bk), -(-n // bn), len(x))](
            gradient, x, *self.weights[i], *self.biases[i], rates, count, *_strides(gradient, x),
            N=n, K=k, PRECISION=self.precision, BN=bn, BK=bk, BR=br, num_warps=4, num_stages=1,
        )  # fmt: skip

    def _sums(self, updates: int, columns: int, tiles: tuple[int, int, int]) -> Tensor:
        """Room for the sums of tiles (U, S, tiles) of a batch's values."""
        parts = -(-columns // tiles[1]) * -(-self.batch_size // tiles[0])
        return torch.empty(updates, len(self.noisy), parts, device=self.device)


def _strides(*tensors: Tensor) -> list[int]:
    """Of stack and row of each."""
    return [step for tensor in tensors for step in tensor.stride()[:2]]


def _stacked(parameters: Sequence[nn.Parameter], optimisers: Sequence[Adam]) -> _Moments:
    """A parameter of all trainings in one tensor; their own, and moments, become views of it."""
    at = [
        next(i for i, known in enumerate(optimiser.parameters) if known is parameter)
        for parameter, optimiser in zip(parameters, optimisers, strict=True)
    ]
    value = torch.stack([parameter.detach() for parameter in parameters])
    mean, square = (
        torch.stack([known[i] for known, i in zip(moments, at, strict=True)])
        for moments in ([o.means for o in optimisers], [o.squares for o in optimisers])
    )
    for stack, (i, optimiser) in enumerate(zip(at, optimisers, strict=True)):
        parameters[stack].data = value[stack]
        optimiser.means[i], optimiser.squares[i] = mean[stack], square[stack]
    return _Moments(value, mean, square)
