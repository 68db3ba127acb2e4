"""The founding report's training as it is usually written: what ours is compared with."""

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import MNIST


class VAE(nn.Module):
    """784-400-20-400-784, with a sigmoid at its end."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.mean, self.logvar = nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        hidden = torch.relu(self.fc1(x))
        mean, logvar = self.mean(hidden), self.logvar(hidden)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(torch.relu(self.fc3(code)))), mean, logvar


def usual_epoch(folder, images, sigma, seed, device="cpu"):
    """An epoch over the first `images` of MNIST in `folder`; the mean loss, in nats an image."""
    torch.manual_seed(seed)
    data = Subset(MNIST(folder, train=True, transform=transforms.ToTensor()), range(images))
    model = VAE().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    total = 0.0
    for clean, _ in DataLoader(data, batch_size=64, shuffle=True):
        clean = clean.view(-1, 784).to(device)
        output, mean, logvar = model(clean + sigma * torch.randn_like(clean))
        loss = functional.binary_cross_entropy(output, clean, reduction="sum")
        loss -= 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / images
