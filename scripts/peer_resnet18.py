"""Measures the speed of pytorch-cifar's ResNet18 in PyTorch: the counterpart of `experiment bench`.

    python scripts/peer_resnet18.py --precision f32,bf16 --mode training --batch 128 --width 64 --device cuda

Prints a JSON line per precision: images per second (median over the steps after three warm-up steps, and
slowest and fastest), loss of the last step, peak memory (on a GPU of its allocations, else of the process).
A step is forward, cross-entropy, backward and SGD on one fixed random batch, channels last; f32 is without
TF32, bf16 and f16 use autocast, f16 with loss scaling. In inference it is only the forward pass.

Alternate it with `experiment bench` and quote ratios, never absolute figures of a shared machine:
compare_speed.py does so on a CPU, gpu-check.sh on a GPU. Needs only torch.
"""

import argparse
import json
import resource
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

WARMUP_STEPS = 3
PRECISIONS = ("f32", "tf32", "bf16", "f16")


class BasicBlock(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(residual + self.shortcut(x))


def resnet18(width, classes=10):
    """pytorch-cifar's ResNet18 with `width` channels in its first stage instead of 64."""
    layers = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels_in = width
    for stage in range(4):
        channels = width << stage
        layers.append(BasicBlock(channels_in, channels, 1 if stage == 0 else 2))
        layers.append(BasicBlock(channels, channels, 1))
        channels_in = channels
    return nn.Sequential(*layers, nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels_in, classes))


def stepper(arguments, precision):
    """One step as a function that returns the loss, after the device has finished."""
    device, training = arguments.device, arguments.mode == "training"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "f32"
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    model = resnet18(arguments.width).to(device, memory_format=torch.channels_last).train(training)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    if arguments.compile:
        model = torch.compile(model)
    images = torch.randn(arguments.batch, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    labels = torch.arange(arguments.batch, device=device) % 10
    half = {"bf16": torch.bfloat16, "f16": torch.float16}.get(precision)
    autocast = torch.autocast(device, dtype=half or torch.bfloat16, enabled=half is not None)
    scaler = torch.amp.GradScaler(device, enabled=precision == "f16")

    def step():
        with autocast, torch.set_grad_enabled(training):
            loss = F.cross_entropy(model(images), labels)
        if training:
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss.item()

    return step


def peak_memory_bytes(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(arguments, precision):
    if arguments.device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    step = stepper(arguments, precision)
    rates = []
    for _ in range(WARMUP_STEPS + arguments.steps):
        start = time.perf_counter()
        loss = step()
        rates.append(arguments.batch / (time.perf_counter() - start))
    rates = rates[WARMUP_STEPS:]
    return {
        "images_per_second": round(statistics.median(rates), 1),
        "images_per_second_range": [round(min(rates), 1), round(max(rates), 1)],
        "loss": loss,
        "peak_memory_bytes": peak_memory_bytes(arguments.device),
    }


def description():
    """Versions and device."""
    cuda = torch.cuda.is_available()
    return {
        "peer": "pytorch " + torch.__version__,
        "device": "cuda" if cuda else "cpu",
        "device_name": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
    }


def precisions(text):
    names = text.split(",")
    if unknown := [name for name in names if name not in PRECISIONS]:
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(PRECISIONS)}, found {unknown[0]!r}")
    return names


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--describe", action="store_true", help="print versions and device, and stop")
    parser.add_argument("--precision", type=precisions, default=["f32"], help="some of " + ",".join(PRECISIONS))
    parser.add_argument("--mode", choices=["training", "inference"], default="training")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--compile", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.describe:
        print(json.dumps(description()))
        return
    torch.set_num_threads(arguments.threads)
    settings = {key: getattr(arguments, key) for key in ("device", "mode", "width", "batch", "threads", "steps")}
    for precision in arguments.precision:
        try:
            outcome = measure(arguments, precision)
        except RuntimeError as error:  # such as out of memory: the other precisions are still worth measuring
            outcome = {"error": str(error)}
        print(json.dumps(settings | {"precision": precision} | outcome), flush=True)


if __name__ == "__main__":
    main()
