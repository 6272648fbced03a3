//! Failures of a trial with external causes: driver errors, devices out of memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};

/// `cause` in one line, with advice if memory was insufficient.
pub fn with_advice(cause: &str) -> String {
    let cause = in_one_line(cause);
    // As cubecl, wgpu and Rust's allocator say it.
    let signs = [
        "out of memory",
        "outofmemory",
        "buffertoobig",
        "can't allocate buffer",
        "memory allocation of",
    ];
    let lower_case = cause.to_lowercase();
    if signs.iter().any(|sign| lower_case.contains(sign)) {
        return format!(
            "{cause}: not enough memory for this trial: lower train.batch_size or train.width, or --jobs"
        );
    }
    cause
}

/// `cause` without the frame that Burn's errors put around each of their causes.
fn in_one_line(cause: &str) -> String {
    let frame = [
        "",
        "Caused by:",
        "Asked at:",
        "Backtrace:",
        "No backtrace available",
    ];
    let lines = cause.lines().map(str::trim);
    let told = lines.filter(|line| !frame.contains(line));
    let told: Vec<&str> = told.map(|line| line.trim_end_matches(':')).collect();
    told.join(": ")
}

/// Converts a panic inside `work` (a driver error, a device out of memory) into an error, so
/// that one failed trial does not end the sweep.
pub fn without_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // The hook is the whole process's, and tests train side by side.
    static ALONE: Mutex<()> = Mutex::new(());
    static MESSAGE: Mutex<Option<String>> = Mutex::new(None);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        if let Ok(mut message) = MESSAGE.lock() {
            // The first panic is the cause; those of threads waiting for it come after.
            message.get_or_insert_with(|| panic.to_string());
        }
    }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let message = MESSAGE.lock().ok().and_then(|mut message| message.take());
    outcome.unwrap_or_else(|_| {
        let message = message.unwrap_or_else(|| "a panic without a message".to_owned());
        Err(anyhow!(in_one_line(&message)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_comes_with_advice_and_nothing_else_does() {
        let causes = [
            "CompileError(OutOfMemory)",
            "device: can't allocate: BufferTooBig(17)",
            "can't allocate buffer of size: 262144000",
        ];
        for cause in causes {
            let told = with_advice(cause);
            let advised = told.contains(cause) && told.contains("lower train.batch_size");
            assert!(advised, "{told}");
        }
        assert_eq!(with_advice("device: lost"), "device: lost");
    }

    #[test]
    fn a_cause_of_many_lines_is_told_in_one() {
        let cause = "device: no result\nCaused by:\n  An IO error happened\nNo backtrace available\nAsked at:\n  here";
        assert_eq!(
            with_advice(cause),
            "device: no result: An IO error happened: here"
        );
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let outcome: Result<()> = without_panic(|| panic!("the driver gave up"));
        let message = outcome.expect_err("the work panicked").to_string();
        // `panicked at FILE:LINE:COLUMN: MESSAGE`
        assert!(message.ends_with(": the driver gave up"), "{message}");
        assert!(
            !message.contains("::") && !message.contains('\n'),
            "{message}"
        );
    }

    #[test]
    fn what_does_not_panic_comes_back_unchanged() {
        assert_eq!(without_panic(|| Ok(3)).ok(), Some(3));
    }
}
