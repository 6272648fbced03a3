"""What the checks of sweeps on Slurm and on HyperQueue have in common."""

import subprocess
import sys
import time

from reliability.bench import contents, id_of
from reliability.processes import read_json


def training(store):
    """The processes that train, by the ids of their trials."""
    leases = {id_of(lease.parent): read_json(lease).get("pid") for lease in (store / "attempts").glob("*/lease.json")}
    # A lease that is being made is in a folder with a dot before its name.
    return {trial: process for trial, process in leases.items() if trial and process}


def expect_all(cluster, file, store):
    """What one process has that trains the sweep without a scheduler, the store must have too, and no attempt more."""
    # Several scenarios have the same sweep.
    alone = cluster.folder / "alone" / str(hash(file.read_text()))
    if not alone.exists():
        subprocess.run([cluster.program, "run", file, "--store", alone], check=True, capture_output=True)
    assert contents(store) == contents(alone), f"other results than one process has\n{cluster.logs()}"
    assert not any((store / "attempts").iterdir()), "attempts are left"


def carry_out(scenarios, cluster, wanted):
    """Prints how each scenario ended, or each that is wanted; returns how many failed."""
    failed = 0
    print("| scenario | seconds | holds |\n|---|---|---|")
    for scenario in scenarios:
        if wanted and scenario.__name__ not in wanted:
            continue
        start = time.monotonic()
        try:
            scenario(cluster)
            holds = "yes"
        except (AssertionError, TimeoutError) as error:
            failed += 1
            holds = "no"
            print(error, file=sys.stderr)
        name = scenario.__name__.replace("_", " ")
        print(f"| {name} | {time.monotonic() - start:.0f} | {holds} |", flush=True)
    return failed
