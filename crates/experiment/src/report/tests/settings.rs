//! What tells groups apart, and how it is shown.

use super::*;

#[test]
fn a_key_that_came_later_does_not_tell_old_trials_from_new_ones() {
    let old = done("a", settings("focal", 1), 0.5);
    let mut new = done("b", settings("focal", 2), 0.5);
    new.settings = crate::report::settings::complete(new.settings);
    assert!(!old.settings.contains_key("weight_decay"));
    assert!(new.settings.contains_key("weight_decay"));
    let groups = groups::group(vec![old, new]);
    let runs = groups.iter().map(|group| group.runs.len());
    assert_eq!(runs.collect::<Vec<_>>(), [2]);
}

#[test]
fn trials_that_asked_for_mixed_precision_and_got_f32_have_a_row_of_their_own() {
    let mixed = |used: &str, seed: u64| {
        let mut result = done("a", settings("focal", seed), 0.5);
        result
            .settings
            .insert("precision".to_string(), json!("mixed"));
        result.precision_used = Some(used.to_string());
        result
    };
    let groups = groups::group(vec![mixed("mixed", 1), mixed("f32", 2)]);
    let table = text(&groups);
    let used = |line: usize| table.lines().nth(line).unwrap().split_whitespace().nth(1);
    assert!(table.starts_with("loss   precision used"), "{table}");
    assert_eq!([used(2), used(3)], [Some("mixed"), Some("f32")]);
    assert!(table.contains("\nfocal  f32 *  "), "{table}");
    let note =
        "\nprecision used *: not the requested precision, which the device does not support.\n";
    assert!(table.ends_with(note), "{table}");
    assert!(!text(&groups[..1]).contains("precision"));
}

#[test]
fn a_key_of_the_grid_without_effect_is_a_dash() {
    let scheduled = |schedule: &str, step_epochs: u64| {
        let mut result = done("a", settings("focal", 1), 0.5);
        for (key, value) in [
            ("schedule", json!(schedule)),
            ("step_epochs", json!(step_epochs)),
        ] {
            result.settings.insert(key.to_string(), value);
        }
        result
    };
    let results = [("cosine", 60), ("step", 60), ("step", 30)];
    let results = results.map(|(schedule, step_epochs)| scheduled(schedule, step_epochs));
    let table = text(&groups::group(results.to_vec()));
    let cells = |line: usize| -> Vec<&str> {
        let cells = table.lines().nth(line).unwrap().split_whitespace();
        cells.skip(1).take(2).collect()
    };
    assert_eq!(cells(0), ["schedule", "step_epochs"]);
    assert_eq!(
        [cells(2), cells(3), cells(4)],
        [["cosine", "–"], ["step", "60"], ["step", "30"]]
    );
}

#[test]
fn a_setting_that_only_some_rows_have_is_shown_as_varying() {
    let mut groups = groups();
    groups[1]
        .settings
        .insert("later_setting".to_string(), json!("on"));
    let text = text(&groups);
    let cells: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(cells[0][..3], ["loss", "later_setting", "learning_rate"]);
    assert_eq!(cells[2][..3], ["cross_entropy", "–", "0.1"]);
}
