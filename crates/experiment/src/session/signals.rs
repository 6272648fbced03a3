//! Requests to stop: Ctrl-C, a closed terminal, the time limit of a batch system.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};

#[cfg(unix)]
const REQUESTS: [i32; 3] = [signal_hook::consts::SIGHUP, SIGINT, SIGTERM];
#[cfg(not(unix))]
const REQUESTS: [i32; 2] = [SIGINT, SIGTERM];

/// A flag that the first request to stop sets. A second one ends the process immediately.
pub fn stop_or_leave() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    leave_at_second_request(Arc::clone(&stop)).context(NO_HANDLER)?;
    Ok(stop)
}

/// A flag that every request to stop sets, for a process that trains for another one. A terminal
/// sends Ctrl-C to both, as often as the user presses it, and the checkpoint must still be written.
pub fn stop_only() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in heard() {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context(NO_HANDLER)?;
    }
    Ok(stop)
}

const NO_HANDLER: &str = "signals: could not install the Ctrl-C handler";

/// Whether a request to stop ended a process, which can happen before it listens to them.
#[cfg(unix)]
pub fn ended_by_request(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status
        .signal()
        .is_some_and(|signal| REQUESTS.contains(&signal))
}

#[cfg(not(unix))]
pub fn ended_by_request(_: ExitStatus) -> bool {
    false
}

/// Whether a process was killed, by a user or by the system.
#[cfg(unix)]
pub fn is_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(signal_hook::consts::SIGKILL)
}

#[cfg(not(unix))]
pub fn is_killed(_: ExitStatus) -> bool {
    false
}

/// Of the requests, those that this process was not started to ignore, as `nohup` and a shell's `&` do.
fn heard() -> impl Iterator<Item = i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored_signals(&status);
    REQUESTS
        .into_iter()
        .filter(move |signal| ignored & (1 << (signal - 1)) == 0)
}

/// The ignored signals of a process, bit by bit, from its `/proc/PID/status`. Only an unsafe call would tell
/// them on other systems.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(unix)]
fn leave_at_second_request(stop: Arc<AtomicBool>) -> std::io::Result<()> {
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use signal_hook::iterator::Signals;
    use signal_hook::low_level;

    /// What comes sooner is the same request again: a wrapper that passes it on, a key that bounces.
    const ONE_REQUEST: Duration = Duration::from_secs(1);

    let mut signals = Signals::new(heard())?;
    std::thread::spawn(move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            match first {
                None => {
                    first = Some(Instant::now());
                    stop.store(true, Ordering::Relaxed);
                    crate::terminal::tell(
                        "stopping after the current step, with a checkpoint; press Ctrl-C again to exit immediately",
                    );
                }
                Some(first) if first.elapsed() >= ONE_REQUEST => {
                    crate::terminal::clear_bars();
                    low_level::exit(128 + signal);
                }
                Some(_) => {}
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn leave_at_second_request(stop: Arc<AtomicBool>) -> std::io::Result<()> {
    use signal_hook::flag;

    for signal in REQUESTS {
        // In this order: the first signal finds the flag still down and only raises it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))?;
        flag::register(signal, Arc::clone(&stop))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_a_process() {
        let status = "Name:\tx\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\nSigCgt:\t0";
        // SIGHUP, SIGINT and SIGPIPE.
        assert_eq!(ignored_signals(status), 1 | 1 << 1 | 1 << 12);
        assert_eq!(ignored_signals(""), 0);
    }
}
