"""Which cell of a run is meant by a method, a noise and a seed, as they are typed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.core import Noise, UsageError, method_label, nearest
from bench.evaluation.restoring import noise_of
from bench.noises import KINDS, MakeNoise, make_noise, parse_noise, recalled

if TYPE_CHECKING:
    from bench.store import Run
    from bench.store.cell_meta import CellMeta


def find_cell(run: Run, method: str, noise: str | float, seed: int | None = None) -> CellMeta:
    """The cell that is done, of a method at a noise.

    Args:
        run: that it belongs to.
        method: as the run has it: `median`, `vae[latent=10]`.
        noise: as it is typed: `0.3`, `25/255`, `poisson:30`; or as the run shows it: `given`.
        seed: of training, where the run has several.

    Raises:
        UsageError: there is none, there are several, or it was not done.
        StorageError: the run cannot be read.
    """
    of_method = cells_of(run, method)
    at_noise, wanted = _at_noise(run, of_method, method, noise)
    seeds = sorted({meta.cell.seed for meta in at_noise if meta.cell.seed is not None})
    if seed is not None:
        at_noise = [meta for meta in at_noise if meta.cell.seed == seed]
        if not at_noise:
            there = f"there is {', '.join(map(str, seeds))}" if seeds else "it has none"
            raise UsageError(f"{method} at {wanted} has no seed {seed}: {there}")
    elif len(at_noise) > 1:
        raise UsageError(
            f"{method} at {wanted} was trained with seeds {', '.join(map(str, seeds))}: choose "
            f"one, as --seed {seeds[0] if seeds else 0}"
        )
    meta = at_noise[0]
    if meta.status != "done":
        raise UsageError(f"{method} at {wanted} was {meta.status}: {meta.reason}")
    return meta


def _at_noise(
    run: Run, metas: list[CellMeta], method: str, noise: str | float
) -> tuple[list[CellMeta], Noise]:
    """Those of a method's cells that are at a noise, and that noise."""
    noises = {str(each): each for each in (noise_of(meta.cell.noise) for meta in metas)}
    shown = noises.get(noise.strip()) if isinstance(noise, str) else None
    if shown is not None:  # noise that came with the images is typed in no other way
        return [meta for meta in metas if str(noise_of(meta.cell.noise)) == str(shown)], shown
    wanted = parse_noise(noise, make=_making({meta.cell.noise.kind for meta in metas}))
    if len(wanted) != 1:
        raise UsageError(f"--noise {noise}: give one noise")
    at_noise = [meta for meta in metas if _same(noise_of(meta.cell.noise), wanted[0])]
    if not at_noise:
        raise UsageError(f"{run.path} has no {method} at {wanted[0]}: there is {', '.join(noises)}")
    return at_noise, wanted[0]


def cells_of(run: Run, method: str) -> list[CellMeta]:
    """All cells of a method that have a result.

    Args:
        run: that they belong to.
        method: as the run has it.

    Raises:
        UsageError: there is none.
    """
    metas = list(run.metadata())
    labels = {_label(meta): None for meta in metas}
    method = method.replace(" ", "")
    if method not in labels:
        planned = "; its cells have no result yet" if method in run.manifest.methods else ""
        raise UsageError(f"{run.path} has no {method!r}{planned}: {nearest(method, labels)}")
    return [meta for meta in metas if _label(meta) == method]


def _label(meta: CellMeta) -> str:
    train = meta.cell.train
    return method_label(meta.cell.method, meta.cell.params, train.regime if train else "")


def _making(kinds: set[str]) -> MakeNoise:
    """What makes noises of kinds that come with bench, and of those that a run has."""

    def make(kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
        if kind in KINDS or kind not in kinds:
            return make_noise(kind, level, clip, typed=typed)
        return recalled(kind, level, clip)

    return make


def _same(noise: Noise, typed: Noise) -> bool:
    return noise.kind == typed.kind and math.isclose(noise.level, typed.level, rel_tol=1e-4)
