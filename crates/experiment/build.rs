//! Tells the program which commit it was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    // Any such line keeps cargo from building again whenever some file of the package changes.
    println!("cargo::rerun-if-changed=build.rs");
    let commit = checkout().map_or("unknown".to_string(), |checkout| {
        for path in checkout
            .changed_by_a_commit
            .iter()
            .filter(|path| Path::new(path).exists())
        {
            println!("cargo::rerun-if-changed={path}");
        }
        checkout.commit
    });
    println!("cargo::rustc-env=EXPERIMENT_GIT_COMMIT={commit}");
}

struct Checkout {
    commit: String,
    changed_by_a_commit: [String; 2],
}

/// The checkout this package lies in; `None` without git, or where the repository around it is another project's.
fn checkout() -> Option<Checkout> {
    let output = Command::new("git")
        .args(["rev-parse", "HEAD", "--show-prefix"])
        .args(["--git-path", "HEAD", "--git-path", "logs/HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let [commit, "crates/experiment/", head, log] = text.lines().collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(Checkout {
        commit: commit.to_string(),
        changed_by_a_commit: [head.to_string(), log.to_string()],
    })
}
