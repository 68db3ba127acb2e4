"""Variational autoencoder: noisy image in, clean image out, through a small random code."""

import torch
from torch import nn

from bench import TrainedMethod, Unsupported, method
from bench.training import Dense, cross_entropy, standard_normal_kl

# Larger batches and a schedule: 20 such epochs measured as good as 100 of the paper's.
FAST = {"batch_size": 256, "lr": 4e-3, "schedule": "one-cycle"}
# Draws of the code that the predicted deviation is taken over.
UNCERTAINTY_SAMPLES = 32


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
        return self.encoder(images.flatten(1)).float().chunk(2, dim=1)


@method(
    least={"hidden": 1, "latent": 1, "beta": 0, "samples": 0},
    reference="Kingma and Welling 2014; Im et al. 2017 (denoising criterion)",
    inference=("samples",),
)
class VAE(TrainedMethod):
    """Variational autoencoder trained to give the clean image for the noisy one.

    The loss is the negative evidence lower bound: summed binary cross-entropy against the
    clean image plus `beta` (Higgins et al. 2017) times the KL divergence of the code from a
    standard normal (Kingma and Welling 2014, eq. 10 and appendix B). With the objective `clean`
    it encodes the noisy image; with `self` it is a plain VAE of clean images, and noise is
    removed by projection on what it can decode. It restores with the code's mean, or with the
    mean over `samples` draws of the code.
    """

    hidden: int = 400
    latent: int = 20
    beta: float = 1.0
    samples: int = 0
    objective: str = "clean"
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 5, "min_updates": 500},
        "default": {**FAST, "epochs": 20, "min_updates": 1500},
        "paper": {"epochs": 100, "batch_size": 64, "lr": 1e-3},
    }

    def network(self, image_shape):
        if self.objective not in ("clean", "self"):
            raise Unsupported(f"objective={self.objective} is unknown: use clean or self")
        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        return Network(pixels, self.hidden, self.latent)

    def loss(self, network, noisy, clean, noise):
        mean, log_variance = network.encode(noisy if self.objective == "clean" else clean)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        kl = standard_normal_kl(mean, log_variance)
        return {
            "reconstruction": cross_entropy(network.decoder(code), clean),
            "kl": self.beta * kl,
        }

    def dense(self, network):
        if self.objective != "clean":
            return None
        return Dense(network.encoder, network.decoder, self.beta)

    def restore(self, network, noisy, noise):
        if self.samples == 0:
            mean, _ = network.encode(noisy)
            return torch.sigmoid(network.decoder(mean)).view_as(noisy)
        return self._posterior(network, noisy, self.samples).mean(dim=0)

    def uncertainty(self, network, noisy, noise):
        return self._posterior(network, noisy, UNCERTAINTY_SAMPLES).std(dim=0)

    def _posterior(self, network, noisy, samples):
        """Restored images for so many draws of the code, each shared by the batch."""
        mean, log_variance = network.encode(noisy)
        draws = torch.randn(samples, 1, self.latent, device=mean.device)
        codes = mean + draws * torch.exp(0.5 * log_variance)
        return torch.sigmoid(network.decoder(codes)).view(samples, *noisy.shape)
