"""Random patches of large training images, turned and mirrored."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Patches(NamedTuple):
    """How patches are cut: `side` pixels a side, `per_image` of them for an image."""

    side: int
    per_image: int

    @classmethod
    def of(cls, images: Tensor, side: int) -> Patches | None:
        """For images (N, C, H, W); None where no patch fits, or one is the whole image."""
        height, width = images.shape[-2:]
        if min(height, width) < side or max(height, width) == side:
            return None
        return cls(side, max(1, round(height * width / side**2)))

    def __call__(self, images: Tensor, index: Tensor, generator: torch.Generator) -> Tensor:
        """A random patch of each image of `index`, (len(index), C, side, side).

        Each is turned by a multiple of 90 degrees and mirrored: one of the square's eight
        symmetries, drawn evenly like its place. All is drawn from `generator`, on the CPU.
        """
        count, device = len(index), images.device
        steps = torch.arange(self.side)

        def offsets(size: int) -> Tensor:
            """Rows or columns of each patch, forwards or backwards."""
            starts = torch.randint(size - self.side + 1, (count, 1), generator=generator)
            backwards = torch.randint(2, (count, 1), generator=generator).bool()
            return (starts + torch.where(backwards, self.side - 1 - steps, steps)).to(device)

        rows, columns = (offsets(size) for size in images.shape[-2:])
        cut = images[index[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        cut = cut.permute(0, 3, 1, 2)
        turned = torch.randint(2, (count, 1, 1, 1), generator=generator).bool().to(device)
        return torch.where(turned, cut.transpose(2, 3), cut).contiguous()
