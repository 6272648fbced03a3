#!/usr/bin/env python3
"""Runs sweeps on a real HyperQueue, started on this machine alone, and checks what comes out of each.

    scripts/check_hyperqueue.py PROGRAM [SCENARIO…]

The server and the workers are those of the wheel `hyperqueue`, which is installed into a temporary folder. The wheel has
no `hq` command: a small one written here passes `hq submit` on to the wheel's client, with the script, the numbers of the
tasks and the crash limit, and ignores all other flags. Where the wheel cannot be had, the check says so and exits with 0.
Exits with 1 if any scenario failed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The modules beside this file are not compiled into a folder that git would see.
sys.dont_write_bytecode = True

from reliability.bench import write_images
from reliability.processes import read_json
from reliability.schedulers import carry_out, expect_all, training

VERSION = "0.27.0"
LIMIT_S = 60

SWEEP = """\
name = "cluster"
losses = [{ name = "cross_entropy" }]
seeds = SEEDS
[train]
dataset = "cifar10"
width = WIDTH
epochs = EPOCHS
batch_size = BATCH
subset = IMAGES
validation = 8
learning_rate = 0.05
backend = "flex"
threads = 1
"""

# The two commands of the real `hq` that the program uses.
HQ = """\
#!PYTHON
import argparse
import sys
from hyperqueue import Client, Job

client = Client("SERVER")
if sys.argv[1:] == ["server", "info"]:
    sys.exit()
assert sys.argv[1] == "submit", sys.argv
parser = argparse.ArgumentParser()
parser.add_argument("--array", required=True)
parser.add_argument("--crash-limit", type=int)
parser.add_argument("script")
given, _ = parser.parse_known_args(sys.argv[2:])
job = Job(max_fails=None)
for part in given.array.split(","):
    first, _, last = part.partition("-")
    for number in range(int(first), int(last or first) + 1):
        task = job.program(["bash", given.script], stdout=None, stderr=None, crash_limit=given.crash_limit)
        task.task_id = number
print(client.submit(job).id)
"""


def work_for(server, folder):
    """Is a worker of one core until it is killed. The wheel starts workers only of a server in the same process, so this one
    starts a server that nobody uses, in a folder where its worker then finds the address of the other server."""
    from hyperqueue.cluster import LocalCluster, WorkerConfig

    cluster = LocalCluster(str(folder))
    address = folder / "hq-current" / "access.json"
    address.write_text((server / "hq-current" / "access.json").read_text())
    cluster.start_worker(WorkerConfig(cores=1))
    signal.pause()


class Cluster:
    """HyperQueue on this machine, and the program that submits to it."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.server = folder / "server"
        self.workers = []
        tools = folder / "bin"
        tools.mkdir()
        shim = tools / "hq"
        shim.write_text(HQ.replace("PYTHON", sys.executable).replace("SERVER", str(self.server)))
        shim.chmod(0o755)
        images = folder / "images"
        write_images(images)
        os.environ.update(PATH=f"{tools}:{os.environ['PATH']}", EXPERIMENT_DATA=str(images))

    def start(self):
        from hyperqueue import Client
        from hyperqueue.cluster import LocalCluster

        self.server.mkdir()
        with quiet():
            self.cluster = LocalCluster(str(self.server))
        self.client = Client(self.server)

    def stop(self):
        for worker in self.workers:
            worker.kill()
        self.cluster.stop()

    def start_worker(self):
        folder = self.folder / f"worker-{len(self.workers)}"
        folder.mkdir()
        command = [sys.executable, __file__, "--work-for", self.server, folder]
        self.workers.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def kill_worker_of(self, process):
        """Kills the worker that has started `process`; returns once it is gone."""
        parent = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        worker = next(worker for worker in self.workers if worker.pid == parent)
        worker.kill()
        worker.wait()

    def run(self, *command):
        return subprocess.run(command, capture_output=True, text=True)

    def sweep(self, name, seeds, epochs, images=64, width=1, batch=16):
        file = self.folder / f"{name}.toml"
        values = {"SEEDS": list(range(seeds)), "EPOCHS": epochs, "IMAGES": images, "WIDTH": width, "BATCH": batch}
        text = SWEEP
        for key, value in values.items():
            text = text.replace(key, str(value))
        file.write_text(text)
        return file, self.folder / "stores" / name

    def submit(self, file, store, *options):
        """Returns the number of the job."""
        submitted = self.run(self.program, "hq", file, "--store", store, *options)
        assert submitted.returncode == 0, submitted.stderr
        return int(submitted.stdout.removeprefix("submitted job ").partition(";")[0])

    def wait(self, job):
        """Waits until no task of a job is left; returns the numbers of those that failed, each with the reason."""
        end = time.monotonic() + LIMIT_S

        def check(_):
            if time.monotonic() > end:
                raise TimeoutError(f"job {job} has not ended within {LIMIT_S} s\n{self.logs()}")

        failed = self.client.connection.wait_for_jobs([job], check)
        tasks = self.client.connection.get_failed_tasks(failed) if failed else {}
        return {number: task.error for number, task in tasks.get(job, {}).items()}

    def logs(self):
        logs = sorted((self.folder / "stores").glob("*/hq/*.log"))
        return "\n".join(f"{log}:\n{log.read_text()[-600:]}" for log in logs[-8:])


@contextlib.contextmanager
def quiet():
    """Without what is printed to standard output by code that is not Python's."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def wait_until(holds, what):
    end = time.monotonic() + LIMIT_S
    while not (value := holds()):
        assert time.monotonic() < end, f"{what}: not within {LIMIT_S} s"
        time.sleep(0.02)
    return value


def task_logs(store):
    return "\n".join(log.read_text() for log in (store / "hq").glob("*.log"))


def trained(store):
    """How many trials were trained to their end, by the logs of the tasks."""
    return task_logs(store).count(": done: ")


def plan(store):
    return read_json(store / "plan.json")["trials"]


def two_hundred_trials_are_trained_once_each(cluster):
    file, store = cluster.sweep("many", 200, 1, images=16)
    shown = cluster.run(cluster.program, "hq", file, "--store", store, "--print").stdout
    assert " --array=0-199 " in shown and not store.exists(), shown
    assert not cluster.wait(cluster.submit(file, store))
    assert trained(store) == 200, cluster.logs()
    expect_all(cluster, file, store)


def a_worker_with_nothing_left_to_do_ends_at_once(cluster):
    file, store = cluster.sweep("many", 200, 1, images=16)
    submitted = cluster.run(cluster.program, "hq", file, "--store", store)
    assert submitted.stdout == "all trials have ended\n", submitted
    for index in [[], ["--index", "7"], ["--next"]]:
        worked = cluster.run(cluster.program, "work", store, *index)
        assert worked.returncode == 0 and "to train" not in worked.stderr, worked.stderr


def tasks_of_workers_that_are_killed_start_again_on_others_and_resume(cluster):
    file, store = cluster.sweep("killed", 4, 8)
    job = cluster.submit(file, store)
    for _ in range(2):
        process = wait_until(lambda: list(training(store).values()), "a task trains")[0]
        cluster.start_worker()
        cluster.kill_worker_of(process)
        wait_until(lambda: process not in training(store).values(), "its task stops")
    assert not cluster.wait(job)
    assert trained(store) == 4, cluster.logs()
    assert task_logs(store).count(" to train on ") == 4 + 2, cluster.logs()
    assert "resuming after step" in task_logs(store), cluster.logs()
    expect_all(cluster, file, store)


def a_task_that_starts_again_waits_for_its_last_process_to_stop(cluster):
    """A step takes about a second here: the process of the killed worker still trains when the task starts again."""
    file, store = cluster.sweep("slow", 1, 3, width=48, batch=64)
    job = cluster.submit(file, store)
    process = next(iter(wait_until(lambda: training(store), "a task trains").values()))
    cluster.start_worker()
    cluster.kill_worker_of(process)
    assert not cluster.wait(job)
    assert trained(store) == 1, cluster.logs()
    expect_all(cluster, file, store)


def tasks_that_fail_are_run_again_alone(cluster):
    file, store = cluster.sweep("failed", 3, 8)
    job = cluster.submit(file, store)
    stopped = {}
    for number in [signal.SIGKILL, signal.SIGTERM]:
        running = lambda: {it: pid for it, pid in training(store).items() if it not in stopped}
        trial, process = next(iter(wait_until(running, "a task trains").items()))
        os.kill(process, number)
        stopped[trial] = number
    failed = cluster.wait(job)
    indices = {plan(store).index(trial): number for trial, number in stopped.items()}
    assert failed.keys() == indices.keys(), failed
    killed, interrupted = indices
    assert "exit code 75" in failed[interrupted], failed
    worked = cluster.run(cluster.program, "work", store, "--index", str(killed))
    assert worked.returncode == 0, worked.stderr
    shown = cluster.run(cluster.program, "hq", file, "--store", store, "--print").stdout
    assert f" --array={interrupted} " in shown, shown
    assert not cluster.wait(cluster.submit(file, store))
    assert "resuming after step" in task_logs(store), cluster.logs()
    expect_all(cluster, file, store)


def workers_share_the_trials_where_that_is_asked_for(cluster):
    file, store = cluster.sweep("shared", 6, 1)
    assert not cluster.wait(cluster.submit(file, store, "--workers", "2"))
    assert len(list((store / "hq").glob("*.log"))) == 2, cluster.logs()
    assert trained(store) == 6, cluster.logs()
    expect_all(cluster, file, store)


SCENARIOS = [
    two_hundred_trials_are_trained_once_each,
    a_worker_with_nothing_left_to_do_ends_at_once,
    tasks_of_workers_that_are_killed_start_again_on_others_and_resume,
    a_task_that_starts_again_waits_for_its_last_process_to_stop,
    tasks_that_fail_are_run_again_alone,
    workers_share_the_trials_where_that_is_asked_for,
]


def check(program, wanted):
    """Carries out the scenarios; returns how many failed."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        cluster = Cluster(program, Path(folder))
        cluster.start()
        stack.callback(cluster.stop)
        for _ in range(2):
            cluster.start_worker()
        return carry_out(SCENARIOS, cluster, wanted)


def python_with_hyperqueue(folder):
    """The Python of a new environment that has the wheel, or why there is none."""
    python = folder / "bin" / "python"
    for command in [
        [sys.executable, "-m", "venv", folder],
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"hyperqueue=={VERSION}"],
    ]:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            return None, (done.stderr + done.stdout).strip().splitlines()[-1]
    return python, None


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--work-for":
        return work_for(*map(Path, sys.argv[2:]))
    if os.environ.get("IN_ENVIRONMENT"):
        sys.exit(1 if check(Path(sys.argv[1]).resolve(), sys.argv[2:]) else 0)
    with tempfile.TemporaryDirectory() as folder:
        python, problem = python_with_hyperqueue(Path(folder))
        if problem:
            print(f"skipped: the wheel of HyperQueue {VERSION} cannot be installed: {problem}")
            return
        command = [python, __file__, *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=dict(os.environ, IN_ENVIRONMENT="1")).returncode)


if __name__ == "__main__":
    main()
