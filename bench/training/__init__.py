"""Training of the methods that torch trains.

A method says what its network, loss and restoration are (`TrainedMethod`). Device, seeds,
noise, batches, precision, optimiser, schedule, loss history, checkpoints and the choice of the
best weights belong to this package.
"""

from bench.training.device import synchronised_clock
from bench.training.loop import Checkpoint, Checkpoints, History, Recipe
from bench.training.losses import cross_entropy, standard_normal_kl
from bench.training.method import TrainedMethod
from bench.training.networks import noise_map, padded

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "History",
    "Recipe",
    "TrainedMethod",
    "cross_entropy",
    "noise_map",
    "padded",
    "standard_normal_kl",
    "synchronised_clock",
]
