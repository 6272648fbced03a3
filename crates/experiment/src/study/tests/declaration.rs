//! What identifies a sweep: the ids of its trials, and the digest of what it declares.

use sha2::{Digest, Sha256};

use super::*;
use crate::digest::hex;

#[test]
fn what_a_sweep_declares_changes_its_digest_and_nothing_else_does() {
    let parse = |text: &str| digest(&sweep::parse(text, Path::new("x.toml")).unwrap());
    let before = parse(TUNED);
    for (from, to) in [
        ("name = \"x\"", "name = \"y\"  # a comment"),
        ("dataset = \"shapes\"", "dataset = \"shapes\"\nthreads = 1"),
    ] {
        assert_eq!(parse(&TUNED.replacen(from, to, 1)), before, "{to}");
    }
    for (from, to) in [
        ("margin = 0.5", "margin = 0.25"),
        (
            "better = \"focal\"\nthan = \"cross_entropy\"",
            "than = \"focal\"\nbetter = \"cross_entropy\"",
        ),
        ("tuned_for = \"cross_entropy\"", "tuned_for = \"focal\""),
        (
            "{ tuned_for = \"cross_entropy\" }",
            "{ learning_rate = 0.03 }",
        ),
        ("[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5]"),
        ("[1, 2, 3, 4, 5, 6]", "{ until = \"decided\", at_most = 6 }"),
        ("[11, 12]", "[11]"),
        ("[0.1, 0.03, 0.01]", "[0.1, 0.03, 0.02]"),
        ("margin = 0.5", "margin = 0.5\npaired = false"),
        ("margin = 0.5", "margin = 0.5\nmetric = \"brier_score\""),
    ] {
        assert_ne!(parse(&TUNED.replacen(from, to, 1)), before, "{to}");
    }
}

/// Of the trials that are due first: a store of an earlier version has these.
#[test]
fn ids_of_the_sweep_files_never_change() {
    let expected = [
        ("blog-question.toml", 25, "4c1d679c4901"),
        ("blog-table.toml", 15, "58cacf083b30"),
        ("cifar10-narrow.toml", 12, "05864f0fb106"),
        ("cifar10-short.toml", 2, "4094c7c0578c"),
        ("gpu-accuracy.toml", 2, "96d06a712a62"),
        ("quickstart.toml", 9, "9da9232b14e1"),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let found = files.iter().map(|path| {
        let (sweep, _) = sweep::read(path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        let Ok(study) = Study::new(&sweep, |_| Ok::<_, Infallible>(None));
        let due = study.due();
        let ids: String = (due.iter())
            .map(|run| format!("{}\n", run.trial.id))
            .collect();
        let digest = hex(&Sha256::digest(ids)[..6]);
        let name = path.file_name().unwrap().to_str().unwrap();
        (name, due.len(), digest)
    });
    let found: Vec<_> = found.collect();
    let found: Vec<_> = (found.iter())
        .map(|(name, count, ids)| (*name, *count, &**ids))
        .collect();
    assert_eq!(found, expected);
}
