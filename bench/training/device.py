"""What depends on the device that computes: random numbers, precision, memory, clocks."""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn


def stream(seed: int, purpose: str) -> int:
    """A seed for each purpose, so that no two purposes or training seeds share a stream."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=7).digest())


@contextlib.contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Torch's own generators seeded within, and as they were afterwards.

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
    """Whether a network's work is in convolutions of images."""
    return any(isinstance(part, (nn.Conv2d, nn.ConvTranspose2d)) for part in network.modules())


def laid_out(images: Tensor, network: nn.Module) -> Tensor:
    """The same images, in memory as the network's kernels want them."""
    if convolves(network):
        return images.contiguous(memory_format=torch.channels_last)
    return images


def training_precision(network: nn.Module, device: torch.device) -> AbstractContextManager[object]:
    """In which a loss is computed: bfloat16 for convolutions, where the device is made for it.

    Weights, optimiser and what denoises stay in float32. A small U-Net trained 4.5 times as
    fast so on a CPU with matrix units, 1.9 times on one with AVX512-BF16; fully connected
    networks gained little or nothing.
    """
    if convolves(network) and _fast_bfloat16(device):
        return torch.autocast(device.type, torch.bfloat16)
    return contextlib.nullcontext()


def _fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Other CPUs only imitate it. torch has no public names for the questions.
    units = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, lambda: False)() for name in units)


@contextlib.contextmanager
def memory_needed(what: str, remedy: str) -> Iterator[None]:
    """Says how much memory was wanted, and what to do, where there was not enough.

    Raises:
        MemoryError: there was not.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch's OutOfMemoryError is the former
        text = " ".join(str(error).split())
        known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not known and "can't allocate memory" not in text:
            raise
        wanted = re.search(r"tried to allocate ([\d.]+ \w+)", text, re.IGNORECASE)
        more = f" ({_amount(wanted[1])} more at once)" if wanted else ""
        raise MemoryError(f"{what} needs more memory than there is{more}: {remedy}") from error


def _amount(text: str) -> str:
    number, unit = text.split()
    return f"{float(number) / 2**30:.2f} GiB" if unit == "bytes" else text


def synchronised_clock(device: str) -> float:
    """Seconds on a clock, once the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()
