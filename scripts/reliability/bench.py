"""What every attack needs: the program, tiny sweeps, and what an undisturbed sweep leaves."""

import json
import random
import shutil
import subprocess
import time
from functools import cached_property

SWEEP = """\
name = "attacked"
losses = [{ name = "cross_entropy" }, { name = "encouraging" }]
seeds = SEEDS
[train]
dataset = "cifar10"
width = 1
epochs = 2
batch_size = 16
subset = 48
validation = 8
learning_rate = 0.05
backend = "flex"
threads = 1
[[claim]]
better = "encouraging"
than = "cross_entropy"
"""

# What must come out the same of a trial.
SAME = ["model.safetensors", "steps.jsonl", "settings.toml", "test_correct.bin"]
SAME_BUT_FOR_HISTORY = ["result.json", "epochs.jsonl", "environment.json"]
# When a training was, how long it took, and after which step it was resumed.
HISTORY = ["images_per_second", "time_s", "time_s_total", "time_started", "resumed"]
# Not part of a result: a kill can leave them in the folder of a trial that has just ended.
REMAINS = ["lease.json", "checkpoint.safetensors", "checkpoint-before.safetensors"]


class Attack:
    """A row of the table: what was tried how often, and what did not hold."""

    def __init__(self, name):
        self.name = name
        self.tries = 0
        self.failures = []

    def expect(self, holds, what):
        if not holds:
            self.failures.append(what)

    def expect_no_panic(self, ended, what):
        self.expect("panicked" not in ended.stderr, f"{what}: {end_of(ended)}")
        self.expect(ended.returncode >= 0, f"{what}: ended by signal {-ended.returncode}")


class Sweep:
    """A sweep file, and the store, the results and the table of an undisturbed run of it."""

    def __init__(self, bench, name, seeds, text=SWEEP, images=None):
        self.bench = bench
        self.images = images or bench.images
        self.file = bench.folder / f"{name}.toml"
        self.file.write_text(text.replace("SEEDS", str(list(range(1, seeds + 1)))))
        self.store = bench.folder / f"{name}-undisturbed"
        start = time.monotonic()
        finished = self.run(self.store)
        self.seconds = time.monotonic() - start
        assert finished.returncode == 0, finished.stderr
        self.expected = contents(self.store)
        self.table = bench.report(self.store).stdout

    def command(self, store, *more):
        images = ["--data-dir", self.images, "--checkpoint-interval", "0"]
        return [self.bench.program, "run", self.file, "--store", store, *images, *more]

    def run(self, store, *more, before=()):
        return run([*before, *self.command(store, *more)])

    def start(self, store, *more, before=()):
        command = [*before, *self.command(store, *more)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def recovers(self, attack, store, what, *more):
        """The same command without an attack must end with the results of an undisturbed sweep; returns what it says."""
        finished = self.run(store, *more)
        attack.expect_no_panic(finished, what)
        attack.expect(finished.returncode == 0, f"{what}: then exit code {finished.returncode}: {end_of(finished)}")
        attack.expect(contents(store) == self.expected, f"{what}: then other results than undisturbed")
        return finished.stderr

    def interrupt(self, store):
        """A store in which a trial is done, and the next was killed in its second epoch, with two checkpoints."""

        def is_underway():
            steps = [file.read_text().count("\n") for file in store.glob("attempts/*.1/steps.jsonl")]
            return any(store.glob("trials/*/result.json")) and steps and max(steps) > 4

        while True:
            shutil.rmtree(store, ignore_errors=True)
            process = self.start(store)
            while process.poll() is None and not is_underway():
                time.sleep(0.001)
            process.kill()
            process.communicate()
            # Otherwise the trial ended before the signal came.
            files = {file.name for file in store.glob("attempts/*/*")}
            if files.issuperset([*REMAINS, "epochs.jsonl"]) and "model.safetensors" not in files:
                return


class Bench:
    """The program and the stores that are attacked."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.images = folder / "images"
        write_images(self.images)
        self.small = Sweep(self, "small", seeds=1)
        self.interrupted = folder / "interrupted"
        self.small.interrupt(self.interrupted)

    @cached_property
    def dozen(self):
        return Sweep(self, "dozen", seeds=6)

    def report(self, store, *more):
        return run([self.program, "report", store, *more])

    def store(self, start=None):
        """The store to attack: absent, or a copy of another."""
        store = self.folder / "attacked"
        shutil.rmtree(store, ignore_errors=True)
        if start:
            shutil.copytree(start, store)
        return store


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, **more)


def end_of(ended):
    """The last messages of a process."""
    return ended.stderr[-600:]


def write_images(folder):
    """CIFAR-10 with noise as images and 20 records per file: a test after each training must not take a second."""
    folder.mkdir()
    source = random.Random(1)
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        (folder / name).write_bytes(b"".join(bytes([source.randrange(10)]) + source.randbytes(3072) for _ in range(20)))


def contents(store):
    """All that must come out the same, by trial and file."""
    found = {}
    for trial in sorted((store / "trials").glob("*")):
        for name in SAME:
            file = trial / name
            found[trial.name, name] = file.read_bytes() if file.exists() else None
        for name in SAME_BUT_FOR_HISTORY:
            file = trial / name
            found[trial.name, name] = without_history(file) if file.exists() else None
    return found


def without_history(file):
    """The values of a JSON file, or of one with a value per line."""
    text = file.read_text(errors="replace")
    try:
        values = [json.loads(line) for line in (text.splitlines() if file.suffix == ".jsonl" else [text])]
        return [{key: value for key, value in pairs.items() if key not in HISTORY} for pairs in values]
    except ValueError:
        return text


def snapshot(store):
    """The files of the trials that are done: identity, time and bytes."""
    found = {}
    for trial in store.glob("trials/*"):
        if (trial / "result.json").exists():
            for file in trial.iterdir():
                if file.name not in REMAINS:
                    found[file] = (file.stat().st_ino, file.stat().st_mtime_ns, file.read_bytes())
    return found


def changed(before, after):
    """The names of files of done trials that were lost, written again or changed."""
    return sorted(f"{file.parent.name}/{file.name}" for file in before if after.get(file) != before[file])


def id_of(attempt):
    return attempt.name.split(".")[0]
