//! Which commit the build script takes the program for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Scratch;

#[expect(dead_code, reason = "cargo alone runs its main")]
#[path = "../crates/experiment/build.rs"]
mod build;
use build::Checkout;

const FILES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "crates/bonus-loss/src/lib.rs",
    "crates/experiment/Cargo.toml",
    "crates/experiment/src/main.rs",
];

/// What git prints in a folder; `None` if this machine has no git.
fn git(folder: &Path, arguments: &str) -> Option<String> {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=n",
        "-c",
        "user.email=e",
        "-c",
        "commit.gpgsign=false",
    ]);
    command.args(arguments.split(' ')).current_dir(folder);
    let output = command.output().ok()?;
    assert!(output.status.success(), "git {arguments}: {output:?}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// A checkout of these files below `root`, with the commit it is at.
fn checkout(root: &Path) -> Option<String> {
    for file in FILES {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    git(root, "init --quiet")?;
    git(root, "add .")?;
    git(root, "commit --quiet --message first")?;
    git(root, "rev-parse HEAD")
}

fn commit_at(package: &Path) -> Option<String> {
    Checkout::around(package).map(|checkout| checkout.commit)
}

#[test]
fn the_commit_is_dirty_as_long_as_a_tracked_file_differs_from_it() {
    let scratch = Scratch::new();
    let root = scratch.path("checkout");
    let Some(commit) = checkout(&root) else {
        return eprintln!("skipped: no git");
    };
    let package = root.join("crates/experiment");
    assert_eq!(commit_at(&package), Some(commit.clone()));
    fs::write(root.join("notes.txt"), "untracked").unwrap();
    assert_eq!(commit_at(&package), Some(commit.clone()));
    for file in FILES {
        fs::write(root.join(file), "changed").unwrap();
        assert_eq!(
            commit_at(&package),
            Some(format!("{commit}-dirty")),
            "{file}"
        );
        fs::write(root.join(file), file).unwrap();
        assert_eq!(commit_at(&package), Some(commit.clone()), "{file}");
    }
    fs::remove_file(root.join("crates/bonus-loss/src/lib.rs")).unwrap();
    git(&root, "add --all");
    assert_eq!(commit_at(&package), Some(format!("{commit}-dirty")));
}

#[test]
fn the_build_script_runs_again_for_what_is_compiled_and_for_a_commit_alone() {
    let scratch = Scratch::new();
    let root = scratch.path("checkout");
    if checkout(&root).is_none() {
        return eprintln!("skipped: no git");
    }
    let package = root.join("crates/experiment");
    let checkout = Checkout::around(&package).expect("a checkout");
    let watched: Vec<PathBuf> = (checkout.watched.iter())
        .map(|path| path.canonicalize().unwrap())
        .collect();
    let root = root.canonicalize().unwrap();
    for file in FILES.iter().chain(&[".git/HEAD", ".git/logs/HEAD"]) {
        let is_watched = watched.contains(&root.join(file));
        assert_eq!(is_watched, *file != "README.md", "{file}: {watched:?}");
    }
}

#[test]
fn outside_a_checkout_of_this_project_the_commit_is_unknown() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("archive/crates/experiment")).unwrap();
    assert_eq!(commit_at(&scratch.path("archive/crates/experiment")), None);
    let other = scratch.path("other");
    let unpacked = other.join("vendor/crates/experiment");
    fs::create_dir_all(&unpacked).unwrap();
    if checkout(&other).is_some() {
        assert_eq!(commit_at(&unpacked), None);
    }
}

#[test]
fn version_names_the_commit_and_the_backends() {
    let run = Scratch::new().run(&["--version"]).expect(0);
    let version = run.stdout.trim();
    let (commit, backends) = version
        .strip_prefix(concat!(
            "experiment ",
            env!("CARGO_PKG_VERSION"),
            " (commit "
        ))
        .and_then(|rest| rest.strip_suffix(')')?.split_once("; backends "))
        .unwrap_or_else(|| panic!("{version}"));
    let hash = commit.strip_suffix("-dirty").unwrap_or(commit);
    let is_hash = hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_hash || commit == "unknown", "{commit}");
    for (name, is_compiled_in) in [
        ("flex", cfg!(feature = "flex")),
        ("ndarray", cfg!(feature = "ndarray")),
        ("wgpu", cfg!(feature = "wgpu")),
    ] {
        let is_named = backends.split(", ").any(|backend| backend == name);
        assert_eq!(is_named, is_compiled_in, "{name}: {version}");
    }
}
