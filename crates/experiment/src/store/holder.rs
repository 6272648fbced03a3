//! Who holds a lease, and whether that process has ended.

use std::fmt;
use std::fs;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process that took a lease, and which of its leases that is. No two are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of the machine; empty where the system does not tell.
    pub host: String,
    pub pid: u32,
    /// The boot of the machine and its namespace of process ids, within which a `pid` means one process; empty where
    /// the system does not tell.
    pid_space: String,
    /// When the process was started, in the ticks of Linux.
    process_start: Option<u64>,
    /// UTC, RFC 3339.
    pub time_taken: String,
    /// Counts the leases of the process.
    number: u64,
}

impl Holder {
    /// This process, for one more lease.
    pub fn this_process() -> Self {
        static LEASES: AtomicU64 = AtomicU64::new(0);
        Self {
            host: line_of("/proc/sys/kernel/hostname"),
            pid: process::id(),
            pid_space: pid_space(),
            process_start: process_start(process::id()),
            time_taken: Timestamp::now().to_string(),
            number: LEASES.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// A name that no other process gives.
    pub fn file_name(&self) -> String {
        let host = self.host.replace(['/', '\\'], "_");
        // Restarted containers have the same host name, process id and count.
        let time = Timestamp::now().as_nanosecond();
        format!("{host}-{}-{}-{time}", self.pid, self.number)
    }

    /// Whether the process runs on this machine, for sure.
    pub fn runs_here(&self) -> bool {
        let is_here = !self.pid_space.is_empty() && self.pid_space == pid_space();
        let start = process_start(self.pid);
        is_here && start.is_some() && start == self.process_start && !is_stopped(self.pid)
    }

    /// Whether the process has ended for sure. `false` may mean that it cannot be told, as for another machine.
    pub fn has_ended(&self) -> bool {
        // Where /proc hides the processes of other users, their absence means nothing.
        let sees_all = || process_start(1).is_some();
        let is_here = !self.pid_space.is_empty() && self.pid_space == pid_space();
        is_here && sees_all() && process_start(self.pid) != self.process_start
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.host.as_str(), self.pid) {
            (_, 0) => write!(formatter, "another process"),
            ("", pid) => write!(formatter, "process {pid}"),
            (host, pid) => write!(formatter, "process {pid} on {host}"),
        }
    }
}

/// Containers of one machine share its boot but not their process ids.
fn pid_space() -> String {
    let boot = line_of("/proc/sys/kernel/random/boot_id");
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if boot.is_empty() || namespace.as_os_str().is_empty() {
        return String::new();
    }
    format!("{boot} {}", namespace.display())
}

/// The first line of a file of the system; empty where there is none.
fn line_of(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// When a running process was started; ids are used again.
fn process_start(pid: u32) -> Option<u64> {
    start_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Whether a process was stopped, as by Ctrl-Z.
fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
    ["T", "t"].contains(&after_name.split_whitespace().next().unwrap_or_default())
}

/// The start of a process in its `/proc/PID/stat`; `None` if it has ended and only its parent has not asked how.
fn start_in(stat: &str) -> Option<u64> {
    // The name in parentheses can have spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    if ["Z", "X"].contains(&state) {
        return None;
    }
    // Field 22 of the file; the state is field 3.
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_start_of_a_process_is_read_whatever_its_name() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1 18446744073709551615";
        assert_eq!(start_in(stat), Some(4711));
        assert_eq!(start_in(&stat.replace(") S", ") Z")), None);
        assert_eq!(start_in("7 (a"), None);
        assert_eq!(start_in(""), None);
    }

    #[test]
    fn leases_of_one_process_differ() {
        let [first, second] = [Holder::this_process(), Holder::this_process()];
        assert_ne!(first, second);
        assert!(!first.has_ended() && !second.has_ended());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_has_ended_once_it_is_killed_and_one_elsewhere_is_never_said_to_have() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let holder = Holder {
            pid: child.id(),
            process_start: process_start(child.id()),
            ..Holder::this_process()
        };
        assert!(holder.process_start.is_some() && !holder.has_ended());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(holder.has_ended());
        let reused = Holder {
            process_start: Some(1),
            ..Holder::this_process()
        };
        assert!(reused.has_ended());
        for pid_space in ["", "another boot"] {
            let elsewhere = Holder {
                pid_space: pid_space.to_owned(),
                ..holder.clone()
            };
            assert!(!elsewhere.has_ended());
        }
    }

    #[test]
    fn a_holder_is_named_as_far_as_it_is_known() {
        let holder = |host: &str, pid| Holder {
            host: host.to_owned(),
            pid,
            ..Holder::default()
        };
        assert_eq!(holder("node7", 42).to_string(), "process 42 on node7");
        assert_eq!(holder("", 42).to_string(), "process 42");
        assert_eq!(holder("", 0).to_string(), "another process");
    }
}
