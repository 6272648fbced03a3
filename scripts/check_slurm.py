#!/usr/bin/env python3
"""Runs sweeps on a real Slurm, started on this machine alone, and checks what comes out of each.

    scripts/check_slurm.py PROGRAM

Where Debian's packages of Slurm cannot be had, it says so and exits with 0. Exits with 1 if any scenario failed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The modules beside this file are not compiled into a folder that git would see.
sys.dont_write_bytecode = True

from reliability.bench import contents
from reliability.schedulers import carry_out, expect_all, training

SLURM = Path(__file__).with_name("one_machine_slurm.sh")
LIMIT_S = 120
# Epochs of a trial that takes some ten seconds: longer than Slurm needs to pass a signal on.
LONG = 60

SWEEP = """\
name = "cluster"
losses = [{ name = "cross_entropy" }]
seeds = SEEDS
[train]
dataset = "shapes"
width = 2
epochs = EPOCHS
batch_size = 32
subset = 96
validation = 50
learning_rate = 0.05
backend = "flex"
threads = 1
"""


class Cluster:
    """Slurm on this machine, and the program that submits to it."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.slurm = folder / "slurm"
        self.environment = dict(os.environ, EXPERIMENT_DATA=str(folder))

    def start(self):
        started = subprocess.run([SLURM, "up", self.slurm], capture_output=True, text=True)
        if started.returncode != 0:
            return started.stderr.strip()
        shell = f"{started.stdout.strip()}; env -0"
        variables = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout
        self.environment.update(line.split("=", 1) for line in variables.split("\0") if "=" in line)
        return None

    def stop(self):
        subprocess.run([SLURM, "down", self.slurm], capture_output=True)

    def run(self, *command):
        return subprocess.run(command, capture_output=True, text=True, env=self.environment)

    def sweep(self, name, seeds, epochs):
        file = self.folder / f"{name}.toml"
        file.write_text(SWEEP.replace("SEEDS", str(list(range(seeds)))).replace("EPOCHS", str(epochs)))
        return file, self.folder / "stores" / name

    def submit(self, file, store, *options, flags=()):
        submitted = self.run(self.program, "slurm", file, "--store", store, *options, "--", "--time=10", *flags)
        assert submitted.returncode == 0, submitted.stderr
        return submitted.stdout

    def jobs(self):
        """The state of each job or task that has not ended, by its id."""
        lines = self.run("squeue", "-h", "-a", "-r", "-t", "PD,R,CG,S,RQ", "-o", "%i %T").stdout.splitlines()
        return dict(line.split() for line in lines)

    def wait(self, holds, what):
        end = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < end, f"{what}: not within {LIMIT_S} s\n{self.state()}\n{self.logs()}"
            time.sleep(0.1)

    def wait_until_idle(self):
        self.wait(lambda: not self.jobs(), "no job is left")

    def state(self):
        queue = self.run("squeue", "-a", "-r", "-o", "%i %T %r %S").stdout
        return queue + self.run("sinfo", "-o", "%n %T %E").stdout

    def logs(self):
        logs = sorted((self.folder / "stores").glob("*/slurm/*.log"))
        return "\n".join(f"{log}:\n{log.read_text()[-600:]}" for log in logs)

    def expect_all(self, file, store):
        expect_all(self, file, store)
        assert (store / "report.html").exists(), f"there is no report\n{self.logs()}"


def worker_logs(store):
    return "\n".join(log.read_text() for log in (store / "slurm").glob("*_*.log"))


def trained(store):
    """How many trials were trained to their end, by the logs of the workers."""
    return worker_logs(store).count(": done: ")


def an_array_trains_every_trial_once_and_the_report_follows(cluster):
    file, store = cluster.sweep("array", 4, 1)
    shown = cluster.run(cluster.program, "slurm", file, "--store", store, "--print").stdout
    assert "#SBATCH --array=0-3" in shown and not store.exists(), shown
    cluster.submit(file, store)
    cluster.wait_until_idle()
    cluster.expect_all(file, store)
    assert trained(store) == 4, cluster.logs()
    assert "95 % interval" in (store / "slurm" / "after.log").read_text()


def more_trials_than_an_array_can_have_are_shared_by_its_tasks(cluster):
    file, store = cluster.sweep("many", 12, 1)
    cluster.submit(file, store)
    cluster.wait_until_idle()
    assert "#SBATCH --array=0-4\n" in (store / "slurm" / "workers.sh").read_text()
    cluster.expect_all(file, store)
    assert trained(store) == 12, cluster.logs()


def a_task_that_is_warned_of_its_time_limit_is_requeued_and_resumes_bitwise(cluster):
    file, store = cluster.sweep("requeued", 1, LONG)
    cluster.submit(file, store)
    cluster.wait(lambda: training(store), "a worker trains")
    task = next(iter(job for job in cluster.jobs() if "_" in job))
    assert cluster.run("scancel", "--batch", "--signal=USR1", task).returncode == 0
    cluster.wait(lambda: not training(store), "the worker stops")
    assert list((store / "attempts").glob("*/checkpoint.safetensors")), cluster.logs()
    cluster.wait_until_idle()
    cluster.expect_all(file, store)
    assert "resuming after step" in worker_logs(store), cluster.logs()


def a_worker_that_is_killed_leaves_a_trial_that_the_same_command_finishes(cluster):
    file, store = cluster.sweep("killed", 2, LONG // 2)
    cluster.submit(file, store, "--workers", "1")
    cluster.wait(lambda: training(store), "a worker trains")
    os.kill(next(iter(training(store).values())), signal.SIGKILL)
    cluster.wait_until_idle()
    status = cluster.run(cluster.program, "status", store, "--json").stdout
    assert '"done": 2' not in status, status
    cluster.submit(file, store)
    cluster.wait_until_idle()
    cluster.expect_all(file, store)


def a_job_that_is_cancelled_ends_with_a_checkpoint_and_is_not_requeued(cluster):
    file, store = cluster.sweep("cancelled", 1, LONG)
    cluster.submit(file, store)
    cluster.wait(lambda: training(store), "a worker trains")
    cluster.run("scancel", "--name=cluster")
    cluster.wait_until_idle()
    assert list((store / "attempts").glob("*/checkpoint.safetensors")), cluster.logs()
    assert not contents(store), "the trial has ended"
    cluster.submit(file, store)
    cluster.wait_until_idle()
    cluster.expect_all(file, store)


def what_a_cancelled_job_leaves_is_submitted_by_the_job_after_it(cluster):
    file, store = cluster.sweep("continued", 1, LONG)
    cluster.submit(file, store, "--continue")
    cluster.wait(lambda: training(store), "a worker trains")
    cluster.run("scancel", "--name=cluster")
    cluster.wait_until_idle()
    cluster.expect_all(file, store)


def a_controller_that_is_killed_and_started_again_trains_nothing_twice(cluster):
    file, store = cluster.sweep("controller", 4, 20)
    cluster.submit(file, store)
    cluster.wait(lambda: len(training(store)) == 4, "every task trains")
    saved, began = cluster.slurm / "state" / "job_state", time.time()
    cluster.wait(lambda: saved.exists() and saved.stat().st_mtime > began, "the controller saves its state")
    os.kill(int((cluster.slurm / "run" / "slurmctld.pid").read_text()), signal.SIGKILL)
    cluster.wait(lambda: list(store.glob("trials/*")), "a trial ends without the controller")
    subprocess.run([SLURM, "ctld", cluster.slurm], check=True, capture_output=True)
    cluster.wait(lambda: cluster.run("sinfo").returncode == 0, "the controller answers")
    cluster.wait_until_idle()
    cluster.expect_all(file, store)
    assert trained(store) == 4, cluster.logs()


def a_worker_with_nothing_left_to_do_ends_at_once(cluster):
    file, store = cluster.sweep("array", 4, 1)
    assert cluster.submit(file, store) == "all trials have ended\n"
    worked = cluster.run(cluster.program, "work", store)
    assert worked.returncode == 0 and "to train" not in worked.stderr, worked.stderr


def a_folder_that_cannot_be_written_is_named(cluster):
    file, _ = cluster.sweep("unwritable", 1, 1)
    store = Path("/proc/unwritable")
    refused = cluster.run(cluster.program, "slurm", file, "--store", store)
    assert refused.returncode == 1 and str(store) in refused.stderr, refused.stderr


SCENARIOS = [
    an_array_trains_every_trial_once_and_the_report_follows,
    a_worker_with_nothing_left_to_do_ends_at_once,
    more_trials_than_an_array_can_have_are_shared_by_its_tasks,
    a_task_that_is_warned_of_its_time_limit_is_requeued_and_resumes_bitwise,
    a_worker_that_is_killed_leaves_a_trial_that_the_same_command_finishes,
    a_job_that_is_cancelled_ends_with_a_checkpoint_and_is_not_requeued,
    what_a_cancelled_job_leaves_is_submitted_by_the_job_after_it,
    a_controller_that_is_killed_and_started_again_trains_nothing_twice,
    a_folder_that_cannot_be_written_is_named,
]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program = Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:]
    if not shutil.which("apt-get"):
        print("skipped: Slurm comes from Debian's packages, and there is no apt-get")
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)  # or munged refuses to have its socket there
        cluster = Cluster(program, Path(folder))
        stack.callback(cluster.stop)
        if problem := cluster.start():
            print(f"skipped: Slurm cannot be started: {problem}")
            return
        if carry_out(SCENARIOS, cluster, wanted):
            sys.exit(1)


if __name__ == "__main__":
    main()
