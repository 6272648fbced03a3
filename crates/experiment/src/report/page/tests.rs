//! Pages of made-up sweeps: their content, their size, and that they give back what they were made of.

use std::collections::BTreeSet;

use super::*;
use crate::report::snapshot::tests::{SIXTY, finished};
use crate::report::{Format, findings, render};

fn html(snapshot: &Snapshot) -> String {
    Page::of(snapshot).html()
}

#[test]
fn a_page_gives_back_every_number_and_the_same_page() {
    let snapshot = finished(SIXTY, 2);
    let page = html(&snapshot);
    let read = snapshot_in(&page).unwrap();
    let tables = |snapshot: &Snapshot| {
        let (study, declared_after) = snapshot.study().unwrap();
        let groups = crate::report::groups_of(&snapshot.ended());
        let formats = [Format::Text, Format::Markdown, Format::Csv, Format::Json];
        formats.map(|format| {
            let findings = findings(&study, declared_after, format);
            findings + &render(&groups, &DEFAULT_METRICS, format)
        })
    };
    assert_eq!(tables(&read), tables(&snapshot));
    assert!(html(&read) == page);
}

#[test]
fn the_answer_comes_first_and_every_section_follows_in_its_order() {
    let page = html(&finished(SIXTY, 3));
    let mut rest = page.as_str();
    for part in [
        "<h1>sixty</h1>",
        "Is a bonus worth it?",
        "<h2 id=\"answer\">",
        "<strong class=\"win\">WIN</strong> encouraging(log_end=1)",
        "<strong class=\"",
        "id=\"differences-accuracy-title\"",
        "id=\"differences-cross-entropy-title\"",
        "What would change this answer",
        "which no number of seeds reduces",
        "the other way round 88",
        "<h2 id=\"results\">",
        "<h2 id=\"curves\">",
        "id=\"train-accuracy-title\"",
        "id=\"eval-cross-entropy-title\"",
        "<h2 id=\"tuning\">",
        "tried at 5 settings with 2 seeds each",
        "id=\"tuning-learning-rate-title\"",
        "<h2 id=\"why\">",
        "id=\"gradient-of-the-losses-title\"",
        "<h2 id=\"growth\">",
        "id=\"log-odds-title\"",
        "<h2 id=\"gained\">",
        "Classified correctly more often with encouraging(log_end=1) than with cross_entropy",
        "data-name=\"0123456789ab-0\" alt=\"\" width=\"96\" height=\"96\"><span>cat: 9/10 vs 0/10</span>",
        "Classified correctly more often with cross_entropy than with encouraging(log_end=1)",
        "<span>cat: 7/10 vs 0/10</span>",
        "What differs from the paper",
        "Images were 224 pixels wide.",
        "92.34 ± 0.70, 5 seeds",
        "batch_size</th><td>64</td><td>128</td><td>yes",
        "Where the numbers come from",
        "60 trials",
        "avx2",
        "How to read this page",
    ] {
        let (_, after) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("no {part} in {rest}"));
        rest = after;
    }
}

#[test]
fn text_of_a_sweep_is_escaped_and_ends_no_script() {
    let page = html(&finished(SIXTY, 1));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains("worth it? <b>"));
    assert!(page.contains("worth it? &#60;b&#62;&#38;amp; &#60;/script&#62;"));
    assert_eq!(page.matches("src=").count(), 12);
    assert_eq!(
        page.matches("<img src=\"data:image/png;base64,").count(),
        12
    );
    for outside in ["@import", "url(", "onload", "<link rel=\"stylesheet\""] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn pages_stay_small() {
    let tuned = |seeds: usize, rates: &str| {
        let seeds: Vec<String> = (1..=seeds).map(|seed| seed.to_string()).collect();
        SIXTY
            .replace(
                "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
                &format!("[{}]", seeds.join(", ")),
            )
            .replace("[0.003, 0.01, 0.03, 0.1, 0.3]", rates)
    };
    let rates: Vec<String> = (1..=50)
        .map(|step| (0.01 * f64::from(step)).to_string())
        .collect();
    let thousand = tuned(234, &format!("[{}]", rates.join(", ")));
    for (sweep, trials, epochs, most) in [
        (SIXTY.to_owned(), 60, 30, 200_000),
        (SIXTY.to_owned(), 60, 200, 200_000),
        (thousand, 1002, 10, 1_002_000),
    ] {
        let snapshot = finished(&sweep, epochs);
        assert_eq!(snapshot.trials.len(), trials);
        let page = Page::fitting(snapshot).html();
        if let Some(folder) = std::env::var_os("EXPERIMENT_KEEP_PAGES") {
            let file = format!("{trials}-trials-{epochs}-epochs.html");
            std::fs::write(std::path::Path::new(&folder).join(file), &page).unwrap();
        }
        assert!(
            page.len() <= most,
            "{trials} trials of {epochs} epochs: {} bytes",
            page.len()
        );
        assert!(
            html(&snapshot_in(&page).unwrap()) == page,
            "{trials} trials"
        );
    }
}

#[test]
fn what_does_not_fit_is_left_out_and_named_and_the_tables_of_results_stay() {
    let in_page = |snapshot: &Snapshot| {
        let page = Page::fitting(snapshot.clone()).html();
        snapshot_in(&page).unwrap()
    };
    let mut small = finished(SIXTY, 1);
    small.pictures.clear();
    assert_eq!(in_page(&small).omitted, BTreeSet::new());
    let large = finished(SIXTY, 30);
    let fitting = in_page(&large);
    assert_eq!(fitting.omitted, BTreeSet::from([Omission::Epochs]));
    assert!(fitting.trials.iter().all(|trial| trial.epochs.is_empty()));
    assert_eq!(
        (fitting.ended(), &fitting.curves),
        (large.ended(), &large.curves)
    );
    assert_eq!(in_page(&fitting), fitting);
}

#[test]
fn verdicts_of_an_incomplete_sweep_are_withheld_and_what_is_missing_is_said() {
    let mut snapshot = finished(SIXTY, 1);
    let (study, _) = snapshot.study().unwrap();
    let last = study.arms[0].runs[9].trial.id.clone();
    snapshot.trials.retain(|trial| trial.trial.id != last);
    let page = html(&snapshot);
    assert!(
        page.contains("1 of 60 trials have no result yet. Verdicts are withheld"),
        "{page}"
    );
    assert!(page.contains("<strong class=\"withheld\">WITHHELD</strong>"));
    assert!(!page.contains("differences-accuracy") && !page.contains(">WIN<"));
    let tuning = study.tuning.as_ref().unwrap().candidates[1][0].runs[0]
        .trial
        .id
        .clone();
    snapshot.trials.retain(|trial| trial.trial.id != tuning);
    assert!(html(&snapshot).contains("the tuning stage is not complete"));
}

#[test]
fn a_store_without_a_sweep_file_has_tables_curves_and_provenance() {
    let mut snapshot = finished(SIXTY, 2);
    snapshot.plan = None;
    snapshot.images = Vec::new();
    let page = html(&snapshot);
    assert!(page.contains("<h1>Results</h1>") && page.contains("Every trial by its row"));
    for absent in [
        "id=\"answer\"",
        "id=\"tuning\"",
        "id=\"why\"",
        "id=\"protocol\"",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
    snapshot.trials.clear();
    snapshot.curves.clear();
    assert!(html(&snapshot).contains("No trial that evaluates the test set has ended yet."));
}

#[test]
fn every_figure_has_a_name_of_its_own_and_a_caption() {
    let page = Page::of(&finished(SIXTY, 2));
    let figures = page.figures();
    let names: BTreeSet<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert!(
        figures.len() > 8 && names.len() == figures.len(),
        "{names:?}"
    );
    assert!(figures.iter().all(|figure| !figure.caption.is_empty()));
}

#[test]
fn images_without_a_copy_are_named_by_their_numbers() {
    let mut snapshot = finished(SIXTY, 1);
    let whole = html(&snapshot);
    assert_eq!(snapshot_in(&whole).unwrap().pictures, snapshot.pictures);
    snapshot.pictures.clear();
    let page = html(&snapshot);
    assert!(page.contains("<li><span>image 0: 9/10 vs 0/10</span></li>"));
    assert!(!page.contains("<img"));
}

#[test]
fn a_page_that_is_none_is_refused() {
    assert!(snapshot_in("<html></html>").is_err());
    let page = html(&finished(SIXTY, 1));
    let cut = &page[..page.len() - 40];
    assert_eq!(snapshot_in(cut).unwrap_err().to_string(), "it was cut off");
    let damaged = page.replace("png;base64,iVBOR", "png;base64,iVBOX");
    let error = snapshot_in(&damaged).unwrap_err().to_string();
    assert!(
        error.starts_with("the picture 0123456789ab-0 cannot be read: "),
        "{error}"
    );
}
