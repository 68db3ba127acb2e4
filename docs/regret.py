"""What tuning without clean images loses: rows of the tables in docs/tuning-without-truth.md.

    python docs/regret.py --dataset bsd68 --noise "gaussian:25/255;poisson:30"
    python docs/regret.py --dataset pairs:PolyU --crop 128 --images 20

Each filter is tuned by clean validation images, and by each estimate. A row gives the best mean
PSNR on validation images, and how far below it the settings lie that the estimates choose; in
brackets how far below on test images, which nothing is chosen by.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import click

from bench.core import Dataset, Group, Noise, Split
from bench.datasets import data_folder, load
from bench.evaluation import tuning, validation
from bench.evaluation.calls import Calls
from bench.evaluation.error_estimates import Frames, Invariance, Sure
from bench.evaluation.forms import form_of
from bench.evaluation.measurements import built_in
from bench.evaluation.noise_estimate import Estimating
from bench.evaluation.noisy_images import NoisyImages
from bench.evaluation.scoring import apply, finish
from bench.metrics.psnr import psnr
from bench.noises import Given
from bench.planning import checks
from bench.plugins import sources

#: Heading -> what is tuned on, and by which estimate, whatever `self` would take.
WAYS = {
    "best": ("clean", None),
    "frames": ("frames", Frames),
    "SURE": ("self", Sure),
    "J-invariance": ("self", Invariance),
}


def cropped(dataset: Dataset, side: int) -> Dataset:
    """The middle of each image, `side` pixels a side."""

    def read(split: Split) -> list[Group]:
        groups = []
        for positions, clean, frames in dataset.read(split):
            top, left = ((size - side) // 2 for size in clean.shape[2:])
            part = (..., slice(top, top + side), slice(left, left + side))
            groups.append(Group(positions, clean[part], None if frames is None else frames[part]))
        return groups

    return replace(dataset, read=read)


class Filter:
    """A filter under a noise.

    Args:
        name: of the filter.
        noise: that it is told, and that is drawn where none came with the images.
        dataset: to tune and test on.
        limits: of validation and test images.
    """

    def __init__(self, name: str, noise: Noise, dataset: Dataset, limits: tuple[int, int]) -> None:
        self.method, self.noise, self.dataset = sources.load(name), noise, dataset
        self.validation, self.test = limits

    def denoiser(self, params: Any) -> Any:
        """With parameters, and told the noise or an estimate of it."""
        made = self.method.create(params, 1)
        estimated = isinstance(self.noise, Given) and self.noise.estimated
        return Estimating(made, 1) if estimated and self.method.takes_noise else made

    def images(self, tune_on: Any, estimate: Callable[[Noise], Any] | None) -> Any:
        """Validation images, judged so."""
        judge = estimate(self.noise) if estimate else None
        with mock.patch.object(validation, "error_estimate", return_value=judge):
            return validation.Validation(
                self.noise,
                self.dataset,
                images=self.validation,
                quantize=False,
                noise_seed=0,
                calls=Calls(form_of(self.method)),
                measure=built_in("psnr")["psnr"],
                tune_on=tune_on,
            )

    def tested(self, params: Any) -> float:
        """Mean PSNR on test images."""
        denoiser, total, count = self.denoiser(params), 0.0, 0
        for batch in NoisyImages(self.dataset).batches(self.noise, self.test):
            restored = finish(apply(denoiser, batch.noisy.copy(), self.noise), False)
            total += psnr(batch.clean, restored).sum()
            count += len(restored)
        return total / count

    def row(self, ways: list[str]) -> str:
        """Of the table."""
        by_clean = self.images("clean", None)
        chosen = {}
        for way in ways:
            images = by_clean if way == "best" else self.images(*WAYS[way])
            found = tuning.tune(
                self.method, {}, self.denoiser, images, watch=lambda done, total: None
            )
            chosen[way], _ = tuning.best(found.trials)
        scores = {
            way: (by_clean.score(self.denoiser(params)).value, self.tested(params))
            for way, params in chosen.items()
        }
        best, tested = scores.pop("best")
        lost = [f"{best - here:.2f} ({tested - there:.2f})" for here, there in scores.values()]
        return f"| {self.dataset.name} | {self.noise} | {self.method.name} | {best:.2f} | " + (
            " | ".join(lost) + " |"
        )


@click.command()
@click.option("--dataset", required=True)
@click.option("--noise", default="25/255", help="Drawn, where none came with the images.")
@click.option("--sigma", default="estimate", help="Of noise that came with the images.")
@click.option("--methods", default="gaussian,tv,median,bilateral")
@click.option("--images", default=40, help="Validation images.")
@click.option("--limit", default=68, help="Test images.")
@click.option("--crop", default=0, help="Pixels a side of the middles of images to take.")
@click.option("--data-dir", type=click.Path(path_type=Path))
def main(dataset, noise, sigma, methods, images, limit, crop, data_dir):
    """Print the rows of a data set, one a filter and noise."""
    data = load(dataset, data_folder(data_dir))
    data = cropped(data, crop) if crop else data
    noises = [Given(checks.sigma(sigma) or 0.0)] if data.given else checks.noises(noise, False)
    ways = [way for way in WAYS if way != "frames" or data.frames != 1]
    if data.given and noises[0].estimated:
        ways.remove("SURE")
    print(f"| data | noise | filter | {' | '.join(ways)} |\n|{'---|' * (len(ways) + 3)}")
    for one in noises:
        for name in methods.split(","):
            print(Filter(name, one, data, (images, limit)).row(ways), flush=True)


if __name__ == "__main__":
    main()
