//! The peak memory of this process.

use std::fs;

/// The peak memory of the process, in bytes, if the system reports it (Linux).
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::peak_bytes;

    #[test]
    fn the_peak_holds_what_was_used_and_never_falls() {
        let before = peak_bytes().expect("Linux tells");
        let used = std::hint::black_box(vec![1_u8; 64 << 20]);
        let during = peak_bytes().expect("Linux tells");
        drop(used);
        let after = peak_bytes().expect("Linux tells");
        assert!(before > 0 && during >= 64 << 20 && after >= during);
    }
}
