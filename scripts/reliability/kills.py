"""Kills: at any moment of a sweep, and a real sweep on CIFAR-10."""

import subprocess
import time

from reliability.bench import Attack, Sweep, changed, end_of, snapshot


def kill(sweep, attack, store, done, seconds):
    """Kills the sweep after some seconds; returns whether it ended before. `done` are the files that may not change."""
    process = sweep.start(store)
    try:
        _, messages = process.communicate(timeout=seconds)
        attack.expect(process.returncode == 0, f"exit code {process.returncode}: {messages[-600:]}")
        ended = True
    except subprocess.TimeoutExpired:
        process.kill()
        _, messages = process.communicate()
        attack.tries += 1
        ended = False
    what = f"kill {attack.tries} after {seconds:.3f} s"
    attack.expect("warning" not in messages and "panicked" not in messages, f"{what}: {messages[-600:]}")
    now = snapshot(store)
    attack.expect(not changed(done, now), f"{what}: done trials have changed: {changed(done, now)}")
    done.update(now)
    return ended


def kills(bench, random, count):
    """Kills come at all moments of a sweep, and again and again while it only writes its page, which is short."""
    attack = Attack("SIGKILL at a random moment of 12 trials, and again until the sweep is done")
    sweep = bench.dozen
    start = time.monotonic()
    sweep.run(sweep.store)
    ending = time.monotonic() - start
    while attack.tries < count:
        store, done = bench.store(), {}
        while attack.tries < count and not kill(sweep, attack, store, done, random.uniform(0, sweep.seconds / 3)):
            pass
        for _ in range(min(3, count - attack.tries)):
            for name in ("report.html", "verified.json"):
                (store / name).unlink(missing_ok=True)
            kill(sweep, attack, store, done, random.uniform(0, ending))
        sweep.recovers(attack, store, f"kill {attack.tries}")
        after = changed(done, snapshot(store))
        attack.expect(not after, f"kill {attack.tries}: done trials have changed at the end: {after}")
        is_same = bench.report(store).stdout == sweep.table
        attack.expect(is_same, f"kill {attack.tries}: then another table than undisturbed")
    return attack


# The first records of each file of CIFAR-10: a test with all 10,000 images would take most of the time.
TRAIN_RECORDS = 60
TEST_RECORDS = 200
REAL_SWEEP = """\
name = "real"
losses = [{ name = "cross_entropy" }, { name = "encouraging" }]
seeds = SEEDS
[train]
dataset = "cifar10"
width = 2
epochs = 2
batch_size = 16
subset = 200
validation = 50
learning_rate = 0.02
backend = "flex"
threads = 1
[[claim]]
better = "encouraging"
than = "cross_entropy"
"""
# But for --trials, --curves and --html, which tell seconds and images per second: no two runs share these.
FORMATS = ["", "--csv", "--json", "--markdown", "--latex", "--claims --csv", "--claims --json", "--metrics accuracy,ece"]


def real_sweep(bench, random, cifar10):
    """Five kills, then two processes at once; every table must be that of an undisturbed sweep."""
    attack = Attack("24 trials on CIFAR-10, killed 5 times and finished by 2 processes")
    images = bench.folder / "cifar10"
    images.mkdir()
    for file in [*cifar10.glob("data_batch_*.bin"), cifar10 / "test_batch.bin"]:
        records = TEST_RECORDS if file.name == "test_batch.bin" else TRAIN_RECORDS
        (images / file.name).write_bytes(file.read_bytes()[: records * 3073])
    sweep = Sweep(bench, "real", seeds=12, text=REAL_SWEEP, images=images)
    store, done = bench.store(), {}
    while attack.tries < 5 and not kill(sweep, attack, store, done, random.uniform(0, sweep.seconds / 4)):
        pass
    attack.expect(attack.tries == 5, f"the sweep ended after {attack.tries} kills")
    for process in [sweep.start(store), sweep.start(store)]:
        _, messages = process.communicate()
        attack.expect(process.returncode == 0, f"exit code {process.returncode}: {messages[-600:]}")
    attack.expect(not changed(done, snapshot(store)), "done trials have changed")
    sweep.recovers(attack, store, "2 processes")
    for form in FORMATS:
        here, there = (bench.report(it, *form.split()) for it in (store, sweep.store))
        attack.expect(here.returncode == 0, f"report {form}: exit code {here.returncode}: {end_of(here)}")
        is_same = (here.stdout, here.stderr) == (there.stdout, there.stderr)
        attack.expect(is_same, f"report {form}: not as undisturbed")
    return attack
