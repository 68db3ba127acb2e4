"""Holds `n2v` to an existing library's Noise2Void, trained on the same noisy images.

    pip install auto-denoise
    python docs/n2v_reference.py --dataset mnist --noise 0.3

Both train the same network from the same weights, by Adam at the same rate, with as many updates,
each over all images, a tenth of which are held out; both hide one pixel in 64. What differs is how:
the library (auto-denoise, MIT) draws the hidden pixels anywhere, the same in all images, and shows
standard normal numbers in their places; `n2v` draws one of each box and shows a neighbour. Prints
the mean PSNR in dB over validation images, whose noise neither has seen.
"""

import copy

import click
import numpy as np
import torch

from bench import get_method, make_noise
from bench.core import ImagePairs
from bench.datasets import data_folder, load
from bench.datasets.training_images import split_array
from bench.metrics.psnr import psnr
from bench.noises import ImageDraws
from bench.training import Recipe

#: One pixel in so many squared is hidden.
SPACING = 8
HELD_OUT = 0.1


@click.command(help=__doc__.partition("\n")[0])
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--noise", "level", default=0.3, show_default=True)
@click.option("--images", default=128, show_default=True, help="To learn from.")
@click.option("--side", default=48, show_default=True, help="They are cut to so many pixels.")
@click.option("--updates", default=600, show_default=True)
@click.option("--rate", default=3e-3, show_default=True, help="Adam's learning rate.")
@click.option("--seed", default=0, show_default=True)
def main(
    dataset: str, level: float, images: int, side: int, updates: int, rate: float, seed: int
) -> None:
    """Train both on the same noisy images, and print the PSNR of each."""
    noise = make_noise("gaussian", level)
    data = load(dataset, data_folder())

    def noisy(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
        clean = np.ascontiguousarray(split_array(data, split)[:count, :, :side, :side])
        draws = ImageDraws(np.arange(len(clean)), clean.shape[1:], data.training, f"{split}-n2v")
        return clean, noise.corrupt(clean, draws)

    train = noisy("train", images)[1]
    clean, given = noisy("validation", 100)
    held_out = np.arange(int(HELD_OUT * len(train)))

    own = get_method("n2v", spacing=SPACING)
    torch.manual_seed(seed)
    network = own.network(train.shape[1:])
    restored = {
        "n2v": by_bench(own, copy.deepcopy(network), train, held_out, noise, updates, rate, seed),
        "auto-denoise": by_library(copy.deepcopy(network), train, held_out, updates, rate, seed),
    }
    click.echo(f"noisy {psnr(clean, np.clip(given, 0, 1)).mean():.2f} dB")
    for name, restore in restored.items():
        values = psnr(clean, np.clip(restore(given), 0, 1))
        click.echo(f"{name} {values.mean():.2f} dB")


def by_bench(own, network, train, held_out, noise, updates, rate, seed):
    """Restores by the network that the project's loss and loop train."""
    own.network = lambda shape: network
    pairs = ImagePairs(*2 * (np.delete(train, held_out, axis=0),))
    validation = ImagePairs(*2 * (train[held_out],))
    recipe = Recipe(epochs=updates, batch_size=len(train), lr=rate)
    own.fit(pairs, noise, seed, validation=validation, recipe=recipe)
    return lambda noisy: own.denoise(noisy, noise)


def by_library(network, train, held_out, updates, rate, seed):
    """Restores by the network that the library trains."""
    from autoden import N2V

    np.random.seed(seed)
    torch.manual_seed(seed)
    library = N2V(network, device="cpu", verbose=False)
    library.train(train[:, 0], held_out, epochs=updates, learning_rate=rate)
    return lambda noisy: library.infer(noisy[:, 0]).reshape(noisy.shape)


if __name__ == "__main__":
    main()
