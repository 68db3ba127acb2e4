"""Convolutional variational autoencoder: the VAE with convolutions around its code."""

import torch
from torch import nn

from bench import TrainedMethod, Unsupported, method
from bench.training import cross_entropy, standard_normal_kl

FAST = {"batch_size": 128, "lr": 2e-3, "schedule": "one-cycle"}
# Draws of the code that the predicted deviation is taken over.
UNCERTAINTY_SAMPLES = 32


class Network(nn.Module):
    """Two strided convolutions - Gaussian code - two transposed ones; the output is in logits."""

    def __init__(self, image_shape, width, latent):
        super().__init__()
        channels, height, width_ = image_shape
        self.coarse = (2 * width, -(-height // 4), -(-width_ // 4))
        self.size = (height, width_)
        values = self.coarse[0] * self.coarse[1] * self.coarse[2]
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(values, 2 * latent),
        )
        self.expand = nn.Linear(latent, values)
        self.decoder = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width // 2, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(width // 2, channels, 3, padding=1),
        )

    def encode(self, images):
        """Mean and log-variance of the code, each (N, latent)."""
        return self.encoder(images).float().chunk(2, dim=1)

    def decode(self, code):
        """Logits of the images (N, C, H, W) that the codes (N, latent) stand for."""
        images = self.decoder(self.expand(code).unflatten(1, self.coarse))
        return images[..., : self.size[0], : self.size[1]].float()


@method(
    least={"width": 1, "latent": 1, "beta": 0, "samples": 0},
    reference="Kingma and Welling 2014; Im et al. 2017 (denoising criterion)",
    inference=("samples",),
)
class CVAE(TrainedMethod):
    """Convolutional VAE: noisy image in, clean image out, through one Gaussian code.

    Trained as `vae` is: summed binary cross-entropy against the clean image plus `beta` times
    the KL divergence of the code from a standard normal. It restores with the code's mean, or
    with the mean over `samples` draws of the code.
    """

    width: int = 32
    latent: int = 20
    beta: float = 1.0
    samples: int = 0
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 3, "min_updates": 1000},
        "default": {**FAST, "epochs": 6, "min_updates": 3000},
        "paper": {"epochs": 100, "batch_size": 64, "lr": 1e-3},
    }

    def network(self, image_shape):
        if min(image_shape[1:]) < 4:
            raise Unsupported("images must have at least 4 pixels a side")
        return Network(image_shape, self.width, self.latent)

    def loss(self, network, noisy, clean, noise):
        mean, log_variance = network.encode(noisy)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        kl = standard_normal_kl(mean, log_variance)
        return {
            "reconstruction": cross_entropy(network.decode(code), clean),
            "kl": self.beta * kl,
        }

    def restore(self, network, noisy, noise):
        if self.samples == 0:
            mean, _ = network.encode(noisy)
            return torch.sigmoid(network.decode(mean))
        return self._posterior(network, noisy, self.samples).mean(dim=0)

    def uncertainty(self, network, noisy, noise):
        return self._posterior(network, noisy, UNCERTAINTY_SAMPLES).std(dim=0)

    def _posterior(self, network, noisy, samples):
        """Restored images for so many draws of the code, each shared by the batch."""
        mean, log_variance = network.encode(noisy)
        draws = torch.randn(samples, 1, self.latent, device=mean.device)
        codes = mean + draws * torch.exp(0.5 * log_variance)
        return torch.stack([torch.sigmoid(network.decode(code)) for code in codes])
