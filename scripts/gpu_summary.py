"""Summarizes the measurements of gpu-check.sh so far as Markdown.

    python3 scripts/gpu_summary.py gpu-check/raw
    python3 scripts/gpu_summary.py gpu-check/raw --choose-precision

The second prints the precision to continue training in: mixed if it is correct and faster, else f32.
Reads only the folder of raw records, in whatever state an interruption left it. Needs only Python 3.8.
"""

import argparse
import json
import re
import statistics
from collections import defaultdict
from pathlib import Path

GATE_FAILED = "> **The parity gate failed: no configuration of this GPU passed. Do not trust the results below.**"
EPOCHS, EPOCH_IMAGES, BLOG_BATCH = 200, 45_000, 128  # of experiments/blog-table.toml
# Mean final accuracies of two seeds each, five epochs: about three standard errors of their difference.
ACCURACY_BOUND_POINTS = 3.0
# name, unit, floor, aim; a floor above its aim means that lower is better
GOALS = {
    "f32": ("f32 / PyTorch f32", "", 0.7, 1.0),
    "mixed": ("mixed / the faster of PyTorch bf16 and f16", "", 0.4, 1.0),
    "waiting": ("waiting for data, share of a training step", " %", 2, 0),
    "start": ("second start to full speed", " s", 20, 5),
    "trial": (f"a trial of the blog's recipe, {EPOCHS} epochs", " min", 60, 15),
}


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────


def text_of(path):
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def values_in(text):
    """The consecutive JSON values in `text`, up to the first incomplete one."""
    decoder, values, position = json.JSONDecoder(), [], 0
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        values.append(value)
        position += len(text[position:]) - len(text[position:].lstrip())
    return values


class Raw:
    """The folder of raw records."""

    def __init__(self, folder):
        self.folder = folder
        self.planned = text_of(folder / "plan.txt").split()
        # name → (exit code, seconds)
        self.ended = {}
        for marker in folder.glob("*.exit"):
            fields = text_of(marker).split()
            if len(fields) == 2:
                self.ended[marker.name[: -len(".exit")]] = (int(fields[0]), int(fields[1]))
        lines = text_of(folder / "machine.txt").splitlines()
        self.machine = dict(line.split(": ", 1) for line in lines if ": " in line)
        self.ours = self.rows_of_ours()
        self.peers = self.rows_of_peers()

    def values(self, name):
        return values_in(text_of(self.folder / name).strip()) if name in self.ended else []

    def value(self, name):
        values = self.values(name)
        return values[0] if values and isinstance(values[0], dict) else {}

    def last_words(self, name):
        """The last error that a measurement printed to stderr, else its last line."""
        lines = [line.strip() for line in text_of(self.folder / f"{name}.log").splitlines() if line.strip()]
        # A harmless message of the graphics library on headless Linux.
        lines = [line for line in lines if "XDG_RUNTIME_DIR" not in line]
        errors = [line for line in lines if line.startswith("error")]
        return cell((["nothing"] + lines[-1:] + errors[-1:])[-1][:300])

    def rows_of_ours(self):
        """(mode, batch, precision) → round → row of `experiment bench`."""
        rows = defaultdict(dict)
        for name in self.ended:
            found = re.fullmatch(r"bench\.(\w+)\.(\d+)\.(\w+)\.(\d+)\.json", name)
            values = self.values(name) if found else []
            if values and isinstance(values[0], list) and values[0]:
                mode, batch, precision, number = found.groups()
                rows[mode, int(batch), precision][int(number)] = values[0][0]
        return dict(rows)

    def rows_of_peers(self):
        """The same of peer_resnet18.py."""
        rows = defaultdict(dict)
        for name in self.ended:
            found = re.fullmatch(r"peer\.(\w+)\.(\d+)\.(\d+)\.json", name)
            for row in self.values(name) if found else []:
                if "error" not in row:
                    mode, batch, number = found.groups()
                    rows[mode, int(batch), row["precision"]][int(number)] = row
        return dict(rows)

    def trials(self, store):
        """Those that have ended, then those under way."""
        parts = (self.folder.glob(f"stores/{store}/{part}/*/settings.toml") for part in ("trials", "attempts"))
        return [Trial(path.parent) for paths in parts for path in sorted(paths)]

    def unfinished_trials(self, store):
        """From earlier machines: only their curves were copied back, not their checkpoints."""
        return [Trial(path.parent) for path in sorted(self.folder.glob(f"unfinished/*/{store}/*/settings.toml"))]


def with_eval_accuracy(record):
    """Records of an earlier session may be from an earlier version, which called it `accuracy`."""
    return {"eval_accuracy": record.get("accuracy"), **record}


class Trial:
    def __init__(self, folder):
        self.id = folder.name
        self.settings = text_of(folder / "settings.toml")
        self.epochs = [with_eval_accuracy(record) for record in values_in(text_of(folder / "epochs.jsonl"))]
        results = values_in(text_of(folder / "result.json"))
        self.state = results[0].get("state") if results else "unfinished"
        environments = values_in(text_of(folder / "environment.json"))
        self.precision = environments[0].get("precision") if environments else None

    def setting(self, key, default="?"):
        found = re.search(rf"^{key} *= *(.*)$", self.settings, re.MULTILINE)
        return found.group(1).strip('[]"') if found else default


# ── Figures ─────────────────────────────────────────────────────────────────────────────────────────────


def rates(rows):
    return [row["images_per_second"] for row in rows.values()]


def fell_back(rows, precision):
    """Whether a row was computed in a different precision than requested."""
    return any(row.get("precision", precision) != precision for row in rows.values())


def ratios(raw, mode, batch, precision):
    """Our rate divided by the peer's of the same round."""
    rows = raw.ours.get((mode, batch, precision), {})
    if fell_back(rows, precision):
        return []
    found = []
    for number, row in rows.items():
        names = ["f32"] if precision == "f32" else ["bf16", "f16"]
        peers = [raw.peers.get((mode, batch, name), {}).get(number) for name in names]
        peer_rates = [peer["images_per_second"] for peer in peers if peer]
        if peer_rates:
            found.append(row["images_per_second"] / max(peer_rates))
    return found


def median_of(rows, *keys):
    """Median of a number over the rows that have it."""
    numbers = []
    for row in rows.values():
        for key in keys:
            row = (row or {}).get(key)
        if row is not None:
            numbers.append(row)
    return statistics.median(numbers) if numbers else None


def waiting_percent(rows):
    shares = []
    for row in rows.values():
        phases = row.get("phases")
        if phases and sum(phases.values()) > 0:
            shares.append(100 * phases["data_ms"] / sum(phases.values()))
    return statistics.median(shares) if shares else None


def starts(raw, precision):
    """Seconds to full speed of the first and second process: start.*.json holds two arrays of one row."""
    arrays = raw.values(f"start.{precision}.json")
    return [array[0].get("start_s") for array in arrays if array] if len(arrays) == 2 else []


def epoch_s(raw):
    """Median training seconds per epoch of the blog's recipe, and their source; the first epoch includes the start."""
    trials = raw.trials("blog-table") + raw.unfinished_trials("blog-table")
    times = [epoch["time_s"] for trial in trials for epoch in trial.epochs if epoch["epoch"] > 1]
    if times:
        return statistics.median(times), f"median of {len(times)} epochs"
    benches = [raw.ours.get(("training", BLOG_BATCH, precision)) for precision in ("f32", "mixed")]
    rates_of_bench = [statistics.median(rates(rows)) for rows in benches if rows]
    return (EPOCH_IMAGES / max(rates_of_bench), "from the bench, no epoch yet") if rates_of_bench else (None, "")


def mean_accuracy(trials):
    """Of the last epoch, if every trial has ended."""
    if not trials or any(trial.state != "done" or not trial.epochs for trial in trials):
        return None
    return 100 * statistics.mean(trial.epochs[-1]["eval_accuracy"] for trial in trials)


def accuracy_differences(raw):
    """Mean final accuracy of the GPU minus the CPU's, in points, by precision; None if it is missing."""
    cpu = mean_accuracy(raw.trials("accuracy-cpu"))
    gpu = {precision: mean_accuracy(raw.trials(f"accuracy-{precision}")) for precision in ("f32", "mixed")}
    return {
        precision: None if cpu is None or mean is None else mean - cpu for precision, mean in gpu.items()
    }


def chosen_precision(raw):
    difference = accuracy_differences(raw)["mixed"]
    # If the gate found f16 wrong, the bench fell back to f32.
    gate_failed = raw.ended.get("doctor.json", (0, 0))[0] != 0
    right = not gate_failed and difference is not None and abs(difference) <= ACCURACY_BOUND_POINTS
    mixed, f32 = (raw.ours.get(("training", BLOG_BATCH, precision), {}) for precision in ("mixed", "f32"))
    faster = mixed and f32 and statistics.median(rates(mixed)) > statistics.median(rates(f32))
    return "mixed" if right and faster and not fell_back(mixed, "mixed") else "f32"


# ── Words ───────────────────────────────────────────────────────────────────────────────────────────────


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def cell(value):
    """Any JSON value, formatted for a table."""
    if value is None or isinstance(value, bool):
        return {None: "–", True: "yes", False: "no"}[value]
    text = f"{value:.3g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)
    return text.replace("|", "\\|").replace("\n", " ")


def number(value, digits=0, scale=1.0):
    return "–" if value is None else f"{value * scale:.{digits}f}"


def spread(values, digits=0):
    """Median and range."""
    if not values:
        return "–"
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def judged(goal, value):
    _, _, floor, aim = GOALS[goal]
    sign = 1 if aim > floor else -1
    if sign * value >= sign * aim:
        return "aim met"
    return "floor met" if sign * value >= sign * floor else "**not met**"


def goal_rows(raw):
    """(goal, value or None, details) of everything that has a goal."""
    for mode in ("training", "inference"):
        for precision in ("f32", "mixed"):
            by_batch = {batch: ratios(raw, mode, batch, precision) for batch in batches(raw)}
            measured = {batch: found for batch, found in by_batch.items() if found}
            worst = min(measured, key=lambda batch: statistics.median(measured[batch]), default=None)
            words = "" if worst is None else f"{mode}, worst at batch {worst}: {spread(measured[worst], 2)}"
            yield precision, statistics.median(measured[worst]) if measured else None, words or mode
    waits = {key: waiting_percent(rows) for key, rows in raw.ours.items() if key[0] == "training"}
    waits = {key: round(share, 1) for key, share in waits.items() if share is not None}
    worst = max(waits, key=waits.get, default=None)
    yield "waiting", waits.get(worst), "" if worst is None else f"worst at batch {worst[1]}, {worst[2]}: {waits[worst]} %"
    for precision in ("f32", "mixed"):
        first_and_second = starts(raw, precision)
        second = first_and_second[1] if len(first_and_second) == 2 else None
        yield "start", second, f"{precision}: {number(second, 1)} s" if second is not None else precision
    seconds, source = epoch_s(raw)
    minutes = None if seconds is None else EPOCHS * seconds / 60
    words = "" if seconds is None else f"{minutes:.1f} min: {EPOCHS} × {seconds:.2f} s of training ({source}), without evaluation"
    yield "trial", minutes, words


def batches(raw):
    return sorted({batch for _, batch, _ in [*raw.ours, *raw.peers]})


def goals(raw):
    rows = []
    for goal, value, words in goal_rows(raw):
        name, unit, floor, aim = GOALS[goal]
        bound = "≥" if aim > floor else "≤"
        verdict = "not measured" if value is None else judged(goal, value)
        rows.append((name, f"{bound} {floor}{unit}", f"{aim}{unit}", words or "–", verdict))
    return "## Goals\n\n" + table(["goal", "floor", "aim", "measured", "verdict"], rows)


def machine(raw):
    lines = [f"- {key}: {value}" for key, value in raw.machine.items()]
    peer = raw.value("peer.json")
    if peer:
        lines.append("- peer: " + ", ".join(f"{key} {value}" for key, value in peer.items() if value))
    builds = text_of(raw.folder / "builds.txt").splitlines()
    if len(builds) > 1:
        lines.append(f"- **{len(builds)} builds or machine settings in these records**: use a new folder to measure one alone")
    lines.append(f"- calls of the script: {len(text_of(raw.folder / 'calls.txt').splitlines())}")
    return "## Machine\n\n" + "\n".join(lines)


def gate(raw):
    if "doctor.json" not in raw.planned:
        return "## Parity gate\n\nNone: a CPU backend needs no gate."
    if "doctor.json" not in raw.ended:
        return "## Parity gate\n\nNot finished yet."
    report = raw.value("doctor.json")
    lines = [f"Exit code {raw.ended['doctor.json'][0]} after {raw.ended['doctor.json'][1]} s."]
    if report.get("adapter"):
        lines[0] += " Adapter: " + ", ".join(f"{key} {value}" for key, value in report["adapter"].items()) + "."
    if report.get("chosen") is not None:
        lines[0] += f" Chosen: {json.dumps(report['chosen'])}."
    combinations = report.get("combinations") or []
    if combinations:
        known = ["options", "precision", "verdict", "deterministic", "reason", "seconds"]
        keys = [key for key in known if any(key in row for row in combinations)]
        lines.append(table(keys, [[cell(row.get(key)) for key in keys] for row in combinations]))
    return "## Parity gate\n\n" + "\n\n".join(lines)


def speed(raw):
    names = ["f32", "tf32", "bf16", "f16"]
    rows = []
    for mode in ("training", "inference"):
        for batch in batches(raw):
            peers = [spread(rates(raw.peers.get((mode, batch, name), {}))) for name in names]
            for precision in ("f32", "mixed"):
                ours = raw.ours.get((mode, batch, precision), {})
                note = " fell back" if fell_back(ours, precision) else ""
                ratio = spread(ratios(raw, mode, batch, precision), 2)
                rows.append((mode, batch, precision + note, spread(rates(ours)), *peers, f"**{ratio}**"))
    header = ["step", "batch", "ours", "images/s", *(f"PyTorch {name}" for name in names), "ratio"]
    return (
        "## Speed compared with PyTorch\n\n"
        "Images per second of ResNet18, alternating; median (range) over the rounds. f32 against PyTorch's f32 without\n"
        "TF32, mixed against the faster of its bf16 and f16; PyTorch eager, channels last, with cudnn.benchmark.\n\n"
        + table(header, rows)
    )


def details(raw):
    """Memory, phases, waiting and tuning of our rows."""
    rows = []
    for (mode, batch, precision), by_round in sorted(raw.ours.items()):
        peers = [precision] if precision == "f32" else ["bf16", "f16"]
        peer_memory = [median_of(raw.peers.get((mode, batch, name), {}), "peak_memory_bytes") for name in peers]
        peer_memory = min((memory for memory in peer_memory if memory is not None), default=None)
        phases = [
            number(median_of(by_round, "phases", f"{phase}_ms"), 2)
            for phase in ("data", "forward", "backward", "optimizer")
        ]
        tuning = [by_round[key].get("tuning_s") for key in sorted(by_round)]
        first_start = by_round[min(by_round)].get("start_s") if by_round else None
        rows.append(
            (
                mode,
                batch,
                precision,
                number(median_of(by_round, "device_memory_bytes"), 0, 1e-6),
                number(peer_memory, 0, 1e-6),
                number(median_of(by_round, "peak_memory_bytes"), 0, 1e-6),
                *phases,
                number(waiting_percent(by_round), 1),
                ", ".join(number(seconds, 1) for seconds in tuning),
                number(first_start, 1),
            )
        )
    header = "step,batch,precision,device MB,PyTorch MB,process MB,data ms,forward ms,backward ms,optimizer ms"
    header += ",waiting %,tuning s by round,first start s"
    return "## Memory and phases of ours\n\n" + table(header.split(","), sorted(rows, reverse=True, key=lambda row: row[0]))


def second_start(raw):
    rows = []
    for precision in ("f32", "mixed"):
        found = starts(raw, precision)
        rows.append((precision, *(number(value, 1) for value in (found if len(found) == 2 else (None, None)))))
    return (
        "## Second start\n\nSeconds from the start of a process to its first step at full speed, twice in a row.\n\n"
        + table(["precision", "first", "second"], rows)
    )


def accuracy(raw):
    sides = {"CPU": "accuracy-cpu", "GPU f32": "accuracy-f32", "GPU mixed": "accuracy-mixed"}
    curves = {}  # side → (seed, epoch) → record
    for side, store in sides.items():
        trials = raw.trials(store)
        curves[side] = {(trial.setting("seeds"), record["epoch"]): record for trial in trials for record in trial.epochs}
    rows = []
    for key in sorted({key for curve in curves.values() for key in curve}):
        records = [curve.get(key) or {} for curve in curves.values()]
        losses = [number(record.get("train_loss"), 4) for record in records]
        accuracies = [number(record.get("eval_accuracy"), 2, 100) for record in records]
        rows.append((*key, *losses, *accuracies))
    verdicts = []
    for precision, difference in accuracy_differences(raw).items():
        if difference is None:
            verdicts.append(f"- {precision}: not all trials have ended")
        else:
            right = "matches the CPU" if abs(difference) <= ACCURACY_BOUND_POINTS else "**does not match the CPU**"
            if any(trial.precision not in (None, precision) for trial in raw.trials(f"accuracy-{precision}")):
                right += " (**computed in a different precision**)"
            verdicts.append(f"- {precision}: {right}, mean final accuracy {difference:+.2f} points from the CPU's")
    header = ["seed", "epoch", *(f"train loss {side}" for side in sides), *(f"accuracy % {side}" for side in sides)]
    return (
        "## Accuracy on the GPU and on the CPU\n\n"
        f"The same sweep file and seeds; final means within {ACCURACY_BOUND_POINTS:g} points count as equal.\n\n"
        + "\n".join(verdicts)
        + ("\n\n" + table(header, rows) if rows else "")
    )


def training(raw):
    file = text_of(raw.folder / "training.toml")
    found = re.search(r'^precision *= *"(\w+)"', file, re.MULTILINE)
    precision = found.group(1) if found else "f32"
    rows = []
    for trial in raw.trials("blog-table") + raw.unfinished_trials("blog-table"):
        last = trial.epochs[-1] if trial.epochs else {}
        times = [epoch["time_s"] for epoch in trial.epochs if epoch["epoch"] > 1]
        rows.append(
            (
                trial.id,
                trial.setting("losses").replace("|", "\\|"),
                trial.setting("seeds"),
                trial.setting("learning_rate", "default"),
                trial.state,
                last.get("epoch", 0),
                number(last.get("train_loss"), 4),
                number(last.get("eval_accuracy"), 2, 100),
                number(last.get("images_per_second")),
                number(statistics.median(times) if times else None, 2),
            )
        )
    header = "trial,loss,seed,learning rate,state,epochs,train loss,accuracy %,images/s,median epoch s".split(",")
    state = f"In {precision}." if file else "Not started yet."
    return "## Training the blog's table\n\n" + state + ("\n\n" + table(header, rows) if rows else "")


def shortfalls(raw):
    """Goals not met, failures and missing comparisons."""
    lines = []
    for goal, value, words in goal_rows(raw):
        if value is not None and "not" in judged(goal, value):
            lines.append(f"- not met: {GOALS[goal][0]}: {words}")
    for name, (code, seconds) in sorted(raw.ended.items()):
        if code != 0:
            ended = f"gave up after {seconds} s" if code == 124 else f"exit code {code} after {seconds} s"
            lines.append(f"- failed: `{name}`: {ended}: {raw.last_words(name)}")
    for name in sorted(raw.ended):
        rows = raw.values(name) if name.startswith("peer.") else []
        lines += [f"- failed: PyTorch {row['precision']} in `{name}`: {row['error'][:200]}" for row in rows if "error" in row]
    if "peer.json" in raw.ended and not any(name.startswith("peer.t") for name in raw.planned):
        lines.append("- no comparison: this python3 has no torch that uses the device; set PYTHON")
    return "## Not met\n\n" + ("\n".join(lines) or "Nothing so far.")


def missing(raw):
    lines = []
    for name in raw.planned:
        if name not in raw.ended:
            said = text_of(raw.folder / f"{name}.log").strip()
            lines.append(f"- `{name}`" + (f" (started, not finished; its last message: {raw.last_words(name)})" if said else ""))
    return "## Missing so far\n\n" + ("\n".join(lines) or "Nothing.")


def summary(raw):
    done = sum(name in raw.ended for name in raw.planned)
    head = [
        f"# GPU check: {raw.machine.get('GPU', 'unknown machine')}",
        f"{done} of {len(raw.planned)} measurements are done, as of the call at {raw.machine.get('time', '?')}.",
    ]
    if raw.ended.get("doctor.json", (0, 0))[0] != 0:
        head.insert(1, f"{GATE_FAILED} Its message: {raw.last_words('doctor.json')}")
    sections = (goals, shortfalls, missing, machine, gate, speed, details, second_start, accuracy, training)
    return "\n\n".join(head + [section(raw) for section in sections]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path, help="folder of raw records")
    parser.add_argument("--choose-precision", action="store_true")
    arguments = parser.parse_args()
    raw = Raw(arguments.raw)
    print(chosen_precision(raw) if arguments.choose_precision else summary(raw), end="")


if __name__ == "__main__":
    main()
