"""Exports a small store for TensorBoard and reads it back with TensorBoard's own reader.

    cargo build --release
    python3 -m venv environment && environment/bin/pip install tensorboard
    environment/bin/python scripts/check_tensorboard.py target/release/experiment

Fails if a scalar differs from the store's records, is missing, or is none of them.
"""

import argparse
import json
import struct
import subprocess
import tempfile
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import SCALARS, TENSORS, EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

SWEEP = """
name = "tensorboard"
losses = [{ name = "cross_entropy" }, { name = "focal", gamma = 3 }]
seeds = [1]
[train]
dataset = "shapes"
width = 1
epochs = 2
batch_size = 32
subset = 100
validation = 50
"""


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def expected(trial):
    """The scalars that the records of a trial make: values by tag and step."""
    scalars = {}

    def add(tag, step, value):
        if value is not None:
            scalars[tag, step] = value

    for step in lines(trial / "steps.jsonl"):
        for name in ["train_loss", "train_accuracy"]:
            add(f"step/{name}", step["step"], step[name])
    for epoch in lines(trial / "epochs.jsonl"):
        for name in ["train_loss", "train_accuracy", "learning_rate", "images_per_second"]:
            add(f"epoch/{name}", epoch["epoch"], epoch[name])
        for name, value in epoch["metrics"].items():
            add(f"{epoch['evaluated_on']}/{name}", epoch["epoch"], value)
    test = json.loads((trial / "result.json").read_text())["test"]
    for name, value in (test or {"metrics": {}})["metrics"].items():
        add(f"test/{name}", epoch["epoch"], value)
    return scalars


def as_float_32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def check(run, trials):
    """Compares a run with its trial; returns the number of scalars."""
    events = EventAccumulator(str(run), size_guidance={SCALARS: 0, TENSORS: 0}).Reload()
    # Scalars come as tensors in some versions of the reader.
    assert events.Tags()[SCALARS], f"{run}: no scalars"
    start = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    trial = trials / start.session_start_info.group_name
    settings = start.session_start_info.hparams
    assert settings["width"].number_value == 1 and settings["seed"].number_value == 1, settings
    assert settings["dataset"].string_value == "shapes", settings
    end = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_end_info").plugin_data.content)
    assert end.session_end_info.status == 1, end

    found = {}
    for tag in events.Tags()[SCALARS]:
        scalars = events.Scalars(tag)
        times = [scalar.wall_time for scalar in scalars]
        assert times == sorted(times) and times[0] >= start.session_start_info.start_time_secs > 1.7e9, (tag, times)
        found |= {(tag, scalar.step): scalar.value for scalar in scalars}
    wanted = {key: as_float_32(value) for key, value in expected(trial).items()}
    assert found == wanted, {key: (found.get(key), wanted.get(key)) for key in found | wanted if found.get(key) != wanted.get(key)}
    return len(found)


def content(folder):
    return {file.relative_to(folder): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path)
    program = parser.parse_args().program.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        (scratch / "sweep.toml").write_text(SWEEP)
        store = scratch / "store"
        subprocess.run(
            [program, "run", scratch / "sweep.toml", "--backend", "flex", "--store", store, "--quiet"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for folder in ["a", "b"]:
            subprocess.run([program, "export", store, "--tensorboard", scratch / folder], check=True)
        assert content(scratch / "a") == content(scratch / "b"), "two exports differ"
        runs = sorted((scratch / "a").iterdir())
        assert [run.name for run in runs] == ["cross_entropy,seed=1", "focal-gamma=3,seed=1"], runs
        scalars = [check(run, store / "trials") for run in runs]
        assert len(scalars) == 2 and min(scalars) > 40, scalars
        print(f"TensorBoard reads {sum(scalars)} scalars of {len(runs)} runs as they were recorded")


if __name__ == "__main__":
    main()
