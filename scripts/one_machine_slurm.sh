#!/usr/bin/env bash
# A real Slurm on this machine alone, for tests: munged, slurmctld and slurmd from Debian's packages, unpacked into a
# folder instead of installed, without systemd, cgroups or a database.
#
#   one_machine_slurm.sh up DIR     starts it, and prints what to `eval`
#   one_machine_slurm.sh ctld DIR   starts slurmctld again, with the state that it left
#   one_machine_slurm.sh down DIR   stops it
set -euo pipefail

command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
root=$dir/root
libraries=$root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries:$libraries/slurm-wlm
export PATH=$root/usr/bin:$root/usr/sbin:$PATH
export SLURM_CONF=$dir/etc/slurm.conf

unpack() {
    [ -x "$root/usr/sbin/slurmctld-wlm" ] && return
    mkdir -p "$dir/packages" "$root"
    (
        cd "$dir/packages"
        apt-get -qq download libhwloc15 liblua5.1-0 libmunge2 munge slurm-wlm-basic-plugins slurm-client slurmd slurmctld
        for package in *.deb; do dpkg -x "$package" "$root"; done
    )
}

configure() {
    local host
    host=$(hostname -s)
    mkdir -p "$dir"/{etc,run,log,state,spool}
    [ -f "$dir/etc/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$dir/etc/munge.key")
    # cred_expire is also the time before a requeued job may start again; 5 is the least.
    cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket,cred_expire=5
CredType=cred/munge
PluginDir=$libraries/slurm-wlm
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
SlurmctldPort=${SLURM_TEST_PORT:-17817}
SlurmdPort=$((${SLURM_TEST_PORT:-17817} + 1))
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
MaxArraySize=${SLURM_TEST_ARRAY:-5}
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=${SLURM_TEST_CPUS:-4} RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

wait_until_idle() {
    local tries=100
    until sinfo -h -o %T 2>/dev/null | grep -q idle; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "one_machine_slurm.sh: no node is idle; see $dir/log" >&2; exit 1; }
        sleep 0.2
    done
}

end() { # PID_FILE
    local pid tries=50
    pid=$(cat "$1" 2>/dev/null) || return 0
    while kill "$pid" 2>/dev/null && [ "$tries" -gt 0 ]; do
        tries=$((tries - 1))
        sleep 0.1
    done
}

case $command in
up)
    unpack
    configure
    munged --key-file="$dir/etc/munge.key" --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
        --log-file="$dir/log/munged.log" --seed-file="$dir/run/munge.seed"
    slurmctld-wlm -c
    slurmd-wlm -d "$root/usr/sbin/slurmstepd-wlm"
    wait_until_idle
    echo "export LD_LIBRARY_PATH='$LD_LIBRARY_PATH' PATH='$root/usr/bin:$root/usr/sbin':\$PATH SLURM_CONF='$SLURM_CONF'"
    ;;
ctld) slurmctld-wlm ;;
down)
    scancel -u "$(id -un)" 2>/dev/null || true
    for daemon in slurmctld slurmd munged; do end "$dir/run/$daemon.pid"; done
    ;;
*)
    echo "one_machine_slurm.sh: expected up, ctld or down, found $command" >&2
    exit 2
    ;;
esac
