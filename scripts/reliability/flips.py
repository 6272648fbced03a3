"""Flipped bits and files that are cut off, in every kind of file of a store."""

import itertools

from reliability.bench import Attack, end_of, id_of

# Lengths to which a file is cut off.
CUTS = [lambda size: 0, lambda size: 1, lambda size: size // 2, lambda size: size - 1]
# A lease that seems to be another machine's is watched for two minutes unless this says otherwise.
IMPATIENT = ["--stale-after", "1"]


def damages(store, files, random, flips):
    """Yields a file, what damages a copy of it and says how, and whether it is the first of its kind for this file."""
    files = sorted(file for file in files if file.is_file() and file.stat().st_size)
    for number, file in zip(range(flips), itertools.cycle(files)):
        yield file.relative_to(store), lambda copy: flip(copy, random), number < len(files)
    for file, length in itertools.product(files, CUTS):
        bytes_left = length(file.stat().st_size)
        yield file.relative_to(store), lambda copy: cut(copy, bytes_left), length is CUTS[2]


def flip(file, random):
    content = bytearray(file.read_bytes())
    place, bit = random.randrange(len(content)), random.randrange(8)
    content[place] ^= 1 << bit
    file.write_bytes(content)
    return f"{file.name}, byte {place}, bit {bit}"


def cut(file, length):
    file.write_bytes(file.read_bytes()[:length])
    return f"{file.name}, cut off after {length} bytes"


def flips(bench, random, count):
    """Most in finished trials, where one costs a report and not a training."""
    root, rest, complete = count // 8, count // 20, count // 20
    yield finished_trials(bench, random, count - rest - root - complete)
    yield files_of_the_store(bench, random, root)
    yield unfinished_trial(bench, random, rest)
    yield uncommitted_trial(bench, random, complete)


def finished_trials(bench, random, count):
    """The report must name the trial and exclude it, and `--retry damaged` trains it again."""
    attack = Attack("flipped bits and cuts in files of finished trials")
    sweep = bench.small
    for name, damage, is_first in damages(sweep.store, sweep.store.glob("trials/*/*"), random, count):
        store = bench.store(sweep.store)
        what = damage(store / name)
        attack.tries += 1
        report = bench.report(store)
        attack.expect_no_panic(report, what)
        attack.expect(report.returncode == 3, f"{what}: report: exit code {report.returncode}")
        attack.expect(name.parent.name in report.stderr, f"{what}: report does not name the trial: {end_of(report)}")
        if is_first:
            again = sweep.run(store)
            attack.expect(again.returncode == 3, f"{what}: run: exit code {again.returncode}")
            sweep.recovers(attack, store, what, "--retry", "damaged")
            is_kept = any(store.glob(f"set-aside/{name.parent.name}-1/*"))
            attack.expect(is_kept, f"{what}: the damaged files were not kept")
    return attack


def files_of_the_store(bench, random, count):
    """The files beside the trials: `plan.json` declares the sweep, `verified.json` remembers which weights were read,
    and the page and its pictures are only written. No score is read from them, so a report is as undisturbed or names
    the file, and the next run ends as undisturbed, with the same page and pictures."""
    attack = Attack("flipped bits and cuts in plan.json, verified.json, report.html and pictures")
    sweep = bench.dozen
    files = [*sweep.store.glob("*"), *sweep.store.glob("images/*")]
    for name, damage, _ in damages(sweep.store, files, random, count):
        store = bench.store(sweep.store)
        what = damage(store / name)
        attack.tries += 1
        report = bench.report(store)
        attack.expect_no_panic(report, what)
        is_named = name.name in report.stderr + report.stdout
        attack.expect(is_named or report.stdout == sweep.table, f"{what}: another report, which does not name the file")
        messages = sweep.recovers(attack, store, what)
        # A plan that cannot be read is written anew, and then says that it was declared when results were there.
        is_named = f"{name}: " in messages
        mends = bench.report(store).stdout == sweep.table
        attack.expect(is_named or mends, f"{what}: the next run does not mend the report")
        if name.suffix in (".html", ".png"):
            is_same = (store / name).read_bytes() == (sweep.store / name).read_bytes()
            attack.expect(is_same, f"{what}: the next run does not write the file again")
    return attack


def unfinished_trial(bench, random, count):
    """The sweep must end as undisturbed. The last checkpoint must be named; records, settings and environment are among
    what is compared, so they were noticed or written again; the checkpoint before is not needed, and `lease.json` only
    tells who is at work."""
    attack = Attack("flipped bits and cuts in files of an unfinished trial")
    start = bench.interrupted
    for name, damage, is_first in damages(start, start.glob("attempts/*/*"), random, count):
        store = bench.store(start)
        what = damage(store / name)
        attack.tries += 1
        if is_first:
            report = bench.report(store)
            attack.expect_no_panic(report, what)
            attack.expect(report.returncode == 0, f"{what}: report: exit code {report.returncode}: {end_of(report)}")
        messages = bench.small.recovers(attack, store, what, *IMPATIENT)
        if name.name == "checkpoint.safetensors":
            attack.expect(f"{name.name}: " in messages, f"{what}: not named: {messages[-600:]}")
    store = bench.store(bench.interrupted)
    both = [flip(file, random) for file in store.glob("attempts/*/checkpoint*")]
    attack.tries += 1
    messages = bench.small.recovers(attack, store, f"{both}", *IMPATIENT)
    attack.expect("restarted from the beginning" in messages, f"{both}: {messages[-600:]}")
    return attack


def uncommitted_trial(bench, random, count):
    """A kill came between a trial's last file and the rename that makes it a finished one. What was damaged then must be
    named by the next run."""
    attack = Attack("flipped bits and cuts in files of a trial that is complete and not yet under trials/")
    sweep = bench.small
    start = bench.folder / "uncommitted"
    bench.store(sweep.store).rename(start)
    trial = sorted(start.glob("trials/*"))[0]
    attempt = start / "attempts" / f"{trial.name}.1"
    trial.rename(attempt)
    for name, damage, is_first in damages(start, attempt.glob("*"), random, count):
        store = bench.store(start)
        what = damage(store / name)
        attack.tries += 1
        found = sweep.run(store)
        attack.expect_no_panic(found, what)
        attack.expect(found.returncode == 3, f"{what}: run: exit code {found.returncode}")
        attack.expect(id_of(attempt) in found.stderr, f"{what}: run does not name the trial: {end_of(found)}")
        if is_first:
            sweep.recovers(attack, store, what, "--retry", "damaged")
    return attack
