//! Tells the program what it was built from: the commit, and the backends compiled in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that decide what the program is. Watching others too, such as README.md, would compile the
/// program again for changes that it does not contain.
const COMPILED: [&str; 6] = [
    ":/Cargo.toml",
    ":/Cargo.lock",
    ":/rust-toolchain.toml",
    ":/crates/*/Cargo.toml",
    ":/crates/*/src/*",
    ":/crates/experiment/build.rs",
];

fn main() {
    // Any such line keeps cargo from building again whenever some file of the package changes.
    println!("cargo::rerun-if-changed=build.rs");
    let checkout = Checkout::around(Path::new("."));
    for path in checkout.iter().flat_map(|checkout| &checkout.watched) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let commit = checkout.map_or("unknown".to_string(), |checkout| checkout.commit);
    println!("cargo::rustc-env=EXPERIMENT_GIT_COMMIT={commit}");
    let backends = ["flex", "ndarray", "wgpu"]
        .into_iter()
        .filter(|name| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some());
    let backends = backends.collect::<Vec<_>>().join(", ");
    println!("cargo::rustc-env=EXPERIMENT_BACKENDS={backends}");
}

/// What git knows of this project.
pub struct Checkout {
    /// With `-dirty` where a tracked file differs from it.
    pub commit: String,
    /// What changes with the commit, or makes the program another one than the commit's.
    pub watched: Vec<PathBuf>,
}

impl Checkout {
    /// The checkout that has this package at `folder`; `None` without git, or where the repository around it
    /// is another project's.
    pub fn around(folder: &Path) -> Option<Self> {
        let places = git(
            folder,
            "rev-parse HEAD --show-prefix --git-path HEAD --git-path logs/HEAD",
        )?;
        let [commit, "crates/experiment/", head, log] = places.lines().collect::<Vec<_>>()[..]
        else {
            return None;
        };
        let changes = git(folder, "status --porcelain --untracked-files=no")?;
        let compiled = git(folder, &format!("ls-files -z -- {}", COMPILED.join(" ")))?;
        let watched = [head, log]
            .into_iter()
            .chain(compiled.split_terminator('\0'));
        let dirty = if changes.is_empty() { "" } else { "-dirty" };
        Some(Self {
            commit: format!("{commit}{dirty}"),
            // Cargo takes a watched file that is not there for one that has changed.
            watched: watched
                .map(|path| folder.join(path))
                .filter(|path| path.exists())
                .collect(),
        })
    }
}

/// What git prints in `folder`; `None` if it fails or there is no git.
fn git(folder: &Path, arguments: &str) -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(folder);
    // Another git may be at work in this checkout and need the lock that refreshing the index takes.
    command
        .arg("--no-optional-locks")
        .args(arguments.split(' '));
    let output = command.output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    String::from_utf8(text).ok()
}
