"""CUDA graphs: many small kernels, recorded once and launched as one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Recorded:
    """A function of tensors as a CUDA graph: the work of its first call, done again at each.

    A small network's update is some seventy kernels of a few microseconds; launched one by one
    they wait for Python, and the device idles.

    Args:
        function: returns a tensor, works on tensors of one device, reads none of their values
            into Python and does the same work whatever they hold. It must have run once on such
            inputs, so that all that is made at a first call exists.
        inputs: tensors of the shapes that it will be called with.
        generators: those that it draws from, besides the device's own.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        inputs: tuple[Tensor, ...],
        *generators: torch.Generator,
    ) -> None:
        self._inputs = tuple(value.clone() for value in inputs)
        self._graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            self._output = function(*self._inputs)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Do the work on inputs of the same shapes."""
        for recorded, value in zip(self._inputs, inputs, strict=True):
            recorded.copy_(value)
        self._graph.replay()
        return self._output.clone()
