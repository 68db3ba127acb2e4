"""Training of the methods that torch trains.

A method defines its network, loss and restoration (`TrainedMethod`). Device, seeds, noise,
batches, precision, optimiser, schedule, loss history, checkpoints and the choice of the best
weights belong to this package.
"""

from bench.training.checkpoints import Checkpoint, Checkpoints
from bench.training.dense import Dense
from bench.training.device import synchronised_clock
from bench.training.history import History
from bench.training.losses import cross_entropy, standard_normal_kl
from bench.training.method import Learner, TrainedMethod, fit_together
from bench.training.networks import SmallUNet, noise_map, padded
from bench.training.recipe import Recipe

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Dense",
    "History",
    "Learner",
    "Recipe",
    "SmallUNet",
    "TrainedMethod",
    "cross_entropy",
    "fit_together",
    "noise_map",
    "padded",
    "standard_normal_kl",
    "synchronised_clock",
]
