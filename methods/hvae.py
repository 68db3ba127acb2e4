"""Hierarchical VAE: a U-Net whose coarser scales also hold random codes."""

import torch
from torch import nn
from torch.nn.functional import max_pool2d, pixel_unshuffle

from bench import TrainedMethod, method
from bench.training import noise_map, padded

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}
# Draws of the codes that the predicted deviation is taken over.
UNCERTAINTY_SAMPLES = 16
# One image in so many of a batch has its codes from the posterior.
INFORMED = 4
# Log-deviations are kept this near to 0, far beyond what images need.
LIMIT = 7


class Block(nn.Sequential):
    """Two 3 x 3 convolutions, each followed by a ReLU."""

    def __init__(self, channels_in, channels_out):
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.ReLU(),
        )


class Code(nn.Module):
    """The random code of one scale, added to the features that it is drawn from.

    The prior depends on the features, thus on the noisy image and on the coarser codes; the
    posterior moves it by what the clean image tells (as residuals: Vahdat and Kautz 2020,
    section 3.2; at first it is the prior).
    """

    def __init__(self, features, informed, code):
        super().__init__()
        self.prior = nn.Conv2d(features, 2 * code, 1)
        self.posterior = nn.Conv2d(features + informed, 2 * code, 1)
        self.put = nn.Conv2d(code, features, 1)
        nn.init.zeros_(self.posterior.weight)
        nn.init.zeros_(self.posterior.bias)  # type: ignore[arg-type]

    def from_prior(self, features, draws):
        """Features with a code from the prior: its mean where there are no draws."""
        mean, log_std = self._parts(self.prior(features))
        code = mean if draws is None else mean + log_std.exp() * draws
        return features + self.put(code)

    def from_posterior(self, features, informed):
        """Features with a code drawn from the posterior; its KL divergence, an image each."""
        mean, log_std = self._parts(self.prior(features))
        shift, log_ratio = self._parts(self.posterior(torch.cat([features, informed], dim=1)))
        draws = torch.randn_like(shift)
        code = mean + log_std.exp() * (shift + log_ratio.exp() * draws)
        kl = 0.5 * (shift.square() + torch.exp(2 * log_ratio) - 1) - log_ratio
        return features + self.put(code), kl.flatten(1).sum(dim=1)

    @staticmethod
    def _parts(statistics):
        mean, log_std = statistics.float().chunk(2, dim=1)
        return mean, log_std.clamp(-LIMIT, LIMIT)


class Network(nn.Module):
    """The U-Net of `unet` with codes at a half and a quarter of the resolution."""

    def __init__(self, channels_in, channels_out, width, code):
        super().__init__()
        self.codes = (code, 2 * code)
        self.down1 = Block(channels_in, width)
        self.down2 = Block(width, 2 * width)
        self.bottom = Block(2 * width, 4 * width)
        self.code4 = Code(4 * width, 2 * width, 2 * code)
        self.grow2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up2 = Block(4 * width, 2 * width)
        self.code2 = Code(2 * width, width, code)
        self.grow1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.up1 = Block(2 * width, width)
        self.last = nn.Conv2d(width, channels_out, 1)
        # The posterior's own path sees the noisy and the clean image, at half the resolution.
        self.informed2 = Block(4 * (channels_in + channels_out), width)
        self.informed4 = Block(width, 2 * width)
        # Of the observation models: Gaussians around what is restored with codes from the
        # posterior and with the means of the priors.
        self.log_variances = nn.Parameter(torch.tensor([-4.0, -4.0]))

    def down(self, seen):
        """Features of the noisy images (N, C, H, W), fine to coarse; sides divisible by 4."""
        fine = self.down1(seen)
        middle = self.down2(max_pool2d(fine, 2))
        return fine, middle, self.bottom(max_pool2d(middle, 2))

    def up(self, features, draws=(None, None)):
        """The predicted noise, with codes from their priors; draws per scale, fine to coarse."""
        fine, middle, coarse = features
        coarse = self.code4.from_prior(coarse, draws[1])
        middle = self.code2.from_prior(self._up2(coarse, middle), draws[0])
        return self._up1(middle, fine)

    def up_informed(self, features, pairs):
        """The same, where the first n images of the batch know their clean ones.

        `pairs` are the n noisy images with their clean ones as more channels. The codes of the
        first n come from the posterior, the others' are the means of their priors. And the KL
        divergences of the first n by scale, fine to coarse, each (n,).
        """
        n = len(pairs)
        fine, middle, coarse = features
        informed2 = self.informed2(pixel_unshuffle(pairs, 2))
        informed4 = self.informed4(max_pool2d(informed2, 2))
        first, kl4 = self.code4.from_posterior(coarse[:n], informed4)
        coarse = torch.cat([first, self.code4.from_prior(coarse[n:], None)])
        middle = self._up2(coarse, middle)
        first, kl2 = self.code2.from_posterior(middle[:n], informed2)
        middle = torch.cat([first, self.code2.from_prior(middle[n:], None)])
        return self._up1(middle, fine), kl2, kl4

    def _up2(self, coarse, middle):
        return self.up2(torch.cat([self.grow2(coarse), middle], dim=1))

    def _up1(self, middle, fine):
        return self.last(self.up1(torch.cat([self.grow1(middle), fine], dim=1)))


@method(
    least={"width": 1, "code": 1, "beta": 0, "samples": 0},
    reference="Soenderby et al. 2016; Prakash et al. 2022 (HDN); Sohn et al. 2015 (hybrid loss)",
    inference=("samples",),
)
class HVAE(TrainedMethod):
    """A ladder of random codes, conditioned on the noisy image by skip connections.

    What the noisy image tells goes through the U-Net's skip connections, so that the codes need
    only hold what it leaves open; a code of 20 numbers for the whole image, as in `vae`, is
    what blurs. The loss on a quarter of each batch is the negative evidence lower bound:
    Gaussian observations of a learned variance (Rybkin et al. 2021), plus `beta` times the KL
    divergence of each scale's posterior, which sees the clean image, from its prior, which sees
    the noisy one. The others are restored as in use, with the means of the priors, under such
    observations of their own (the hybrid of Sohn et al. 2015, eq. 7). It restores with the
    priors' means, or with the mean over `samples` draws from them. With `conditioned` it is
    given the noise's standard deviation as one more channel.
    """

    width: int = 16
    code: int = 4
    beta: float = 1.0
    samples: int = 0
    conditioned: bool = False
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 3, "min_updates": 1500},
        "default": {**FAST, "epochs": 7, "min_updates": 4000},
        "paper": {**FAST, "epochs": 100},
    }

    def network(self, image_shape):
        channels = image_shape[0]
        return Network(channels + self.conditioned, channels, self.width, self.code)

    def loss(self, network, noisy, clean, noise):
        n = -(-len(clean) // INFORMED)
        seen = self._seen(noisy, noise)
        pairs = torch.cat([seen[:n], padded(clean[:n], 4)], dim=1)
        predicted, kl2, kl4 = network.up_informed(network.down(seen), pairs)
        height, width = noisy.shape[-2:]
        restored = noisy - predicted[..., :height, :width].float()
        errors = (restored - clean).square().flatten(1).sum(dim=1)
        means = torch.stack([errors[:n].mean(), errors[n:].sum() / max(1, len(clean) - n)])
        likelihoods = 0.5 * (
            means * torch.exp(-network.log_variances) + clean[0].numel() * network.log_variances
        )
        return {
            "reconstruction": likelihoods[0],
            # A batch of one image has none to restore.
            "restoration": likelihoods[1] * (len(clean) > n),
            "kl at 1/2": self.beta * kl2.mean(),
            "kl at 1/4": self.beta * kl4.mean(),
        }

    def restore(self, network, noisy, noise):
        if self.samples == 0:
            return self._restored(network, network.down(self._seen(noisy, noise)), noisy)
        return self._posterior(network, noisy, noise, self.samples).mean(dim=0)

    def uncertainty(self, network, noisy, noise):
        return self._posterior(network, noisy, noise, UNCERTAINTY_SAMPLES).std(dim=0)

    def _seen(self, noisy, noise):
        seen = torch.cat([noisy, noise_map(noisy, noise)], dim=1) if self.conditioned else noisy
        return padded(seen, 4)

    def _restored(self, network, features, noisy, draws=(None, None)):
        height, width = noisy.shape[-2:]
        return noisy - network.up(features, draws)[..., :height, :width].float()

    def _posterior(self, network, noisy, noise, samples):
        """Restored images for so many draws of the codes, each shared by the batch."""
        features = network.down(self._seen(noisy, noise))
        shapes = [
            (samples, 1, code, *scale.shape[-2:])
            for code, scale in zip(network.codes, features[1:], strict=True)
        ]
        draws = zip(*(torch.randn(shape, device=noisy.device) for shape in shapes), strict=True)
        return torch.stack([self._restored(network, features, noisy, draw) for draw in draws])
