//! For tests that need a GPU: they use a software driver, and if there is none they are skipped, unless
//! they must run.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;

use burn::tensor::{DType, Device};

/// If this variable is set, a test without a GPU fails.
const MUST_RUN: &str = "EXPERIMENT_TEST_GPU";

/// The software adapter of this machine with the safest options, opened once per process; if there is none,
/// or its driver fails, the tests that need it are skipped. Without the feature `wgpu` there is none, and nothing
/// is printed.
///
/// # Panics
/// As [`skip`].
pub fn software() -> Option<Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    DEVICE.get_or_init(open).clone()
}

/// As [`software`], for tests in f16.
///
/// # Panics
/// As [`skip`].
pub fn software_with_f16() -> Option<Device> {
    let device = software()?;
    if device.supports_dtype(DType::F16) {
        return Some(device);
    }
    skip("the software adapter does not support f16");
    None
}

#[cfg(feature = "wgpu")]
fn open() -> Option<Device> {
    use crate::{Adapter, KernelOptions};

    let Some(adapter) = Adapter::software() else {
        skip("no software adapter (Debian: mesa-vulkan-drivers)");
        return None;
    };
    KernelOptions::SAFEST.open(&adapter).map_err(skip).ok()
}

#[cfg(not(feature = "wgpu"))]
fn open() -> Option<Device> {
    None
}

/// Prints to standard error why a test that needs a GPU is skipped.
///
/// # Panics
/// If such tests must run, because `EXPERIMENT_TEST_GPU` is set.
pub fn skip(reason: impl Display) {
    let must_run = std::env::var_os(MUST_RUN).is_some_and(|value| !value.is_empty());
    skip_unless(must_run, reason);
}

fn skip_unless(must_run: bool, reason: impl Display) {
    assert!(
        !must_run,
        "{MUST_RUN} is set, and a test was skipped: {reason}"
    );
    // The test harness hides `eprintln!` output of passing tests, and a skip must be visible.
    writeln!(io::stderr(), "skipped: {reason}").ok();
}

#[cfg(test)]
mod tests {
    use super::skip_unless;

    #[test]
    fn a_test_that_need_not_run_may_be_skipped() {
        skip_unless(false, "of the tests of skipping");
    }

    #[test]
    #[should_panic(expected = "a test was skipped: no driver")]
    fn a_test_that_must_run_fails_when_it_is_skipped() {
        skip_unless(true, "no driver");
    }
}
