//! The other tests of this program with every set of instructions that the machine has.

use std::env;
use std::process::Command;

use training_kernels::Instructions;

/// Runs this program's tests again with each set narrower than the widest, through the variable by which
/// users choose one; the set is a process's, and the widest is tested by the program itself.
#[test]
fn every_test_passes_with_every_set_of_instructions() {
    if env::var_os(Instructions::VARIABLE).is_some() {
        return; // One of the runs below, or a user's for one set.
    }
    let this_program = env::current_exe().expect("this program's file");
    for instructions in Instructions::available().filter(|set| *set != Instructions::widest()) {
        let output = Command::new(&this_program)
            .env(Instructions::VARIABLE, instructions.name())
            .output()
            .expect("this program starts");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{instructions}:\n{told}");
        assert!(!told.contains("running 0 tests"), "{instructions}:\n{told}");
    }
}

#[test]
fn a_set_that_the_machine_does_not_have_is_named() {
    let this_program = env::current_exe().expect("this program's file");
    let output = Command::new(this_program)
        .env(Instructions::VARIABLE, "sse9")
        .arg("batch_norm")
        .output()
        .expect("this program starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    let expected =
        "EXPERIMENT_INSTRUCTIONS: expected instructions that this machine supports (scalar";
    assert!(told.contains(expected), "{told}");
}
