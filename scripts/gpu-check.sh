#!/usr/bin/env bash
# Takes all measurements of a machine with a GPU, in one command that can be interrupted at any time.
#
#     scripts/gpu-check.sh target/release/experiment cifar-10-batches-bin gpu-check
#
# Needs the built program, CIFAR-10's binary files and, for the comparison, a python3 with torch. Rerun it
# with the same folder to resume: finished measurements are kept, a trial continues from its checkpoint.
# Read gpu-check/summary.md, which is rewritten after every measurement; gpu-check/raw.tar.gz contains the
# raw records without weights, and is enough to resume on another machine (where trials restart).
#
# Exit codes: 0 all measurements done, 1 something failed (see the summary), 2 bad usage, 75 rerun to resume.
#
# Environment variables, with their defaults:
#     TIME_LIMIT=540     seconds of this call; training is stopped by SIGINT shortly before
#     DOCTOR_LIMIT=450   seconds that each configuration may take in the parity gate, including tuning
#     RAW=OUT/raw        raw records: a JSON file per measurement, logs, curves
#     STORE=OUT/stores   stores of the trained sweeps, with weights and checkpoints
#     PYTHON=python3     an interpreter with torch
#     BACKEND=wgpu  CPU_BACKEND=flex  WIDTH=64  BATCHES="128 512 1024"  STEPS=20  ROUNDS=2
#     PEER_PRECISIONS=f32,tf32,bf16,f16  ACCURACY=experiments/gpu-accuracy.toml  TRAINING=experiments/blog-table.toml
#
# A measurement NAME is finished when RAW/NAME.exit exists, which contains its exit code and seconds. One that
# failed is repeated if the program, PYTHON or DATA changes, or if its .exit is deleted.

# Functions run by name, by `measure`.
# shellcheck disable=SC2317
# Without -e: a measurement that fails is a finding, and the next one still counts.
set -u -o pipefail

refuse() { echo "scripts/gpu-check.sh: $*" >&2 && exit 2; }
[ $# -eq 3 ] || refuse "usage: scripts/gpu-check.sh BINARY DATA OUT"
case $("$1" --version 2>/dev/null) in
"experiment "*) ;;
*) refuse "BINARY: expected the built program experiment, found $1" ;;
esac
case ${TIME_LIMIT:-540} in *[!0-9]*) refuse "TIME_LIMIT: expected whole seconds, found $TIME_LIMIT" ;; esac
# Before the long part.
"$1" data verify cifar10 --data-dir "$2" >/dev/null || refuse "DATA: expected CIFAR-10's binary files in $2"
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac }
BINARY=$(absolute "$1") DATA=$(absolute "$2") OUT=$(absolute "$3")
COMMAND="$0 $*"
SCRIPTS=$(cd "$(dirname "$0")" && pwd)
RAW=$(absolute "${RAW:-$OUT/raw}") STORE=$(absolute "${STORE:-$OUT/stores}")
TIME_LIMIT=${TIME_LIMIT:-540} DOCTOR_LIMIT=${DOCTOR_LIMIT:-450} PYTHON=${PYTHON:-python3}
BACKEND=${BACKEND:-wgpu} CPU_BACKEND=${CPU_BACKEND:-flex}
WIDTH=${WIDTH:-64} BATCHES=${BATCHES:-128 512 1024} STEPS=${STEPS:-20} ROUNDS=${ROUNDS:-2}
PEER_PRECISIONS=${PEER_PRECISIONS:-f32,tf32,bf16,f16}
ACCURACY=${ACCURACY:-$SCRIPTS/../experiments/gpu-accuracy.toml}
TRAINING=${TRAINING:-$SCRIPTS/../experiments/blog-table.toml}
CORES=$(getconf _NPROCESSORS_ONLN)
# Seconds before the limit at which a measurement is asked to end, after which it is killed, which one takes
# at least, and between two summaries while one runs.
GRACE=30 PATIENCE=20 SHORTEST=15 REFRESH=20
planning=false refreshed=0

main() {
    trap 'TIME_LIMIT=0' INT TERM HUP
    mkdir -p "$OUT" "$STORE"
    restore
    describe_machine
    forget_failures_of_another_build
    plan
    summarize
    everything
    summarize
    say "see $OUT/summary.md"
    exit "$(outcome)"
}

# What is measured, the most important first.
everything() {
    parity_gate
    speed_beside_peer
    second_start
    accuracy_beside_cpu
    training
}

# The doctor caches the result of each configuration, so an interruption loses at most one of them.
parity_gate() {
    is_cpu && return
    measure doctor.json "$TIME_LIMIT" "$BINARY" doctor --time-limit "$DOCTOR_LIMIT" --json
    measure doctor.txt "$TIME_LIMIT" "$BINARY" doctor --time-limit "$DOCTOR_LIMIT"
}

is_cpu() { case $BACKEND in flex | ndarray) ;; *) false ;; esac }

# Ours and the peer alternating, so that other load on the machine affects both.
speed_beside_peer() {
    local round mode batch
    measure peer.json 120 "$PYTHON" "$SCRIPTS/peer_resnet18.py" --describe
    $planning || plan
    for ((round = 1; round <= ROUNDS; round++)); do
        for mode in training inference; do
            for batch in $BATCHES; do
                bench "$mode" "$batch" f32 "$round"
                peer "$mode" "$batch" "$round"
                bench "$mode" "$batch" mixed "$round"
            done
        done
    done
}

bench() { # MODE BATCH PRECISION ROUND
    measure "bench.$1.$2.$3.$4.json" 240 "$BINARY" bench --backend "$BACKEND" --json \
        --mode "$1" --batch "$2" --precision "$3" --width "$WIDTH" --steps "$STEPS"
}

peer() { # MODE BATCH ROUND
    local device=cuda
    is_cpu && device=cpu
    # Without torch or its GPU there is nothing to compare with.
    if [ -e "$RAW/peer.json.exit" ] && ! grep -q "\"device\": \"$device\"" "$RAW/peer.json"; then
        return
    fi
    measure "peer.$1.$2.$3.json" 180 "$PYTHON" "$SCRIPTS/peer_resnet18.py" --device "$device" --threads "$CORES" \
        --mode "$1" --batch "$2" --precision "$PEER_PRECISIONS" --width "$WIDTH" --steps "$STEPS"
}

# Seconds to full speed of a new process after an earlier one has tuned and compiled. One measurement, since
# the two must run on the same machine.
second_start() {
    local precision
    for precision in f32 mixed; do
        measure "start.$precision.json" 300 twice "$BINARY" bench --backend "$BACKEND" --json \
            --mode training --batch "${BATCHES%% *}" --precision "$precision" --width "$WIDTH" --steps 3
    done
}

twice() { "$@" && "$@"; }

accuracy_beside_cpu() { measure accuracy.txt "$TIME_LIMIT" train_on_both; }

# Only accuracies are measured here, so CPU and GPU train at the same time.
train_on_both() {
    local cpu code=0
    train "$ACCURACY" accuracy-cpu "$CPU_BACKEND" &
    cpu=$!
    train "$ACCURACY" accuracy-f32 "$BACKEND" || code=$?
    if [ "$code" != 75 ]; then
        with_precision mixed <"$ACCURACY" | keep "$RAW/accuracy-mixed.toml"
        train "$RAW/accuracy-mixed.toml" accuracy-mixed "$BACKEND" || code=$?
    fi
    wait "$cpu" || code=$?
    return "$code"
}

train() { # FILE STORE BACKEND
    local code=0
    echo "== $2"
    "$BINARY" run "$1" --backend "$3" --store "$STORE/$2" --data-dir "$DATA" || code=$?
    [ "$code" = 0 ] || echo "error: $2 ended with exit code $code" >&2
    return "$code"
}

with_precision() { # PRECISION
    awk -v line="precision = \"$1\"" '/^precision *=/ { next } { print } /^\[train\]/ { print line }'
}

# In the faster precision that is correct, and from then on always in that one, since trials resume.
training() {
    local precision
    if ! $planning && enough_time && [ ! -e "$RAW/training.toml" ]; then
        precision=$("$PYTHON" "$SCRIPTS/gpu_summary.py" "$RAW" --choose-precision) || precision=f32
        if [ "$precision" = f32 ]; then cat "$TRAINING"; else with_precision "$precision" <"$TRAINING"; fi |
            keep "$RAW/training.toml"
    fi
    measure training.txt "$TIME_LIMIT" train "$RAW/training.toml" blog-table "$BACKEND"
}

# Runs COMMAND unless an earlier call has, for at most SECONDS, and saves its output as RAW/NAME.
measure() { # NAME SECONDS COMMAND...
    local name=$1 seconds=$2 started=$SECONDS code
    shift 2
    if $planning; then
        echo "$name"
        return
    fi
    if [ -e "$RAW/$name.exit" ] || ! enough_time; then return; fi
    say "$name"
    watch "$name" $((SECONDS + seconds)) "$@"
    code=$?
    case $ended:$code in
    # Ended by the time limit, or by something that can be fixed: no data, the store in use, interrupted.
    clock:[1-9]* | *:4 | *:5 | *:75) rm -f "$RAW/$name.part" ;;
    *)
        [ "$ended" = slow ] && code=124
        mv "$RAW/$name.part" "$RAW/$name"
        echo "$code $((SECONDS - started))" | keep "$RAW/$name.exit"
        ;;
    esac
    summarize
}

enough_time() { ((SECONDS + SHORTEST <= TIME_LIMIT - GRACE)); }

# Runs COMMAND, asks it to end at the second END or when this call's time is over, and then kills it.
# `ended` says why: `slow`, `clock`, or nothing if it ended by itself.
watch() { # NAME END COMMAND...
    local name=$1 end=$2 told=0 child
    shift 2
    ended=""
    # A separate process group receives the signals, and SIGINT is not ignored in it.
    set -m
    "$@" </dev/null >"$RAW/$name.part" 2>"$RAW/$name.log" &
    child=$!
    set +m
    while kill -0 "$child" 2>/dev/null; do
        if [ -z "$ended" ]; then
            if ((SECONDS >= TIME_LIMIT - GRACE)); then ended=clock; elif ((SECONDS >= end)); then ended=slow; fi
            [ -z "$ended" ] || { told=$SECONDS && kill -INT -- "-$child" 2>/dev/null; }
        elif ((SECONDS >= told + PATIENCE)); then
            kill -KILL -- "-$child" 2>/dev/null
        fi
        ((SECONDS < refreshed + REFRESH)) || summarize
        sleep 0.2
    done
    wait "$child" 2>/dev/null
}

# The names of all measurements, so that the summary can say what is missing.
plan() {
    planning=true
    everything | keep "$RAW/plan.txt"
    planning=false
}

# A complete file or none, even if the machine is shut down.
keep() { cat >"$1.part" && mv "$1.part" "$1"; }

say() { printf '[%3d s] %s\n' "$SECONDS" "$*" >&2; }

summarize() {
    refreshed=$SECONDS
    copy_records
    "$PYTHON" "$SCRIPTS/gpu_summary.py" "$RAW" >"$OUT/summary.md.part" 2>"$RAW/summary.log" ||
        plain_summary >"$OUT/summary.md.part"
    mv "$OUT/summary.md.part" "$OUT/summary.md"
    # GNU tar exits with 1 if a log grew meanwhile; the archive is complete.
    tar -czf "$OUT/raw.tar.gz.part" -C "$RAW" . 2>/dev/null
    mv "$OUT/raw.tar.gz.part" "$OUT/raw.tar.gz"
}

# The content of the stores, without weights and checkpoints.
copy_records() {
    mkdir -p "$RAW/stores"
    (cd "$STORE" && find . -type f \( -name '*.json' -o -name '*.jsonl' -o -name '*.toml' \) |
        tar -cf - -T -) 2>/dev/null | tar -xf - -C "$RAW/stores" 2>/dev/null
}

plain_summary() {
    local name
    printf '# GPU check\n\nNo summary, since %s could not run gpu_summary.py (see summary.log); the raw records are kept.\n\n' "$PYTHON"
    sed 's/^/    /' "$RAW/machine.txt"
    printf '\n| measurement | exit code, seconds |\n|---|---|\n'
    while read -r name; do
        printf '| %s | %s |\n' "$name" "$(cat "$RAW/$name.exit" 2>/dev/null || echo missing)"
    done <"$RAW/plan.txt"
}

# On a different machine than before: raw records and finished trials are restored from the archive.
restore() {
    local trial
    [ -n "$(ls -A "$RAW" 2>/dev/null)" ] && return
    rm -rf "$RAW.part" && mkdir -p "$RAW.part"
    if [ -e "$OUT/raw.tar.gz" ]; then
        tar -xzf "$OUT/raw.tar.gz" -C "$RAW.part" || say "cannot read $OUT/raw.tar.gz: everything is measured again"
        for trial in "$RAW.part"/stores/*/{trials,attempts}/*/; do
            restore_trial "${trial#"$RAW.part/stores/"}"
        done
    fi
    rmdir "$RAW" 2>/dev/null
    mv "$RAW.part" "$RAW"
}

restore_trial() { # STORE/trials/ID/ or STORE/attempts/ID.N/
    local from=$RAW.part/stores/$1 to=$STORE/${1%/} unfinished
    unfinished=$RAW.part/unfinished/$(date +%s)
    [ -d "$from" ] && [ ! -e "$to" ] || return
    if [ -e "$from/result.json" ]; then
        rm -rf "$to.part" && mkdir -p "${to%/*}" && cp -R "$from" "$to.part" && mv "$to.part" "$to"
    else
        # Its checkpoint is on the other machine, so it restarts; its curve is kept.
        mkdir -p "$unfinished/${1%%/*}" && mv "$from" "$unfinished/${1%%/*}/"
    fi
}

describe_machine() {
    {
        echo "command: $COMMAND"
        echo "settings: backend $BACKEND, width $WIDTH, batches $BATCHES, $STEPS steps, $ROUNDS rounds, time limit $TIME_LIMIT s"
        echo "time: $(date -u +%Y-%m-%dT%H:%M:%SZ)"
        echo "GPU: $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -n 1 || echo unknown)"
        echo "CPU: $( (grep -m 1 'model name' /proc/cpuinfo || echo ': unknown') 2>/dev/null | sed 's/^[^:]*: *//'), $CORES cores"
        echo "system: $(uname -srm)"
        echo "program: $("$BINARY" --version 2>/dev/null || echo unknown)"
        echo "python: $("$PYTHON" --version 2>&1 || true)"
    } | keep "$RAW/machine.txt"
    paste -s -d '\t' "$RAW/machine.txt" >>"$RAW/calls.txt"
}

# The gate's result is valid for one build only, and a new build may fix a failure.
forget_failures_of_another_build() {
    local build marker code
    build="$(cksum <"$BINARY") $PYTHON $DATA"
    if [ "$build" != "$(cat "$RAW/build.txt" 2>/dev/null)" ]; then
        rm -f "$RAW"/doctor.*.exit
        for marker in "$RAW"/*.exit; do
            [ -e "$marker" ] && read -r code _ <"$marker" && [ "$code" != 0 ] && rm -f "$marker"
        done
        echo "$build" >>"$RAW/builds.txt"
        echo "$build" | keep "$RAW/build.txt"
    fi
}

outcome() {
    local name code=0 result
    while read -r name; do
        if ! read -r result _ 2>/dev/null <"$RAW/$name.exit"; then
            echo 75
            return
        fi
        [ "$result" = 0 ] || code=1
    done <"$RAW/plan.txt"
    echo "$code"
}

main
