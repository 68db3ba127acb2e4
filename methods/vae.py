"""Variational autoencoder: noisy image in, clean image out, through a small random code."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import nn

from bench import TrainedMethod, method

# Larger batches and a schedule: 20 such epochs measured as good as 100 of the paper's.
FAST = {"batch_size": 256, "lr": 4e-3, "schedule": "one-cycle"}


class Network(nn.Module):
    """Pixels - hidden - Gaussian code - hidden - pixels; the output is in logits."""

    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def encode(self, images):
        """Mean and log-variance of the code, each (N, latent)."""
        return self.encoder(images.flatten(1)).chunk(2, dim=1)


@method(reference="Kingma and Welling 2014; Im et al. 2017 (denoising criterion)")
class VAE(TrainedMethod):
    """Variational autoencoder trained to give the clean image for the noisy one.

    The loss is the negative evidence lower bound: summed binary cross-entropy against the
    clean image plus the KL divergence of the code from a standard normal (Kingma and Welling
    2014, eq. 10 and appendix B). It restores with the code's mean.
    """

    hidden: int = 400
    latent: int = 20
    recipes = {
        "quick": {**FAST, "epochs": 5, "min_updates": 500},
        "default": {**FAST, "epochs": 20, "min_updates": 1500},
        "paper": {"epochs": 100, "batch_size": 64, "lr": 1e-3},
    }

    def network(self, image_shape):
        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        return Network(pixels, self.hidden, self.latent)

    def loss(self, network, noisy, clean, noise):
        mean, log_variance = network.encode(noisy)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        logits = network.decoder(code)
        reconstruction = F.binary_cross_entropy_with_logits(
            logits, clean.flatten(1), reduction="sum"
        )
        kl = -0.5 * torch.sum(1 + log_variance - mean.square() - log_variance.exp())
        return {"reconstruction": reconstruction / len(clean), "kl": kl / len(clean)}

    def restore(self, network, noisy, noise):
        mean, _ = network.encode(noisy)
        return torch.sigmoid(network.decoder(mean)).view_as(noisy)
