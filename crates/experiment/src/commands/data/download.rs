//! The progress of a download, as shown to the user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::data::Progress;
use crate::terminal::text::{bar, duration};
use crate::terminal::{Shown, Verbosity, can_show_bars, inform, show_bars, verbosity};

/// A bar on a terminal, elsewhere a line for each tenth.
#[derive(Default)]
pub struct DownloadProgress {
    counts: Arc<DownloadCounts>,
    /// From the first bytes on.
    bar: Option<Shown>,
    tenth: u64,
}

#[derive(Default)]
struct DownloadCounts {
    bytes: AtomicU64,
    total: AtomicU64,
}

impl DownloadProgress {
    fn show_bar(&mut self, bytes_before: u64) {
        let (counts, start) = (Arc::clone(&self.counts), Instant::now());
        self.bar = Some(show_bars(move || {
            let bytes = counts.bytes.load(Ordering::Relaxed);
            let total = counts.total.load(Ordering::Relaxed);
            vec![download_line(bytes_before, bytes, total, start.elapsed())]
        }));
    }
}

/// `time` after the first of the bytes that follow `before`.
fn download_line(before: u64, bytes: u64, total: u64, time: Duration) -> String {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut line = format!(
        "{} {:.1} of {:.1} MiB",
        bar(bytes, total),
        mebibytes(bytes),
        mebibytes(total)
    );
    let (new, seconds) = (bytes.saturating_sub(before), time.as_secs_f64());
    if new > 0 && seconds > 0.0 {
        let left = time.mul_f64(total.saturating_sub(bytes) as f64 / new as f64);
        line += &format!(
            ", {:.1} MiB/s, {} left",
            mebibytes(new) / seconds,
            duration(left)
        );
    }
    line
}

impl Progress for DownloadProgress {
    fn downloaded(&mut self, bytes: u64, total: u64) {
        self.counts.bytes.store(bytes, Ordering::Relaxed);
        self.counts.total.store(total, Ordering::Relaxed);
        let tenth = 10 * bytes / total;
        if !can_show_bars() {
            if tenth != self.tenth {
                inform(format_args!("{bytes} of {total} bytes"));
            }
        } else if self.bar.is_none() && verbosity() != Verbosity::Quiet {
            self.show_bar(bytes);
        }
        self.tenth = tenth;
    }

    fn message(&mut self, text: &str) {
        inform(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_a_download_counts_only_what_is_new() {
        let (mebibyte, time) = (1 << 20, Duration::from_secs(4));
        assert_eq!(
            download_line(100 * mebibyte, 110 * mebibyte, 160 * mebibyte, time),
            "██████░░░░ 110.0 of 160.0 MiB, 2.5 MiB/s, 20s left"
        );
        assert_eq!(
            download_line(0, 0, 160 * mebibyte, time),
            "░░░░░░░░░░ 0.0 of 160.0 MiB"
        );
    }
}
