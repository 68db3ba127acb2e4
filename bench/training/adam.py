"""The optimiser."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma and Ba 2015) by torch's function for it.

    torch's own class spends as long on a small network's bookkeeping as on the update.
    """

    def __init__(self, network: nn.Module) -> None:
        self.parameters = list(network.parameters())
        self.means, self.squares = (
            [torch.zeros_like(parameter, requires_grad=False) for parameter in self.parameters]
            for _ in range(2)
        )
        self.steps = [
            torch.zeros((), dtype=torch.float32, device=parameter.device)
            for parameter in self.parameters
        ]

    def clear(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, lr: Tensor) -> None:
        """One update of the parameters that have a gradient; `lr` is on their device."""
        used = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        with torch.no_grad():
            adam(
                [self.parameters[i] for i in used],
                [self.parameters[i].grad for i in used],  # type: ignore[misc]
                [self.means[i] for i in used],
                [self.squares[i] for i in used],
                [],
                [self.steps[i] for i in used],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=lr if lr.is_cuda else lr.item(),
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )

    def set_steps(self, count: int) -> None:
        """So many updates have been made."""
        for steps in self.steps:
            steps.fill_(count)

    def state(self) -> dict[str, Tensor]:
        """Moments and step counts, by name."""
        return {
            f"{index}.{name}": value
            for name, values in (
                ("mean", self.means),
                ("square", self.squares),
                ("steps", self.steps),
            )
            for index, value in enumerate(values)
        }

    def set_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from moments and step counts that `state` gave."""
        # Moments go on lying in memory as their parameters do, or kernels would sum otherwise.
        for name, value in self.state().items():
            value.copy_(state[name])
