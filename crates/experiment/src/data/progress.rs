//! The progress of a download.

/// Receives the progress of a download.
pub trait Progress {
    fn downloaded(&mut self, bytes: u64, total: u64);
    fn message(&mut self, text: &str);
}
