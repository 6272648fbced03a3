//! Whether trials may need more memory than a CPU has left. Rust ends a process that gets none, and Linux kills the
//! largest one: such trials had better train in processes of their own.

use std::fs;

use crate::device::OpenDevice;
use crate::plan::Trial;
use crate::train::{TrialImages, model_config};

/// Bytes that a training step needs at its peak for each number in the outputs of the convolutions: the maps that the
/// backward pass reads, and their gradients. Measured with `experiment bench --width 8,16 --batch 64,512` on Flex and
/// ndarray.
const BYTES_PER_OUTPUT: u64 = 11;
/// What is surely enough is this many times as much as a trial is expected to need.
const SURELY_ENOUGH: u64 = 4;

/// Whether a trial may run out of this computer's memory. A GPU's driver reports it when it does.
pub fn may_run_out(trial: &Trial, images: &TrialImages, device: &OpenDevice) -> bool {
    let is_cpu = device.instructions.is_some();
    is_cpu
        && free_bytes()
            .is_some_and(|free| free / SURELY_ENOUGH < expected_bytes(trial, images, device))
}

fn expected_bytes(trial: &Trial, images: &TrialImages, device: &OpenDevice) -> u64 {
    let shape = images.train.shape().axes();
    let [height, width, channels] = shape;
    let model = model_config(&trial.train, images.classes, shape).init(0, &device.device);
    let batch = trial.train.batch_size.min(images.train.len());
    let convolutions = model.convolutions([batch, height, width, channels]);
    let outputs = convolutions.iter().map(|layer| {
        let axes = layer.shape.output().into_iter();
        axes.map(|length| length as u64).product::<u64>()
    });
    outputs.sum::<u64>() * BYTES_PER_OUTPUT
}

/// The memory that this process can still get, if the system tells (Linux): what the machine has, within the limit of
/// the process's address space.
fn free_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let process = fs::read_to_string("/proc/self/status").ok()?;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let on_machine = kibibytes(&machine, "MemAvailable:")?;
    let in_limit = address_space(&limits)
        .map(|limit| limit.saturating_sub(kibibytes(&process, "VmSize:").unwrap_or(0)));
    Some(in_limit.unwrap_or(u64::MAX).min(on_machine))
}

/// The number of a line such as `VmSize:   1234 kB`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// The soft limit of the address space in `/proc/PID/limits`, in bytes; `None` where there is none.
fn address_space(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many processes Linux has killed for want of memory since it was started.
pub fn kills_for_memory() -> u64 {
    let counts = fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let count = counts
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "));
    count
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_sizes_are_read_as_linux_writes_them() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
            Max address space         1048576000           unlimited            bytes     \n";
        assert_eq!(address_space(limits), Some(1_048_576_000));
        let unlimited = limits.replace("1048576000", "unlimited");
        assert_eq!(address_space(&unlimited), None);
        let status = "VmPeak:\t   9 kB\nVmSize:\t  123456 kB\n";
        assert_eq!(kibibytes(status, "VmSize:"), Some(123_456 * 1024));
        assert_eq!(kibibytes(status, "MemAvailable:"), None);
    }
}
