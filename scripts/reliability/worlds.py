"""Places, clocks, terminals and files that are unusual but not wrong."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

from reliability.bench import Attack, contents, end_of, run
from reliability.disks import SmallDisk


def odd_worlds(bench):
    attack = Attack("odd worlds: paths, links, clocks, terminals, pipes, forms of a sweep file, read-only stores")
    folder = bench.folder / "worlds"
    folder.mkdir()
    for world in (paths, links, home, clocks, terminals, pipes, forms_of_a_sweep_file, read_only):
        world(bench, attack, folder)
    return attack


def ends_well(bench, attack, store, what, file=None, **more):
    """A whole sweep, the same again, and a report."""
    sweep = bench.small
    command = sweep.command(store)
    command[2] = file or sweep.file
    for _ in range(2):
        finished = run(command, **more)
        attack.expect(finished.returncode == 0, f"{what}: exit code {finished.returncode}: {end_of(finished)}")
        attack.expect_no_panic(finished, what)
    attack.expect(finished.stderr.count(": done: ") == 0, f"{what}: trained again")
    attack.tries += 1
    return finished


def is_as_undisturbed(bench, attack, store, what):
    attack.expect(contents(store) == bench.small.expected, f"{what}: other results than undisturbed")
    attack.expect(bench.report(store).stdout == bench.small.table, f"{what}: another table than undisturbed")


def paths(bench, attack, folder):
    for name in ("with spaces", "Größe 实验 🧪", "quote's \"both\"", "new\nline", "%41 & $HOME #1", "x" * 250):
        place = folder / name
        place.mkdir()
        sweep = place / "sweep file.toml"
        shutil.copy(bench.small.file, sweep)
        ends_well(bench, attack, place / name, f"path {name!r}", file=sweep)
        is_as_undisturbed(bench, attack, place / name, f"path {name!r}")
    # Bytes that are no UTF-8.
    name = os.fsencode(folder) + b"/\xff\xfe"
    ends_well(bench, attack, name, "path that is no UTF-8")
    store = folder / "utf-8"
    os.rename(name, os.fsencode(store))
    is_as_undisturbed(bench, attack, store, "path that is no UTF-8")


def links(bench, attack, folder):
    """The store, its folder of trials or the sweep file is a symbolic link."""
    (folder / "place").mkdir()
    (folder / "link").symlink_to("place")
    ends_well(bench, attack, folder / "link", "linked store")
    is_as_undisturbed(bench, attack, folder / "place", "linked store")
    (folder / "elsewhere").mkdir()
    (folder / "half").mkdir()
    (folder / "half" / "trials").symlink_to(folder / "elsewhere")
    ends_well(bench, attack, folder / "half", "linked trials/")
    is_as_undisturbed(bench, attack, folder / "half", "linked trials/")
    (folder / "link.toml").symlink_to(bench.small.file)
    ends_well(bench, attack, folder / "by-link", "linked sweep file", file=folder / "link.toml")
    is_as_undisturbed(bench, attack, folder / "by-link", "linked sweep file")
    (folder / "nowhere").symlink_to(folder / "absent")
    dangling = bench.small.run(folder / "nowhere")
    attack.tries += 1
    attack.expect_no_panic(dangling, "dangling link")
    says = dangling.returncode == 0 or str(folder / "nowhere") in dangling.stderr
    attack.expect(says, f"dangling link as store: {dangling.returncode}: {end_of(dangling)}")


def home(bench, attack, folder):
    """Not every shell expands `--store=~/x`. A folder of that name would be hard to remove without harm."""
    place = folder / "tilde"
    place.mkdir()
    what = "~ as the shell leaves it"
    refused = run(bench.small.command("~/store"), cwd=place)
    attack.tries += 1
    attack.expect(refused.returncode == 2, f"{what}: exit code {refused.returncode}")
    attack.expect("a ~ that the shell did not replace" in refused.stderr, f"{what}: {end_of(refused)}")
    attack.expect(not any(place.iterdir()), f"{what}: something was made")


def clocks(bench, attack, _):
    """The clock was an hour or ten years ahead when a process was killed, or the files are from 1970. A heartbeat in the
    future must not look like life, be it of a process here or, as far as its lease tells, on another machine."""
    times = {"an hour ahead": time.time() + 3600, "ten years ahead": time.time() + 3e8, "1970": 1}
    stores = [(bench.interrupted, False), (bench.interrupted, True), (bench.small.store, False)]
    for what, when in times.items():
        for start, is_elsewhere in stores:
            store = bench.store(start)
            for lease in store.glob("attempts/*/lease.json") if is_elsewhere else ():
                holder = json.loads(lease.read_text())
                lease.write_text(json.dumps({**holder, "host": "elsewhere", "pid_space": "elsewhere"}))
            for path in [*store.rglob("*"), store]:
                os.utime(path, (when, when))
            attack.tries += 1
            begin = time.monotonic()
            bench.small.recovers(attack, store, f"clock {what}", "--stale-after", "1")
            attack.expect(time.monotonic() - begin < 30, f"clock {what}: waited {time.monotonic() - begin:.0f} s")
            for verb in ("status", "report"):
                looked = run([bench.program, verb, store])
                attack.expect(looked.returncode == 0, f"clock {what}: {verb}: {end_of(looked)}")


def terminals(bench, attack, _):
    """`script` gives the program a terminal. A dumb one must get no escape sequences, NO_COLOR none that are colours."""
    if not shutil.which("script"):
        print("not tested: terminals: script is not installed", file=sys.stderr)
        return
    any_escape, colour = "\x1b", r"\x1b\[[0-9;]*m"
    kinds = [("TERM", "dumb", any_escape), ("NO_COLOR", "1", colour), ("TERM", "", None), ("COLUMNS", "1", None)]
    for name, value, pattern in kinds:
        what = f"{name}={value}"
        store = bench.store()
        command = " ".join(map(str, bench.small.command(store)))
        environment = {**os.environ, "TERM": "xterm", name: value}
        shown = run(["script", "-qec", command, "/dev/null"], env=environment, stdin=subprocess.DEVNULL)
        attack.tries += 1
        attack.expect(shown.returncode == 0, f"{what}: exit code {shown.returncode}: {shown.stdout[-600:]}")
        attack.expect("panicked" not in shown.stdout, f"{what}: {shown.stdout[-600:]}")
        found = pattern and re.search(pattern, shown.stdout)
        attack.expect(not found, f"{what}: an escape sequence: {found and shown.stdout[found.start() :][:60]!r}")
        attack.expect(contents(store) == bench.small.expected, f"{what}: other results than undisturbed")


def pipes(bench, attack, _):
    """Who reads the output has enough, or is not there from the start; the disk of a redirected output is full."""
    store, program = bench.small.store, bench.program
    trial = sorted(store.glob("trials/*"))[0].name
    verbs = ["report {}", "report {} --json", "report {} --curves --csv", "status {}", "show {} " + trial]
    for verb in [*verbs, "losses", "schema"]:
        command = f"'{program}' " + verb.format(f"'{store}'")
        for pipe in ("| head -1", "| true", ">&-"):
            ended = run(["bash", "-c", f"set -o pipefail; {command} {pipe}"])
            attack.tries += 1
            attack.expect_no_panic(ended, f"{verb} {pipe}")
            attack.expect("roken pipe" not in ended.stderr, f"{verb} {pipe}: {end_of(ended)}")
            attack.expect(ended.returncode in (0, 1), f"{verb} {pipe}: exit code {ended.returncode}: {end_of(ended)}")
        full = run(["bash", "-c", f"{command} >/dev/full"])
        attack.tries += 1
        attack.expect_no_panic(full, f"{verb} >/dev/full")
        says = full.returncode == 1 and "No space left" in full.stderr
        attack.expect(says, f"{verb} >/dev/full: exit code {full.returncode}: {end_of(full)}")
    # A sweep goes on, since its results are in the store.
    sweep = bench.small
    attacked = bench.store()
    command = " ".join(f"'{part}'" for part in sweep.command(attacked))
    for pipe in ("2>&1 | head -1", "2>&- >&-", "2>/dev/full"):
        ended = run(["bash", "-c", f"set -o pipefail; {command} {pipe}"])
        attack.tries += 1
        attack.expect_no_panic(ended, f"run {pipe}")
        sweep.recovers(attack, attacked, f"run {pipe}")
        attacked = bench.store()


def forms_of_a_sweep_file(bench, attack, folder):
    """As editors on Windows write it. The plan has a copy of the file, so its table is compared too."""
    text = bench.small.file.read_bytes()
    windows = text.replace(b"\n", b"\r\n")
    mark = b"\xef\xbb\xbf"
    forms = {"CRLF": windows, "byte-order mark": mark + text, "both": mark + windows, "no last line feed": text.rstrip()}
    for what, content in forms.items():
        file = folder / f"{what}.toml"
        file.write_bytes(content)
        ends_well(bench, attack, folder / f"store {what}", what, file=file)
        is_as_undisturbed(bench, attack, folder / f"store {what}", what)
    # What cannot be read must be said with the file's name.
    utf16 = text.decode().encode("utf-16")
    wrong = {"UTF-16": utf16, "empty": b"", "a byte that is no UTF-8": text + b"# \xff\n", "zeros": bytes(100)}
    for what, content in wrong.items():
        file = folder / f"{what}.toml"
        file.write_bytes(content)
        refused = run([bench.program, "run", file, "--store", folder / "never"])
        attack.tries += 1
        attack.expect_no_panic(refused, what)
        says = refused.returncode == 2 and file.name in refused.stderr
        attack.expect(says, f"{what}: exit code {refused.returncode}: {end_of(refused)}")


def read_only(bench, attack, folder):
    """Who can only read a store sees all of it. Root may write everywhere but to a disk that is mounted so."""
    disk = folder / "read-only"
    refusal = SmallDisk.refusal(disk)
    if refusal:
        print(f"not tested: read-only stores: no file system can be mounted: {refusal}", file=sys.stderr)
        return
    with SmallDisk(disk, 16 << 20) as mounted:
        store, unfinished = disk / "store", disk / "unfinished"
        shutil.copytree(bench.small.store, store)
        # The cache of which weights were read is missing, so that the program would like to write it.
        (store / "verified.json").unlink()
        shutil.copytree(bench.interrupted, unfinished)
        mounted.remount("ro")
        trial = sorted(store.glob("trials/*"))[0].name
        for verb, *more in (["report"], ["status"], ["show", trial]):
            seen = run([bench.program, verb, store, *more])
            attack.tries += 1
            attack.expect_no_panic(seen, f"read-only: {verb}")
            is_silent = seen.returncode == 0 and not seen.stderr
            attack.expect(is_silent, f"read-only: {verb}: exit code {seen.returncode}: {end_of(seen)}")
        attack.expect(bench.report(store).stdout == bench.small.table, "read-only: another table")
        for what in (store, unfinished):
            refused = bench.small.run(what)
            attack.tries += 1
            attack.expect_no_panic(refused, f"read-only: run {what.name}")
            if what == store:
                # Only the page could be written anew, and it is as it was.
                is_good = refused.returncode == 0
            else:
                is_good = refused.returncode == 1 and "Read-only" in refused.stderr and str(what) in refused.stderr
            attack.expect(is_good, f"read-only: run {what.name}: exit code {refused.returncode}: {end_of(refused)}")
