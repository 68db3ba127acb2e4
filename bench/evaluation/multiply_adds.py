"""The multiply-adds of what torch computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def multiply_adds(work: Callable[[], object]) -> int | None:
    """How many multiply-adds torch's products and convolutions take in a piece of work.

    By the formulas of `torch.utils.flop_counter`, from the shapes of their arguments: half of its
    floating-point operations, since an addition belongs to each multiplication. Sums, activations,
    normalisations and Fourier transforms count for nothing, and neither does what other libraries
    or other threads compute.

    Args:
        work: is called once, on the thread that asks.

    Returns:
        None where there were none.

    >>> import torch
    >>> left, right = torch.ones(3, 4), torch.ones(4, 5)
    >>> multiply_adds(lambda: left @ right)
    60
    """
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    # Not `FlopCounterMode`, whose first call loads torch's compiler: two seconds of a processor.
    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
        flops = 0

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            formula: Any = flop_registry.get(func._overloadpacket)
            if formula is None:
                with self:  # without gradients, a linear layer comes here in one piece
                    parts = func.decompose(*args, **kwargs)
                if parts is not NotImplemented:
                    return parts
            result = func(*args, **kwargs)
            if formula is not None:
                self.flops += formula(*args, **kwargs, out_val=result)
            return result

    with Counting() as counting:  # type: ignore[no-untyped-call]
        work()
    return counting.flops // 2 or None
