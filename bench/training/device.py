"""The device that computes: random numbers, precision, memory, clock."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn


def derived_seed(seed: int, purpose: str) -> int:
    """A generator's seed, such that no two training seeds or purposes share random numbers."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=7).digest())


@contextlib.contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's global generators within the block, and restore them after it.

    Within, cuDNN takes only algorithms that give the same result each time.
    """
    devices = [device] if device.type == "cuda" else []
    deterministic = torch.backends.cudnn.deterministic
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        torch.backends.cudnn.deterministic = True
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic = deterministic


def convolves(network: nn.Module) -> bool:
    """Whether a network convolves images."""
    return any(isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)) for part in network.modules())


def laid_out(images: Tensor, network: nn.Module) -> Tensor:
    """The same images, in the memory format that the network's kernels want."""
    if convolves(network):
        return images.contiguous(memory_format=torch.channels_last)
    return images


def training_precision(network: nn.Module, device: torch.device) -> AbstractContextManager[object]:
    """The precision of a loss: bfloat16, where the device is made for it and gains by it.

    Weights, optimiser and denoising stay in float32. On a CPU with AVX512-BF16 one thread then
    trains a dense network 2.1 times and a small U-Net 1.9 times as fast, on one with matrix units
    4.5 times; on a GPU dense networks of this size gain nothing.
    """
    gains = device.type == "cpu" or convolves(network)
    if gains and fast_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def fast_bfloat16(device: torch.device) -> bool:
    """Whether a device is made for products in bfloat16; others imitate them, slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Other CPUs only imitate it. torch has no public functions that tell.
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in units)


@contextlib.contextmanager
def memory_needed(what: str, remedy: str) -> Iterator[None]:
    """Turn running out of memory within the block into an error that says what to do.

    Args:
        what: the work that needs the memory.
        remedy: what the user can do.

    Raises:
        MemoryError: there was not enough.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's OutOfMemoryError is the former
        text = " ".join(str(error).split())
        of_memory = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not of_memory and "can't allocate memory" not in text:
            raise
        size = re.search(r"tried to allocate ([\d.]+ \w+)", text, re.IGNORECASE)
        more = f" ({_amount(size[1])} more at once)" if size else ""
        raise MemoryError(f"{what} needs more memory than there is{more}: {remedy}") from error


def _amount(text: str) -> str:
    number, unit = text.split()
    return f"{float(number) / 2**30:.2f} GiB" if unit == "bytes" else text


def synchronised_clock(device: str) -> float:
    """Seconds on a clock, read once all work given to the device is done.

    >>> started = synchronised_clock("cpu")
    >>> synchronised_clock("cpu") >= started
    True

    Args:
        device: as torch names it, "cpu" or "cuda".
    """
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()
