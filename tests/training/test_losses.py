"""The shared loss terms, against torch's own."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from bench.training import cross_entropy, standard_normal_kl

DRAWS = torch.Generator().manual_seed(0)


def random(*shape):
    return torch.randn(shape, generator=DRAWS)


@pytest.mark.parametrize("spread", [0.01, 1.0, 30.0])
def test_the_cross_entropy_and_its_gradient_are_torchs(spread):
    logits, clean = (spread * random(7, 1, 9, 5)).requires_grad_(), random(7, 1, 9, 5).sigmoid()
    flat = clean.flatten(1)  # networks of linear layers give no images
    loss = cross_entropy(logits.flatten(1), flat)
    (gradient,) = torch.autograd.grad(3 * loss, logits)
    loss = loss.detach()
    exact = logits.detach().double().requires_grad_()
    expected = binary_cross_entropy_with_logits(exact, clean.double(), reduction="sum") / 7
    (expected_gradient,) = torch.autograd.grad(3 * expected, exact)
    assert float(loss) == pytest.approx(float(expected.detach()), rel=2e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=1e-5, atol=1e-7)
    assert float(cross_entropy(logits.detach().flatten(1), clean)) == float(loss)


def test_the_cross_entropy_stays_finite_for_extreme_logits():
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    value = cross_entropy(logits, torch.tensor([[1.0, 1.0, 0.5]]))
    value.backward()
    assert float(value.detach()) == pytest.approx(1e4 + 0.6931472)
    assert logits.grad.tolist() == [[0, -1, 0]]


def test_the_kl_divergence_is_that_of_torchs_distributions():
    mean, log_variance = random(6, 4), random(6, 4)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(
        standard_normal_kl(mean, log_variance), expected.sum(dim=1).mean(), rtol=1e-5, atol=1e-6
    )
    assert float(standard_normal_kl(torch.zeros(3, 2), torch.zeros(3, 2))) == 0
