"""A plain PyTorch script in the manner of the framework's first examples. It prints, and saves its weights."""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def make_loaders(batch_size):
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    splits = train_test_split(images, torch.tensor(labels), test_size=360, random_state=0)
    train = TensorDataset(splits[0], splits[2])
    test = TensorDataset(splits[1], splits[3])
    return DataLoader(train, batch_size, shuffle=True), DataLoader(test, 500)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 4 * 4, 10)

    def forward(self, x):
        return self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1))


def train(model, loader, optimizer, epoch, log_interval):
    model.train()
    for batch, (images, labels) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        if batch % log_interval == 0:
            seen, total = batch * len(images), len(loader.dataset)
            print(f"Train Epoch: {epoch} [{seen}/{total} ({100 * batch / len(loader):.0f}%)]\tLoss: {loss.item():.6f}")


@torch.no_grad()
def test(model, loader):
    model.eval()
    loss = correct = 0
    for images, labels in loader:
        logits = model(images)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(1) == labels).sum().item()
    total = len(loader.dataset)
    print(f"\nTest set: Average loss: {loss / total:.4f}, Accuracy: {correct}/{total} ({100 * correct / total:.0f}%)\n")


def main():
    parser = argparse.ArgumentParser(description="PyTorch digits example")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--log-interval", type=int, default=5)
    parser.add_argument("--save-model", default="digits_cnn.pt")
    args = parser.parse_args()

    torch.manual_seed(1)
    train_loader, test_loader = make_loaders(args.batch_size)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        train(model, train_loader, optimizer, epoch, args.log_interval)
        test(model, test_loader)
    torch.save(model.state_dict(), args.save_model)


if __name__ == "__main__":
    main()
