//! What is there before the download.

use super::*;

#[test]
fn files_that_are_there_are_verified_and_kept() {
    let mut setting = Setting::new();
    let server = setting.serve(&[Answer::Range]);
    setting.fetch(&[&server]).unwrap();
    let folder = setting.fetch(&[]).unwrap();
    setting.assert_fetched(&folder);
    assert!(setting.messages.last().unwrap().contains("already present"));
}

#[test]
fn other_files_in_the_place_are_never_touched() {
    let mut setting = Setting::new();
    let folder = setting.root.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("test_batch.bin"), "mine").unwrap();
    let server = setting.serve(&[Answer::Range]);
    let error = setting.fetch(&[&server]).unwrap_err().to_string();
    assert!(
        error.contains("expected nothing or the official files of cifar10"),
        "{error}"
    );
    assert_eq!(fs::read(folder.join("test_batch.bin")).unwrap(), b"mine");
    assert!(server.requests().is_empty());
}

#[test]
fn empty_folder_in_the_place_is_filled() {
    let mut setting = Setting::new();
    fs::create_dir(setting.root.path().join("cifar-10-batches-bin")).unwrap();
    let server = setting.serve(&[Answer::Range]);
    let folder = setting.fetch(&[&server]).unwrap();
    setting.assert_fetched(&folder);
}

#[cfg(unix)]
#[test]
fn names_that_cannot_be_opened_are_errors_and_never_replaced() {
    for name in ["cifar-10-batches-bin", "cifar-10-binary.tar.gz"] {
        let mut setting = Setting::new();
        let link = setting.root.path().join(name);
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let server = setting.serve(&[Answer::Range]);
        let error = setting.fetch(&[&server]).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: expected a f")), "{error}");
        assert!(error.contains("a symbolic link to nowhere"), "{error}");
        assert!(link.is_symlink());
        assert!(server.requests().is_empty());
    }
}

#[test]
fn archive_that_is_there_is_unpacked_without_a_download_and_kept() {
    let mut setting = Setting::new();
    let local = setting.root.path().join("cifar-10-binary.tar.gz");
    fs::write(&local, &setting.archive).unwrap();
    let server = setting.serve(&[Answer::Range]);
    setting.fetch(&[&server]).unwrap();
    assert_eq!(fs::read(&local).unwrap(), setting.archive);
    fs::remove_file(&local).unwrap();
    setting.assert_fetched(&setting.root.path().join("cifar-10-batches-bin"));
    assert!(server.requests().is_empty());
}

#[test]
fn another_file_of_the_archives_name_is_told_kept_and_not_used() {
    let setting = Setting::new();
    let mut wrong_bytes = setting.archive.clone();
    wrong_bytes[100] ^= 1;
    for (content, found) in [
        (b"<html>".to_vec(), "found 6; ".to_owned()),
        (
            wrong_bytes.clone(),
            format!("found {}; ", sha256(&wrong_bytes)),
        ),
    ] {
        let mut setting = Setting::new();
        let local = setting.root.path().join("cifar-10-binary.tar.gz");
        fs::write(&local, &content).unwrap();
        let server = setting.serve(&[Answer::Range]);
        setting.fetch(&[&server]).unwrap();
        let told = &setting.messages[0];
        assert!(told.contains("cifar-10-binary.tar.gz: expected "), "{told}");
        assert!(told.contains(&found), "{told}");
        assert_eq!(fs::read(&local).unwrap(), content);
        assert_eq!(server.requests().len(), 1);
    }
}
