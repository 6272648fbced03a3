//! Whether trials may need more memory than a CPU has left. Rust ends a process that gets none, and Linux kills the
//! largest one: such trials had better train in processes of their own.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::images::expected_size;
use crate::device::OpenDevice;
use crate::settings::TrainSettings;
use crate::train::model_config;

/// Bytes that a training step needs at its peak for each number in the outputs of the convolutions: the maps that the
/// backward pass reads, and their gradients. Measured with `experiment bench --width 8,16 --batch 64,512` on Flex and
/// ndarray.
const BYTES_PER_OUTPUT: u64 = 11;
/// The weight, its gradient, and what an optimizer keeps of it.
const BYTES_PER_WEIGHT: u64 = 16;
/// What is surely enough is this many times as much as a trial is expected to need.
const SURELY_ENOUGH: u64 = 4;

/// Judges whether trials may run out of this computer's memory.
#[derive(Debug, Default)]
pub struct Room {
    /// Networks for which there is surely enough: whatever their losses and seeds, they need the same.
    enough_for: HashSet<Network>,
}

/// What decides how much memory a trial needs.
type Network = (&'static str, &'static str, usize, usize);

impl Room {
    /// Whether a trial may run out of memory. A GPU's driver reports it when it does.
    pub fn may_be_short(&mut self, settings: &TrainSettings, device: &OpenDevice) -> bool {
        let dataset = settings.dataset.name;
        let network = (
            dataset,
            settings.model.name,
            settings.width,
            settings.batch_size,
        );
        let is_cpu = device.instructions.is_some();
        if !is_cpu || self.enough_for.contains(&network) {
            return false;
        }
        let free = free_bytes().unwrap_or(u64::MAX);
        let may_be_short = free / SURELY_ENOUGH < expected_bytes(settings, device);
        if !may_be_short {
            self.enough_for.insert(network);
        }
        may_be_short
    }
}

fn expected_bytes(settings: &TrainSettings, device: &OpenDevice) -> u64 {
    let (classes, shape) = (settings.dataset.classes(), settings.dataset.shape.axes());
    let model = model_config(settings, classes, shape).init(0, &device.device);
    let size = expected_size(settings);
    let batch = size.batch_size.min(size.train) as usize;
    let [height, width, channels] = shape;
    let convolutions = model.convolutions([batch, height, width, channels]);
    let bytes = convolutions.iter().map(|layer| {
        let axes = layer.shape.output().into_iter();
        let outputs: u64 = axes.map(|length| length as u64).product();
        outputs * BYTES_PER_OUTPUT + layer.shape.weight_len() as u64 * BYTES_PER_WEIGHT
    });
    bytes.sum()
}

/// The memory that this process can still get, if the system tells (Linux): what the machine has, within the limits of
/// the process's address space and of its control group, as containers and batch systems set it.
fn free_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let process = fs::read_to_string("/proc/self/status").ok()?;
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let on_machine = kibibytes(&machine, "MemAvailable:")?;
    let in_limit = address_space(&limits)
        .map(|limit| limit.saturating_sub(kibibytes(&process, "VmSize:").unwrap_or(0)));
    let limits = [in_limit, in_control_group()].into_iter().flatten();
    Some(limits.fold(on_machine, u64::min))
}

/// What is left in the control group of this process and in those around it (version 2); `None` without limits.
fn in_control_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let group = Path::new("/sys/fs/cgroup").join(group);
    let number =
        |file: PathBuf| -> Option<u64> { fs::read_to_string(file).ok()?.trim().parse().ok() };
    let left = group.ancestors().filter_map(|group| {
        // A group without a limit says `max`.
        let limit = number(group.join("memory.max"))?;
        Some(limit.saturating_sub(number(group.join("memory.current"))?))
    });
    left.min()
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
