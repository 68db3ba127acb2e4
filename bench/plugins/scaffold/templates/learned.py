"""my_method: one line that says what it does; `bench methods` shows it.

Try it:    bench run --plugin my_method.py --methods identity,my-method --noise 0.3
Check it:  bench test my-method --plugin my_method.py
"""

from torch import nn

from bench import TrainedMethod, method


# reference: the paper, as a table would cite it ("none" if there is none). What learns from noisy
# images alone says supervision="noisy", and finds them as the target of its loss.
@method(reference="after Zhang et al. 2017")
class MyMethod(TrainedMethod):
    """A small convolutional network that predicts the noise.

    This class holds only what is the method's own. Device, seeds, batches, noise, optimiser,
    loss history, the choice of the best weights and their storage are the harness's.
    """

    # Annotated attributes are parameters: my-method[width=32].
    width: int = 24
    # It takes images of any size; leave this out if the network fixes the size.
    any_size = True
    # How it is trained, by preset: epochs, batch_size, lr (1e-3), schedule ("constant" or
    # "one-cycle"), and min_updates: small data sets get more epochs until it is reached.
    recipes = {
        "quick": {"epochs": 1, "batch_size": 32, "lr": 4e-3, "schedule": "one-cycle"},
        "default": {"epochs": 3, "batch_size": 32, "lr": 4e-3, "schedule": "one-cycle"},
        "paper": {"epochs": 50, "batch_size": 128},
    }

    def network(self, image_shape):
        """The network for images of shape (C, H, W), freshly initialised."""
        channels = image_shape[0]
        return nn.Sequential(
            nn.Conv2d(channels, self.width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(self.width, self.width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(self.width, self.width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(self.width, channels, 3, padding=1),
        )

    def loss(self, network, noisy, clean, noise):
        """Named terms whose sum is minimised: sums over pixels, means over images."""
        error = self.restore(network, noisy, noise) - clean
        return {"squared error": error.square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        """Restored images. Draw nothing at random, or one draw for the whole batch."""
        return noisy - network(noisy)
