//! What Linux tells of memory, in bytes; other systems tell nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// The peak memory of this process.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    kibibytes(&status, "VmHWM:")
}

/// The memory that this process can still get: what the machine has, within the limits of
/// the process's address space and of its control group, as containers and batch systems set it.
pub fn free_bytes() -> Option<u64> {
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_holds_what_was_used_and_never_falls() {
        let before = peak_bytes().expect("Linux tells");
        let used = std::hint::black_box(vec![1_u8; 64 << 20]);
        let during = peak_bytes().expect("Linux tells");
        drop(used);
        let after = peak_bytes().expect("Linux tells");
        assert!(before > 0 && during >= 64 << 20 && after >= during);
    }

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
