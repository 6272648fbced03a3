//! `experiment report --html`: a page of a store, and the reports that are read back from it.

use std::fs;
use std::path::Path;

use crate::run::{CROSS_ENTROPY, sweep};
use crate::support::Scratch;

const FOCAL: &str = r#"{ name = "focal" }"#;
const CLAIM: &str = "[[claim]]\nbetter = \"focal\"\nthan = \"cross_entropy\"\nmargin = 1\n";

/// A store `s` of two losses on three seeds, and its page `page.html`.
fn reported() -> Scratch {
    let scratch = Scratch::new();
    let losses = format!("{CROSS_ENTROPY}, {FOCAL}");
    let text = sweep(&losses, "[1, 2, 3]", &format!("validation = 20\n{CLAIM}"));
    scratch.write("a.toml", &text);
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    let page = ["report", "s", "--html", "page.html"];
    let told = scratch.run(&page).expect(0);
    assert_eq!(
        (told.stdout.as_str(), told.stderr.as_str()),
        ("", "wrote page.html\n")
    );
    scratch
}

#[test]
fn every_report_is_the_same_from_the_page_as_from_the_store() {
    let scratch = reported();
    for format in [
        &[][..],
        &["--markdown"],
        &["--csv"],
        &["--json"],
        &["--metrics", "accuracy,nll"],
        &["--trials"],
        &["--trials", "--csv"],
        &["--trials", "--json"],
        &["--curves", "--csv"],
        &["--claims", "--json"],
        &["--check"],
    ] {
        let of_store = scratch.run(&[&["report", "s"], format].concat());
        let of_page = scratch.run(&[&["report", "--from", "page.html"], format].concat());
        assert!(!of_store.stdout.is_empty(), "{format:?}");
        assert_eq!(of_page.stdout, of_store.stdout, "{format:?}");
        assert_eq!(of_page.code, of_store.code, "{format:?}");
    }
}

#[test]
fn the_page_of_a_copied_store_and_of_the_page_itself_is_the_same_bytes() {
    let scratch = reported();
    copy(&scratch.path("s"), &scratch.path("elsewhere/copy"));
    let page = fs::read(scratch.path("page.html")).unwrap();
    let html = ["report", "elsewhere/copy", "--html", "b.html"];
    scratch.run(&html).expect(0);
    assert!(fs::read(scratch.path("b.html")).unwrap() == page);
    let html = ["report", "--from", "page.html", "--html", "c.html"];
    scratch.run(&html).expect(0);
    assert!(fs::read(scratch.path("c.html")).unwrap() == page);
    let page = String::from_utf8(page).unwrap();
    let folder = scratch.path("");
    assert!(!page.contains(folder.to_str().unwrap()));
    assert!(page.contains("experiment run STORE/trials/ID/settings.toml"));
}

#[test]
fn a_run_keeps_copies_of_the_images_that_its_page_shows_and_makes_them_again() {
    let scratch = reported();
    let page = fs::read_to_string(scratch.path("s/report.html")).unwrap();
    let names = page.split("data-name=\"").skip(1);
    let names: Vec<&str> = names
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    let files = fs::read_dir(scratch.path("s/images")).unwrap();
    assert!(
        !names.is_empty() && files.count() == names.len(),
        "{names:?}"
    );
    let file = scratch.path(&format!("s/images/{}.png", names[0]));
    let copy = fs::read(&file).unwrap();
    assert!(copy.starts_with(b"\x89PNG"));
    fs::write(&file, &copy[..copy.len() / 2]).unwrap();
    scratch
        .run(&["report", "s", "--html", "without.html"])
        .expect(0);
    let without = fs::read_to_string(scratch.path("without.html")).unwrap();
    assert_eq!(without.matches("<img").count(), names.len() - 1);
    scratch.run(&["run", "a.toml", "--store", "s"]).expect(0);
    assert!(fs::read(&file).unwrap() == copy);
    assert!(fs::read_to_string(scratch.path("s/report.html")).unwrap() == page);
}

#[test]
fn every_figure_is_a_file_too() {
    let scratch = reported();
    let told = scratch.run(&["report", "s", "--svg", "figures"]).expect(0);
    let page = fs::read_to_string(scratch.path("page.html")).unwrap();
    let files: Vec<String> = fs::read_dir(scratch.path("figures"))
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("<svg xmlns="), "{text}");
            path.file_stem().unwrap().to_string_lossy().into_owned()
        })
        .collect();
    assert_eq!(files.len(), page.matches("<figure>").count());
    assert!(
        told.stderr
            .contains(&format!("wrote {} figures to figures", files.len()))
    );
    for name in files {
        assert!(page.contains(&format!("id=\"{name}-title\"")), "{name}");
    }
}

/// `EXPERIMENT_WRITE_DOCS=1` writes page and figure as this version makes them.
#[test]
fn the_committed_answer_is_what_its_page_says() {
    let results = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../results/blog-question"
    ));
    let committed = results.join("page.html");
    let scratch = Scratch::new();
    let from = ["report", "--from", committed.to_str().unwrap()];
    let of_page = |arguments: &[&str]| scratch.run(&[&from, arguments].concat()).expect(0);
    let summary = fs::read_to_string(results.with_extension("md")).unwrap();
    let told = of_page(&[]).stdout;
    assert!(told.contains("1. ") && summary.contains(&told), "{told}");
    of_page(&["--html", "page.html", "--svg", "figures"]);
    for (made, kept) in [
        ("page.html", "page.html"),
        (
            "figures/differences-accuracy.svg",
            "differences-accuracy.svg",
        ),
        (
            "figures/tuning-learning-rate.svg",
            "tuning-learning-rate.svg",
        ),
    ] {
        let (made, kept) = (fs::read(scratch.path(made)).unwrap(), results.join(kept));
        if std::env::var_os("EXPERIMENT_WRITE_DOCS").is_some() {
            fs::write(&kept, &made).unwrap();
        } else {
            let is_same = fs::read(&kept).unwrap() == made;
            assert!(
                is_same,
                "{}: EXPERIMENT_WRITE_DOCS=1 writes it again",
                kept.display()
            );
        }
    }
}

#[test]
fn what_is_no_page_is_named_and_so_is_what_is_missing() {
    let scratch = Scratch::new();
    scratch.write("a.html", "<html></html>");
    let refused = scratch.run(&["report", "--from", "a.html"]).expect(2);
    let expected =
        "a.html: expected a page that `experiment report --html` wrote: it has no numbers";
    assert!(refused.stderr.contains(expected), "{refused:#?}");
    let missing = scratch.run(&["report", "--from", "b.html"]).expect(2);
    assert!(
        missing.stderr.contains("b.html: cannot be read"),
        "{missing:#?}"
    );
    scratch.run(&["report"]).expect(2);
    scratch.run(&["report", "s", "--from", "a.html"]).expect(2);
    scratch
        .run(&["report", "s", "--html", "a.html", "--csv"])
        .expect(2);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}
