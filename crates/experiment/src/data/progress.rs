//! What is told of a download while it runs.

/// Hears how a download goes.
pub trait Progress {
    fn downloaded(&mut self, bytes: u64, total: u64);
    fn message(&mut self, text: &str);
}
