"""Runs the same sweep in PyTorch, to compare means: a narrow ResNet18 and pytorch-cifar's recipe.

    python scripts/peer_sweep.py --data cifar-10-batches-bin --width 8 --epochs 2 --lr 0.01 \
        --loss cross_entropy bonus mae_mse --seeds 1 2 3 4 --threads 2

uses the settings of experiments/cifar10-narrow.toml; results/cifar10-narrow.md compares the two.

Recipe: SGD, momentum 0.9, weight decay 5e-4 on every parameter, no dampening; cosine learning rate
stepped per epoch to zero at the end; batch 128, last partial batch kept; random crop 32 with zero
padding 4, flip with probability 1/2, then normalisation. PyTorch's initial weights. The accuracy is
that of the last epoch. Needs torch and numpy; writes a JSON line per run, then one per loss.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from peer_resnet18 import resnet18

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
MOMENTUM, WEIGHT_DECAY, PADDING = 0.9, 5e-4, 4


def cross_entropy(logits, targets):
    return F.cross_entropy(logits, targets)


def bonus(logits, targets):
    """-ln p + ln(1 - p) of the target class: the other classes' logsumexp minus its logit."""
    target = F.one_hot(targets, logits.shape[1]).bool()
    others = logits.masked_fill(target, -math.inf).logsumexp(1)
    return (others - logits[target]).mean()


def mae_mse(logits, targets):
    """Sum over classes of |softmax - onehot| and its square."""
    difference = logits.softmax(1) - F.one_hot(targets, logits.shape[1])
    return (difference.abs() + difference.square()).sum(1).mean()


LOSSES = {"cross_entropy": cross_entropy, "bonus": bonus, "mae_mse": mae_mse}


def read(files):
    """Images [n, 3, 32, 32] and labels [n] of CIFAR-10 binary files, both as bytes."""
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
    images = torch.from_numpy(records[:, 1:].copy()).reshape(-1, 3, 32, 32)
    return images, torch.from_numpy(records[:, 0].astype(np.int64))


def normalise(images):
    mean = 255 * torch.tensor(MEAN).reshape(1, 3, 1, 1)
    std = 255 * torch.tensor(STD).reshape(1, 3, 1, 1)
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def augment(windows, indices):
    """Every image of `indices` at its own offset, every second one mirrored."""
    count = len(indices)
    down, right = torch.randint(2 * PADDING + 1, (2, count))
    images = windows[indices, :, down, right]
    mirrored = torch.rand(count, 1, 1, 1) < 0.5
    return normalise(torch.where(mirrored, images.flip(3), images))


@torch.no_grad()
def accuracy(network, images, labels):
    network.eval()
    correct = 0
    for batch, targets in zip(images.split(500), labels.split(500)):
        correct += (network(normalise(batch)).argmax(1) == targets).sum().item()
    return correct / len(labels)


def train(train_set, test_set, loss_name, seed, arguments):
    """One run as a dictionary."""
    images, labels = train_set
    torch.manual_seed(seed)
    network = resnet18(arguments.width).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=arguments.lr, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=arguments.epochs)
    # [n, 3, 9, 9, 32, 32]: every crop of every padded image, as a view
    windows = F.pad(images, [PADDING] * 4).unfold(2, 32, 1).unfold(3, 32, 1)
    start = time.perf_counter()
    for _ in range(arguments.epochs):
        network.train()
        for indices in torch.randperm(len(images)).split(arguments.batch):
            loss = LOSSES[loss_name](network(augment(windows, indices)), labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    seconds = time.perf_counter() - start
    return {
        "loss": loss_name,
        "seed": seed,
        "accuracy": accuracy(network, *test_set),
        "train_loss_last_batch": loss.item(),
        "images_per_second": round(arguments.epochs * len(images) / seconds, 1),
        "time_s": round(seconds, 1),
    }


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the binary files")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--loss", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--subset", type=int, help="train on the first SUBSET images only")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    images, labels = read([arguments.data / f"data_batch_{i}.bin" for i in range(1, 6)])
    train_set = images[: arguments.subset], labels[: arguments.subset]
    test_set = read([arguments.data / "test_batch.bin"])
    for loss_name in arguments.loss:
        accuracies = []
        for seed in arguments.seeds:
            result = train(train_set, test_set, loss_name, seed, arguments)
            accuracies.append(result["accuracy"])
            print(json.dumps(result), flush=True)
        several = len(accuracies) > 1
        summary = {
            "loss": loss_name,
            "n": len(accuracies),
            "accuracy_mean": statistics.mean(accuracies),
            "accuracy_std": statistics.stdev(accuracies) if several else None,
        }
        print(json.dumps(summary), flush=True)


if __name__ == "__main__":
    main()
